// What a playback run makes of the steps between its pictures: a slow camera has its last one well before the
// end.

import assert from 'node:assert/strict';
import type { VideoUnit } from '../../lib/codec/unit.js';
import { Account } from '../../lib/nvr/account.js';
import type { RecordedHandlers } from '../../lib/nvr/playback/recorded-session.js';
import { PlaybackRun } from '../../lib/nvr/playback/run.js';
import { FakeSession } from '../kit/fake-session.js';

const FROM = 1_700_000_000_000;

/** How a run of ten seconds ends whose NVR says goodbye behind pictures of these times, in ms. */
async function endOf(...times: number[]): Promise<{ reason: string; missingMs: number }> {
  let session: FakeSession<RecordedHandlers> | undefined;
  let ended: { reason: string; missingMs: number } | undefined;
  const run = new PlaybackRun(
    { account: new Account(() => 0) } as never,
    { run: 'a', channel: 1, stream: 'main', group: 0, speed: 1, from: FROM, to: FROM + 10_000 },
    {
      onUnit: () => undefined,
      onEnd: (reason, _error, missingMs) => {
        ended = { reason, missingMs };
      },
    },
    (_context, _span, handlers) => {
      session = Object.assign(new FakeSession(handlers), { playReply: {} });
      return Promise.resolve(session.asSession as never);
    },
  );
  run.start();
  await new Promise((resolve) => setImmediate(resolve));
  for (const at of times) {
    const time = FROM + at;
    const format = { codec: 'h264', reorderDepth: 0 };
    session!.user.onUnit({ kind: 'video', keyframe: true, format, time, mediaTime: time } as VideoUnit);
  }
  session!.end('bye');
  await run.stop();
  return ended!;
}

describe('the pictures of a playback run', () => {
  const whole = { reason: 'reached', missingMs: 0 };

  it('may be two steps from the end, and no further', async () => {
    assert.deepEqual(await endOf(0, 2000, 4000, 6000), whole);
    assert.deepEqual(await endOf(0, 1999, 3998, 5997), { reason: 'bye', missingMs: 4003 });
  });

  it('are as far apart as before where two of them have one time', async () => {
    assert.deepEqual(await endOf(0, 0, 2000, 2000, 4000, 4000, 6000, 6000), whole);
    assert.deepEqual(await endOf(0, 2000, 4000, 3900, 6000, 5900), whole);
  });

  it('are not taken for those of a slow camera behind one gap', async () => {
    assert.equal((await endOf(0, 100, 200, 6000)).reason, 'bye');
    assert.equal((await endOf(0, 100, 200, 4000, 4100)).reason, 'bye');
  });
});
