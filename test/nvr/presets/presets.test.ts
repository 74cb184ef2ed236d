import assert from 'node:assert/strict';
import { splitAddress } from '../../../lib/nvr/presets/address.js';
import { PRESETS } from '../../../lib/nvr/presets/makers.js';
import { recognise } from '../../../lib/nvr/presets/recognise.js';
import { expandTemplate, playbackPath } from '../../../lib/nvr/uri-template.js';
import type { NvrSettings } from '../../../lib/nvr/types.js';
import { settingsFor } from '../../kit/settings.js';

/** An NVR with all that a preset says, as the dialog sets it. */
function settingsOf(id: string): NvrSettings {
  const { live, playback, codes, firstChannel, port } = PRESETS.find((one) => one.id === id)!;
  return settingsFor(port, {
    ...{ uriStyle: 'custom', liveTemplate: live, playbackTemplate: playback },
    ...{ streamCodes: codes, firstChannel, timeZone: 'UTC' },
  });
}
const live = (id: string, channel: number, stream: string): string => {
  const settings = settingsOf(id);
  return expandTemplate(settings.liveTemplate, settings, channel, stream);
};

describe('presets of makers', () => {
  it('are at least 40 makers, each with its source, each told as untried, and no two by one name', () => {
    const makers = new Set(PRESETS.map(({ maker }) => maker.replace(/ \(.*/, '')));
    assert.ok(makers.size >= 40, `${makers.size} makers`);
    assert.equal(new Set(PRESETS.map(({ id }) => id)).size, PRESETS.length);
    assert.equal(new Set(PRESETS.map(({ maker }) => maker)).size, PRESETS.length);
    for (const { id, source, tried } of PRESETS) {
      assert.match(source, /^https?:\/\/[^\s]+$/, id);
      assert.equal(tried, false, id);
    }
  });

  for (const [id, main, dual] of [
    ['mobotix', '/mobotix.h264', '/mobotix.h264'],
    ['hikvision', '/Streaming/Channels/101', '/Streaming/Channels/102'],
    ['hikvision-old', '/h264/ch1/main/av_stream', '/h264/ch1/sub/av_stream'],
    ['dahua', '/cam/realmonitor?channel=1&subtype=0', '/cam/realmonitor?channel=1&subtype=1'],
    ['reolink', '/h264Preview_01_main', '/h264Preview_01_sub'],
    ['reolink-preview', '/Preview_01_main', '/Preview_01_sub'],
    ['uniview', '/unicast/c1/s0/live', '/unicast/c1/s1/live'],
    ['uniview-camera', '/media/video1', '/media/video2'],
    ['hanwha', '/profile2/media.smp', '/profile3/media.smp'],
    ['hanwha-sensors', '/0/profile2/media.smp', '/0/profile3/media.smp'],
    ['hanwha-nvr', '/LiveChannel/0/media.smp', '/LiveChannel/0/media.smp'],
    ['bosch', '/?inst=1', '/?inst=2'],
    ['foscam', '/videoMain', '/videoSub'],
    ['tp-link', '/stream1', '/stream2'],
    ['d-link', '/live1.sdp', '/live3.sdp'],
    ['milesight', '/main', '/sub'],
    ['milesight-dual', '/channel1/main', '/channel1/sub'],
    ['amlink', '/video/livemedia?Ch=1&Streamtype=0', '/video/livemedia?Ch=1&Streamtype=1'],
    ['instar', '/11', '/12'],
    ['eufy', '/live0', '/live1'],
    ['huawei', '/LiveMedia/ch1/Media1', '/LiveMedia/ch1/Media2'],
    ['infinova', '/1/h264major', '/1/h264minor'],
    ['santachi', '/stream/av0_0', '/stream/av0_1'],
    ['sharx', '/live/0/h264.sdp', '/live/2/h264.sdp'],
    ['digital-watchdog', '/rtsp/unicast/live/profile-1', '/rtsp/unicast/live/profile-1'],
  ] as const) {
    it(`ask ${id} for the paths that its source shows`, () => {
      assert.equal(live(id, 1, 'main'), main);
      assert.equal(live(id, 1, 'dual'), dual);
    });
  }

  it('expand with their own values alone, for every maker, channel and stream, and are told apart by no setting more', () => {
    for (const { id, playback } of PRESETS) {
      for (const channel of [1, 16])
        for (const stream of ['main', 'dual']) {
          assert.match(live(id, channel, stream), /^\/[\x21-\x7e]*$/, id);
          if (playback === '') continue;
          const span = { start: Date.UTC(2026, 2, 29, 14, 2), end: Date.UTC(2026, 2, 29, 14, 4), key: '' };
          assert.match(playbackPath(settingsOf(id), channel, stream, span), /^\/[\x21-\x7e]+$/, id);
        }
    }
  });

  it('ask for recordings as the sources show', () => {
    const span = { start: Date.UTC(2026, 2, 29, 14, 2), end: Date.UTC(2026, 2, 29, 14, 4), key: '' };
    const path = (id: string): string => playbackPath(settingsOf(id), 1, 'main', span);
    assert.equal(
      path('hikvision'),
      '/Streaming/tracks/101?starttime=20260329T140200Z&endtime=20260329T140400Z',
    );
    assert.equal(
      path('dahua'),
      '/cam/playback?channel=1&subtype=0&starttime=2026_03_29_14_02_00&endtime=2026_03_29_14_04_00',
    );
    assert.equal(path('uniview'), '/c1/b1774792920/e1774793040/replay/');
  });
});

describe('a pasted path', () => {
  it('of every preset, for every channel and stream, is known again as a template that asks for the same', () => {
    for (const { id } of PRESETS) {
      for (const channel of [1, 2, 12])
        for (const stream of ['main', 'dual'] as const) {
          const path = live(id, channel, stream);
          const known = recognise(path, settingsOf(id).rtspPort);
          assert.ok(known !== undefined, `${id}: ${path}`);
          const { preset, template } = known;
          const settings = { ...settingsOf(preset.id), liveTemplate: template };
          assert.equal(expandTemplate(template, settings, known.channel ?? 1, known.stream ?? 'main'), path);
        }
    }
  });

  it('keeps its spelling and what it says further', () => {
    const known = recognise('/Streaming/channels/1202?transportmode=unicast');
    assert.equal(known?.preset.id, 'hikvision');
    assert.equal(known.template, '/Streaming/channels/{ch}0{stream}?transportmode=unicast');
    assert.deepEqual({ channel: known.channel, stream: known.stream }, { channel: 12, stream: 'dual' });
  });

  it('that nobody is known to have is nobody’s', () => {
    for (const path of ['/', '/mystream', '/Streaming/Channels/', '/stream1x', '/h264Preview_1_main'])
      assert.equal(recognise(path), undefined, path);
  });
});

describe('a pasted address', () => {
  it('is split into host, port, account, TLS and path', () => {
    const { preset, ...rest } = splitAddress(' rtsp://admin:p%40ss@192.168.1.10:554/h264Preview_01_main ')!;
    assert.equal(preset?.maker, 'Reolink');
    assert.deepEqual(rest, {
      ...{ tls: false, host: '192.168.1.10', port: 554, username: 'admin', password: 'p@ss' },
      ...{ template: '/h264Preview_{ch:2}_{stream}', channel: 1, stream: 'main' },
    });
  });

  it('keeps an unknown path literally, braces and all', () => {
    assert.equal(splitAddress('rtsp://cam/my{stream}')?.template, '/my%7Bstream%7D');
    assert.equal(splitAddress('rtsps://cam:7441/aBcD?x=1')?.template, '/aBcD?x=1');
  });

  it('may be a host, host:port, IPv6, or what a browser shows', () => {
    assert.deepEqual(splitAddress('nvr.local'), { host: 'nvr.local' });
    assert.deepEqual(splitAddress('10.0.0.2:8554'), { host: '10.0.0.2', port: 8554 });
    assert.deepEqual(splitAddress('[fe80::1]:554'), { host: 'fe80::1', port: 554 });
    assert.deepEqual(splitAddress('fe80::1'), { host: 'fe80::1' });
    assert.deepEqual(splitAddress('http://10.0.0.2/doc/page/login.asp'), { host: '10.0.0.2' });
  });

  it('that cannot be one is none', () => {
    for (const text of ['', 'a b', 'rtsp://', 'rtsp:// cam/x', 'cam/stream1', 'rtsp://cam:99999/x'])
      assert.equal(splitAddress(text), undefined, text);
  });
});
