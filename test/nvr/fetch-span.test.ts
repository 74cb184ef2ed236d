import assert from 'node:assert/strict';
import { fetchSpan } from '../../lib/nvr/playback/fetch-span.js';
import type { PlaybackHandlers } from '../../lib/nvr/playback/run.js';
import type { PlaybackRuns } from '../../lib/nvr/playback/runs.js';
import { videoUnit } from './fake-hub.js';

describe('a recorded span that is fetched', () => {
  it('makes the server wait once what waits for the reader costs 4 MiB of memory, also of tiny pictures', async () => {
    const server: { handlers?: PlaybackHandlers; isHeld: boolean } = { isHeld: false };
    const run = {
      hold: () => (server.isHeld = true),
      letGo: () => (server.isHeld = false),
      stop: () => {
        server.handlers?.onEnd('stopped', undefined, 0);
        return Promise.resolve();
      },
    };
    const runs = {
      isFull: false,
      play: (_: unknown, given: PlaybackHandlers) => {
        server.handlers = given;
        return run;
      },
    } as unknown as PlaybackRuns;
    const span = { channel: 1, stream: 'main', from: 0, to: 1000 };
    const units = fetchSpan(runs, span, new AbortController().signal);
    const first = units.next();
    const unit = videoUnit({ data: Buffer.alloc(6), keyframe: false });
    let given = 0;
    for (; !server.isHeld && given < 100_000; given++) server.handlers!.onUnit({ unit, repeated: false });
    assert.ok(given < 7_000, `${given} pictures wait`);
    await first;
    for (let i = 0; server.isHeld && i < given; i++) await units.next();
    assert.equal(server.isHeld, false, 'it goes on once half of them were read');
    await units.return();
  });
});
