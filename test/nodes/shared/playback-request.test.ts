import assert from 'node:assert/strict';
import sinon from 'sinon';
import type { NvrSettings } from '../../../lib/nvr/types.js';
import { PlaybackRequests, type PlaybackContext } from '../../../nodes/shared/playback-request.js';
import { readSettings } from '../../../nodes/shared/settings/read.js';
import { playbackSettings } from '../../../nodes/shared/settings/tables/nvr-playback.js';
import { FakeRed } from '../../kit/fake-red.js';

const NOW = Date.UTC(2026, 2, 29, 12);
const MINUTE = 60_000;

type Message = Record<string, unknown>;

function requests(saved: object = {}, settings: Partial<NvrSettings> = {}): PlaybackRequests {
  const red = new FakeRed();
  const channels = [{ channel: 3, name: 'Gate' }];
  const server = red.server({}, { channels, timeZone: 'Europe/Berlin', ...settings });
  red.server({}, { name: 'Barn', timeZone: 'UTC', channels: [{ channel: 8, name: 'Gate' }] }, 'barn');
  const read = readSettings(playbackSettings, { nvr: 'nvr', ...saved }, server.settings);
  return new PlaybackRequests({ RED: red.RED, server, settings: read } as unknown as PlaybackContext);
}

describe('what a message asks of a recording', () => {
  let clock: sinon.SinonFakeTimers;

  beforeEach(() => {
    clock = sinon.useFakeTimers({ now: NOW, toFake: ['Date'] });
  });

  afterEach(() => {
    clock.restore();
  });

  const units = (message: Message, saved: object = {}) => requests(saved).units(message as never);
  const span = (message: Message, saved: object = {}): [number, number | undefined] => {
    const { from, to } = units(message, saved)[0]!;
    return [from, to];
  };
  const refused = (message: Message, about: RegExp, saved: object = {}): void => {
    assert.throws(() => units(message, saved), { code: 'EINPUT', message: about });
  };

  it('is one request for a channel, with the node’s settings for all that it does not say', () => {
    const saved = { channel: 'gate', stream: 'dual', speed: '4', group: '2', from: '-5m', duration: '90s' };
    assert.deepEqual(units({}, saved), [
      {
        ...{ run: 'run 1', channel: 3, stream: 'dual', group: 2, speed: 4 },
        ...{ from: NOW - 5 * MINUTE, to: NOW - 5 * MINUTE + 90_000 },
      },
    ]);
    assert.deepEqual(
      units(
        { channel: 7, stream: 'main', speed: '0.5', group: 0, from: '-2m', to: '-1m', run: 'mine' },
        saved,
      ),
      [
        {
          ...{ run: 'mine', channel: 7, stream: 'main', group: 0, speed: 0.5 },
          ...{ from: NOW - 2 * MINUTE, to: NOW - MINUTE },
        },
      ],
    );
  });

  it('reads times without a zone in the NVR’s', () => {
    assert.deepEqual(span({ from: '2026-03-28T12:00:00', to: '2026-03-28T12:01:00Z' }), [
      Date.UTC(2026, 2, 28, 11),
      Date.UTC(2026, 2, 28, 12, 1),
    ]);
  });

  it('ends by its own duration, else its own end, else the node’s end, else the node’s duration, else not at all', () => {
    const from = NOW - 10 * MINUTE;
    const both = { from: '-10m', to: '-9m', duration: '2m' };
    assert.equal(span({}, both)[1], from + MINUTE);
    assert.equal(span({ to: '-8m' }, both)[1], from + 2 * MINUTE);
    assert.equal(span({ duration: '3m' }, both)[1], from + 3 * MINUTE);
    assert.equal(span({ duration: '3m', to: '-8m' }, both)[1], from + 3 * MINUTE);
    for (const duration of ['', ' ', null])
      assert.equal(span({ duration, to: '-8m' }, both)[1], from + 2 * MINUTE);
    assert.equal(span({}, { from: '-10m', duration: '2m' })[1], from + 2 * MINUTE);
    assert.equal(span({ to: '-8m' }, { from: '-10m', duration: '3m' })[1], from + 2 * MINUTE);
    assert.equal(span({}, { from: '-10m' })[1], undefined);
    assert.equal('to' in units({}, { from: '-10m' })[0]!, false);
    const typed = { ...both, durationType: 'msg', duration: 'length' };
    assert.equal(span({ length: 5 }, typed)[1], from + 5000);
  });

  it('is refused where it lies in the future, or ends where it begins', () => {
    refused({ from: NOW }, /"from" lies in the future/);
    assert.deepEqual(span({ from: NOW - 1 }), [NOW - 1, undefined]);
    refused({ from: '-1m', to: '-1m' }, /"to" must be later/);
    refused({ from: '-1m', duration: 0 }, /"duration" must be longer than 0 s/);
    refused({ from: 'yesterday' }, /"from"/);
  });

  it('has a run name of its own each time, or the one that it gives, of 100 characters at most', () => {
    const node = requests();
    const names = [{}, { run: 'mine' }, {}, { run: 7 }].map(
      (more) => node.units({ from: '-1m', ...more } as never)[0]!.run,
    );
    assert.deepEqual(names, ['run 1', 'mine', 'run 2', '7']);
    assert.equal(units({ from: '-1m', run: 'x'.repeat(100) })[0]!.run.length, 100);
    for (const run of ['', 'x'.repeat(101), {}, null, true])
      refused({ from: '-1m', run }, /^msg\.run must be text of at most 100 characters/);
  });

  it('takes channels as a list, a range, names or an array, each once', () => {
    const channels = (channel: unknown): number[] =>
      units({ from: '-1m', channel }).map((request) => request.channel);
    assert.deepEqual(channels('1-2,gate'), [1, 2, 3]);
    assert.deepEqual(channels([3, 'Gate', 5, '5']), [3, 5]);
    assert.deepEqual(channels('*'), [3]);
    refused({ from: '-1m', channel: [] }, /names no channel/);
    refused({ from: '-1m', channel: ['door'] }, /"channel" must be/);
  });

  it('plays several channels in step, which needs a speed', () => {
    refused({ from: '-1m', channel: '1-2', speed: 0 }, /at a "speed" above 0/);
    assert.equal(units({ from: '-1m', channel: '1', speed: 0 })[0]!.speed, 0);
  });

  it('plays units of the node’s own NVR alone, and makes files of any', () => {
    refused({ from: '-1m', nvr: 'barn' }, /msg\.nvr can name another NVR only if "output" is "file"/);
    assert.equal(units({ from: '-1m', nvr: ' HOME ' }).length, 1);
    const file = { from: '2026-03-28T12:00:00', duration: '1m', channel: 'gate', nvr: 'Barn' };
    const { server, channels, from } = requests().files(file as never);
    assert.deepEqual(
      { name: server.settings.name, channels, from },
      { name: 'Barn', channels: [8], from: Date.UTC(2026, 2, 28, 12) },
    );
  });

  it('names the run of a file by its run, else by its job', () => {
    const named = (more: Message): unknown[] => {
      const { run, isNamed, isJob } = requests().files({ from: '-2m', to: '-1m', ...more } as never);
      return [run, isNamed, isJob];
    };
    assert.deepEqual(named({}), ['run 1', false, false]);
    assert.deepEqual(named({ run: 'mine' }), ['mine', true, false]);
    assert.deepEqual(named({ job: 'nightly' }), ['nightly', true, true]);
    assert.deepEqual(named({ job: 5, run: 'mine' }), ['mine', true, true]);
    assert.deepEqual(named({ job: ' ' }), ['run 1', false, false]);
    assert.throws(() => named({ job: 'x'.repeat(101) }), /^NvrError: msg\.job must be text/);
    assert.throws(() => requests().files({ from: '-2m' } as never), /A file needs an end/);
  });

  it('is a run where it, or the setting, says from when', () => {
    const isPlay = (message: Message, saved: object = {}): boolean =>
      requests(saved).isPlay(message as never);
    assert.equal(isPlay({}), false);
    assert.equal(isPlay({ from: ' ' }), false);
    assert.equal(isPlay({ from: '-1m' }), true);
    assert.equal(isPlay({}, { from: '-5m' }), true);
    assert.equal(isPlay({}, { from: 'payload.at', fromType: 'msg' }), true);
  });

  it('is units or files by the setting, or as it says', () => {
    const output = (message: Message, saved: object = {}): string => requests(saved).output(message as never);
    assert.equal(output({}), 'units');
    assert.equal(output({}, { output: 'file' }), 'file');
    assert.equal(output({ output: 'units' }, { output: 'file' }), 'units');
    assert.throws(() => output({ output: 'tape' }), { code: 'EINPUT' });
  });

  it('seeks to its own time, and to none that the node has', () => {
    const seek = (message: Message, saved: object = {}): number => requests(saved).seekTime(message as never);
    assert.equal(seek({ from: '-1m' }, { from: '-5m' }), NOW - MINUTE);
    assert.throws(() => seek({}, { from: '-5m' }), { code: 'EINPUT', message: /"from"/ });
    assert.equal(seek({ at: { t: '-2m' } }, { from: 'at.t', fromType: 'msg' }), NOW - 2 * MINUTE);
    assert.throws(() => seek({}, { from: 'at.t', fromType: 'msg' }), {
      message: /msg\.at\.t is missing, which the setting "from" comes from/,
    });
  });
});
