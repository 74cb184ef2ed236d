import assert from 'node:assert/strict';
import type { NvrSettings } from '../../lib/nvr/types.js';
import { expandTemplate, needsKey, playbackPath, templatesOf } from '../../lib/nvr/uri-template.js';
import { settingsFor } from '../kit/settings.js';

const live = (channel: number, stream: string, extra: Partial<NvrSettings> = {}): string => {
  const settings = settingsFor(554, extra);
  return expandTemplate(templatesOf(settings).live, settings, channel, stream);
};
const custom = (liveTemplate: string): Partial<NvrSettings> => ({ uriStyle: 'custom', liveTemplate });

describe('live URIs', () => {
  it('follow the MOVE NVR’s form, zero-based on the wire unless said otherwise', () => {
    assert.equal(live(1, 'main'), '/live?ch=0000&stype=M');
    assert.equal(live(3, 'dual'), '/live?ch=0002&stype=D');
    assert.equal(live(2, 'main', { firstChannel: 1 }), '/live?ch=0002&stype=M');
  });

  it('go up to channel 9999', () => {
    assert.equal(live(9999, 'main'), '/live?ch=9998&stype=M');
  });

  it('follow the older form', () => {
    assert.equal(live(1, 'dual', { uriStyle: 'legacy' }), '/CH00D');
  });

  it('follow templates for other devices', () => {
    const codes = { streamCodes: { main: '1', dual: '2' }, firstChannel: 1 } as const;
    assert.equal(
      live(4, 'dual', { ...custom('/Streaming/Channels/{ch}0{stream}'), ...codes }),
      '/Streaming/Channels/402',
    );
    assert.equal(
      live(4, 'main', { ...custom('cam/realmonitor?channel={ch:2}&subtype={stream}'), ...codes }),
      '/cam/realmonitor?channel=04&subtype=1',
    );
  });

  it('hold letters beyond ASCII as percent-encoded UTF-8: a request line has none', () => {
    assert.equal(live(1, 'main', custom('/vidéo/門')), '/vid%C3%A9o/%E9%96%80');
    assert.equal(live(1, 'main', custom('/a%20b/\ud800')), '/a%20b/%EF%BF%BD');
  });

  for (const [what, run] of [
    ['an empty template', () => live(1, 'main', custom(''))],
    ['an unknown placeholder', () => live(1, 'main', custom('/{camera}'))],
    ['a template with a line break', () => live(1, 'main', custom('/a\r\nX: y'))],
    ['a template with a space', () => live(1, 'main', custom('/a b'))],
    ['channel 0', () => live(0, 'main')],
    ['channel 10000', () => live(10_000, 'main')],
    ['a stream named as what every object has', () => live(1, 'constructor')],
    ['a stream without a code', () => live(1, 'third')],
  ] as const) {
    it(`refuse ${what} with EINPUT`, () => {
      assert.throws(run, { code: 'EINPUT' });
    });
  }
});

describe('playback URIs', () => {
  const START = Date.UTC(2026, 6, 1, 12, 0, 5);

  it('carry whole seconds that have begun, and an end a day later where there is none', () => {
    const settings = settingsFor(554, {
      ...{ uriStyle: 'custom', timeZone: 'Asia/Tokyo' },
      playbackTemplate: '/{start}/{end}/{start:HH}/{start:utc:HH}',
    });
    const start = START + 999;
    const seconds = START / 1000;
    assert.equal(
      playbackPath(settings, 1, 'main', { start, end: undefined, key: '' }),
      `/${seconds}/${seconds + 86_400}/21/12`,
    );
    assert.equal(
      playbackPath({ ...settings, timeZone: '' }, 1, 'main', { start, end: start + 1, key: '' }),
      `/${seconds}/${seconds + 1}/12/12`,
    );
  });

  it('carry the key percent-encoded', () => {
    const path = playbackPath(settingsFor(554), 1, 'main', {
      start: START,
      end: undefined,
      key: 'a&b=/+% ü',
    });
    assert.equal(path, '/playback?ch=0000&stype=M&pbkey=a%26b%3D%2F%2B%25%20%C3%BC');
    assert.equal(needsKey(settingsFor(554)), true);
  });

  it('carry times in any form where a template asks for no key, in the NVR’s time zone', () => {
    const settings = settingsFor(554, {
      uriStyle: 'custom',
      timeZone: 'Europe/Berlin',
      playbackTemplate: "/p/{ch}?s={start:yyyyMMdd'T'HHmmss}&u={start:unix}&e={end:iso}",
    });
    assert.equal(needsKey(settings), false);
    assert.equal(
      playbackPath(settings, 1, 'main', { start: START, end: START + 60_000, key: '' }),
      `/p/0?s=20260701T140005&u=${START / 1000}&e=2026-07-01T12%3A01%3A05.000Z`,
    );
  });

  it('are refused with EINPUT where the style has none', () => {
    assert.throws(
      () =>
        playbackPath(settingsFor(554, { uriStyle: 'legacy' }), 1, 'main', {
          start: START,
          end: undefined,
          key: '',
        }),
      { code: 'EINPUT' },
    );
  });
});
