import assert from 'node:assert/strict';
import { NvrError } from '../../../lib/errors.js';
import { Backfill, type FetchOutcome } from '../../../lib/nvr/recorder/backfill.js';
import { TestClock } from '../../kit/test-clock.js';

const HOUR_MS = 3_600_000;

describe('the order of what is fetched', () => {
  let clock: TestClock;
  let backfill: Backfill;
  /** The attempts: of which alarm, when (s), and how to end it. */
  let attempts: { id: string; at: number; signal: AbortSignal; end: (outcome: FetchOutcome) => void }[];
  let givenUp: { id: string; at: number; error: NvrError }[];
  /** The outcome of each attempt, unless the test ends it by itself. */
  let outcome: FetchOutcome | undefined;

  beforeEach(() => {
    clock = new TestClock();
    attempts = [];
    givenUp = [];
    outcome = undefined;
    backfill = new Backfill(
      { now: clock.read, monotonic: clock.read, timers: clock },
      ({ id }, signal) =>
        new Promise((end) => {
          attempts.push({ id, at: clock.now / 1000, signal, end });
          if (outcome !== undefined) end(outcome);
        }),
      ({ id }, error) => givenUp.push({ id, at: clock.now, error }),
    );
  });

  const missing = (id: string, to = 0): void => {
    backfill.add({ id, reason: '', from: 0, to, alarms: [] }, clock.now);
  };
  const asked = (): [string, number][] => attempts.map(({ id, at }) => [id, at]);

  it('is one after the other, 5 s after the span has ended and the camera plays', async () => {
    missing('a');
    missing('b', 20_000);
    await clock.passInTurns(60_000);
    assert.deepEqual(asked(), []);
    backfill.onPlaying(true);
    await clock.passInTurns(60_000);
    missing('c');
    await clock.passInTurns(60_000);
    assert.deepEqual(asked(), [['a', 65]]);
    attempts[0]!.end({ done: true });
    await clock.passInTurns(1);
    assert.deepEqual(asked(), [
      ['a', 65],
      ['b', 180],
    ]);
    assert.equal(backfill.waiting, 2);
  });

  it('holds each alarm once, also one that is being fetched', async () => {
    backfill.onPlaying(true);
    missing('a');
    missing('a');
    assert.equal(backfill.waiting, 1);
    await clock.passInTurns(5_000);
    missing('a');
    attempts[0]!.end({ done: true });
    await clock.passInTurns(60_000);
    assert.deepEqual(asked(), [['a', 5]]);
  });

  it('is tried again after 30 s, doubling to 4 h, for a day, and then given up with the last cause', async () => {
    outcome = { done: false, error: new NvrError('ENORECORDING', 'Nothing there.') };
    backfill.onPlaying(true);
    missing('a');
    await clock.passInTurns(40 * HOUR_MS);
    const waits = asked().map(([, at], index) => at - (asked()[index - 1]?.[1] ?? 0));
    assert.deepEqual(waits.slice(0, 5), [5, 30, 60, 120, 240]);
    assert.ok(Math.max(...waits) <= 4 * 3600, String(waits));
    assert.ok(waits.filter((wait) => wait === 4 * 3600).length >= 3, String(waits));
    const [{ id, at, error }, ...more] = givenUp as [(typeof givenUp)[0]];
    assert.deepEqual({ id, code: error.code, more: more.length }, { id: 'a', code: 'ENORECORDING', more: 0 });
    assert.ok(at >= 24 * HOUR_MS && at <= 28 * HOUR_MS, String(at));
    assert.equal(backfill.waiting, 0);
  });

  it('lets another one go first while one waits for its next try', async () => {
    backfill.onPlaying(true);
    missing('a');
    await clock.passInTurns(5_000);
    attempts[0]!.end({ done: false });
    missing('b');
    await clock.passInTurns(10_000);
    assert.deepEqual(asked(), [
      ['a', 5],
      ['b', 10],
    ]);
  });

  it('ends with the recorder: what comes of the try under way is no one’s, and the next opening begins anew', async () => {
    backfill.onPlaying(true);
    missing('a');
    await clock.passInTurns(5_000);
    const closed = backfill.close();
    assert.equal(attempts[0]!.signal.aborted, true);
    missing('b');
    attempts[0]!.end({ done: true });
    await closed;
    await clock.passInTurns(48 * HOUR_MS);
    assert.deepEqual({ asked: asked(), givenUp }, { asked: [['a', 5]], givenUp: [] });
    assert.equal(backfill.waiting, 1);
    outcome = { done: true };
    backfill.open();
    await clock.passInTurns(5_000);
    assert.equal(backfill.waiting, 0);
  });

  it('asks nothing while the camera is away, and goes on 5 s after it is back', async () => {
    outcome = { done: false };
    backfill.onPlaying(true);
    missing('a');
    await clock.passInTurns(6_000);
    backfill.onPlaying(false);
    await clock.passInTurns(HOUR_MS);
    assert.equal(attempts.length, 1);
    outcome = { done: true };
    backfill.onPlaying(true);
    await clock.passInTurns(5_000);
    assert.equal(attempts.length, 2);
  });

  /** An alarm whose recording has ended at that time; the span that it asks for may lie elsewhere. */
  const lacking = (id: string, from: number, to: number, since = clock.now): void => {
    backfill.add({ id, reason: '', from, to, alarms: [] }, since);
  };

  it('waits 5 s also for what has ended long ago, and no longer than the alarm is where the clock was set back', async () => {
    clock.now = 100 * HOUR_MS;
    outcome = { done: true };
    backfill.onPlaying(true);
    lacking('old', 0, 60_000);
    await clock.passInTurns(4_999);
    assert.equal(attempts.length, 0);
    await clock.passInTurns(1);
    assert.equal(attempts.length, 1);
    const begin = clock.now / 1000;
    lacking('ahead', 200 * HOUR_MS, 200 * HOUR_MS + 60_000);
    await clock.passInTurns(HOUR_MS);
    assert.deepEqual(asked()[1], ['ahead', begin + 65]);
  });

  it('is given up by how long it has been missing, whatever the clock was set to since', async () => {
    clock.now = 100 * HOUR_MS;
    outcome = { done: false };
    backfill.onPlaying(true);
    lacking('nearly', 0, 0, clock.now - 24 * HOUR_MS + 20_000);
    await clock.passInTurns(HOUR_MS);
    assert.deepEqual(
      asked().map(([, at]) => at - 100 * 3600),
      [5, 35],
      'a day is over before the second attempt',
    );
    const begin = clock.now;
    lacking('set back', 0, 0, clock.now + 50 * HOUR_MS);
    await clock.passInTurns(40 * HOUR_MS);
    const [first, second] = givenUp;
    assert.deepEqual({ first: first?.id, second: second?.id }, { first: 'nearly', second: 'set back' });
    const after = second!.at - begin;
    assert.ok(after >= 24 * HOUR_MS && after <= 28 * HOUR_MS, `${after} ms`);
    outcome = undefined;
    lacking('set on', 0, 0, 0);
    await clock.passInTurns(5_000);
    attempts.at(-1)!.end({ done: false });
    await clock.passInTurns(1);
    assert.equal(givenUp[2]?.id, 'set on');
  });

  it('is not put off by a stream that says again that it plays, and not brought forward by one that is back', async () => {
    backfill.onPlaying(true);
    missing('a');
    missing('later', 100_000);
    await clock.passInTurns(4_000);
    backfill.onPlaying(true);
    await clock.passInTurns(1_000);
    assert.deepEqual(asked(), [['a', 5]]);
    backfill.onPlaying(false);
    backfill.onPlaying(true);
    attempts[0]!.end({ done: true });
    await clock.passInTurns(HOUR_MS);
    assert.deepEqual(asked()[1], ['later', 105]);
  });

  it('goes on with the one that waits where a later one is done first', async () => {
    backfill.onPlaying(true);
    missing('a');
    await clock.passInTurns(5_000);
    attempts[0]!.end({ done: false });
    missing('b');
    await clock.passInTurns(5_000);
    attempts[1]!.end({ done: true });
    await clock.passInTurns(1);
    assert.equal(backfill.waiting, 1);
    await clock.passInTurns(HOUR_MS);
    assert.deepEqual(asked().slice(1), [
      ['b', 10],
      ['a', 35],
    ]);
  });

  it('counts no try that a closing has ended, neither as one more nor as the last one', async () => {
    backfill.onPlaying(true);
    lacking('a', 0, 0, clock.now - 48 * HOUR_MS);
    await clock.passInTurns(5_000);
    const closed = backfill.close();
    attempts[0]!.end({ done: false });
    await closed;
    assert.deepEqual({ givenUp, waiting: backfill.waiting }, { givenUp: [], waiting: 1 });
    backfill.open();
    await clock.passInTurns(1_000);
    assert.equal(attempts.length, 2, 'at once, without the wait of a try that failed');
  });

  it('asks nothing once it is closed, and has no timer', async () => {
    backfill.onPlaying(true);
    missing('a');
    await backfill.close();
    assert.equal(clock.waiting, 0);
    await clock.passInTurns(HOUR_MS);
    assert.equal(attempts.length, 0);
  });
});
