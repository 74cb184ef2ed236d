import assert from 'node:assert/strict';
import { Endless } from '../../../lib/nvr/recorder/endless.js';
import type { Alarm } from '../../../lib/nvr/recorder/types.js';
import { TestClock } from '../../kit/test-clock.js';

describe('continuous recording that fails', () => {
  /** The waits of retries, in s; the last one is due. */
  let waits: number[];
  let retry: (() => void) | undefined;
  let begun: number;
  const kept: Alarm[] = [];

  function endless(mode: 'continuous' | 'timelapse' = 'continuous', segment = 600): Endless {
    waits = [];
    begun = kept.length = 0;
    const timers = {
      set: (run: () => void, ms: number): unknown => {
        waits.push(ms / 1000);
        return (retry = run);
      },
      clear: () => {
        retry = undefined;
      },
    };
    const cases = { segmentId: 'a', segmentAlarm: (alarm: Alarm) => kept.push(alarm) };
    return new Endless({ mode, segment }, { timers }, cases as never, () => begun++);
  }

  const finished = (durationMs: number): never => ({ type: 'finished', info: { durationMs } }) as never;

  it('is tried again after 5 s, doubling to a minute', () => {
    const recording = endless();
    for (let i = 0; i < 6; i++) {
      recording.retryLater();
      retry!();
    }
    assert.deepEqual(waits, [5, 10, 20, 40, 60, 60]);
    assert.equal(begun, 6);
  });

  it('is tried again soon after a file of half a minute, or of half a segment, and not after a shorter one', () => {
    for (const [segment, long, short] of [
      [600, 30_000, 29_999],
      [20, 10_000, 9_999],
    ] as const) {
      const recording = endless('continuous', segment);
      for (let i = 0; i < 3; i++) recording.retryLater();
      assert.equal(recording.onFinished(finished(short)), false);
      recording.retryLater();
      assert.equal(recording.onFinished(finished(long)), true);
      recording.retryLater();
      assert.deepEqual(waits, [5, 10, 20, 40, 5]);
    }
  });

  it('has one retry at a time, and none once it is stopped', () => {
    const recording = endless();
    recording.retryLater();
    recording.stop();
    assert.equal(retry, undefined);
  });

  it('has one retry also where it has failed twice before that', () => {
    const clock = new TestClock();
    const cases = { segmentId: 'a' };
    let begins = 0;
    const options = { mode: 'continuous', segment: 600 } as const;
    const recording = new Endless(options, { timers: clock }, cases as never, () => begins++);
    recording.retryLater();
    recording.retryLater();
    clock.pass(60_000);
    assert.equal(begins, 1);
  });

  it('lists an alarm in one file, and no more than a thousand; the journal keeps those of continuous recording', () => {
    const recording = endless();
    for (let time = 0; time < 1001; time++) recording.alarm({ time, reason: '' });
    assert.equal(recording.takeAlarms().length, 1000);
    assert.deepEqual(recording.takeAlarms(), []);
    assert.equal(kept.length, 1000);
    endless('timelapse').alarm({ time: 1, reason: '' });
    assert.deepEqual(kept, []);
  });
});
