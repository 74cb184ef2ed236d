import assert from 'node:assert/strict';
import type { PlaybackRun } from '../../lib/nvr/playback/run.js';
import type { PlaybackHandlers, PlaybackRequest } from '../../lib/nvr/playback/run-types.js';
import { PlaybackTogether } from '../../lib/nvr/playback/together.js';
import { videoUnit } from '../kit/fake-hub.js';

const FROM = Date.UTC(2026, 10, 23, 12, 0, 0);
const TO = FROM + 60_000;

interface Read {
  readonly request: PlaybackRequest;
  readonly handlers: PlaybackHandlers;
  state: string;
}

describe('recordings in step that have been read to their end, and are still shown', () => {
  let together: PlaybackTogether;
  let reads: Read[];

  beforeEach(() => {
    reads = [];
    const play = (request: PlaybackRequest, handlers: PlaybackHandlers): PlaybackRun => {
      const read: Read = { request, handlers, state: 'playing' };
      reads.push(read);
      const run = {
        get state() {
          return read.state;
        },
        reached: TO,
        hold: () => undefined,
        letGo: () => undefined,
        stop: () => Promise.resolve(),
      };
      return run as unknown as PlaybackRun;
    };
    const span = { run: 'both', stream: 'main', group: 0, speed: 1, from: FROM, to: TO };
    together = new PlaybackTogether(
      [1, 2].map((channel) => ({ ...span, channel })),
      play,
      () => ({ onUnit: () => undefined, onEnd: () => undefined }),
    );
    for (const read of reads) {
      for (const time of [FROM, TO - 40])
        read.handlers.onUnit({ unit: { ...videoUnit(), time }, repeated: false });
      read.state = 'ended';
      read.handlers.onEnd('reached', undefined, 0);
    }
  });

  afterEach(async () => {
    await together.stop();
  });

  it('refuse a seek to the end or past it, however often, and ask the NVR for nothing', () => {
    for (const from of [TO, TO + 1, TO + 3_600_000, TO])
      assert.throws(
        () => {
          together.seek(from);
        },
        { code: 'EINPUT' },
      );
    assert.equal(reads.length, 2);
    assert.equal(together.state, 'playing');
  });

  it('are asked for anew by a seek to a time before it', () => {
    together.seek(TO - 1000);
    assert.deepEqual(
      reads.slice(2).map(({ request: { from, to, channel } }) => [channel, from, to]),
      [
        [1, TO - 1000, TO],
        [2, TO - 1000, TO],
      ],
    );
  });
});
