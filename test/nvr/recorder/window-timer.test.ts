import assert from 'node:assert/strict';
import { AlarmWindow } from '../../../lib/nvr/recorder/alarm-window.js';
import { WindowTimer } from '../../../lib/nvr/recorder/window-timer.js';
import { TestClock } from '../../kit/test-clock.js';

const POST_ROLL_MS = 10_000;

describe('the timer of an alarm’s window', () => {
  let clock: TestClock;
  let lastPicture: number;
  /** When a window was found to be over. */
  let over: number[];
  let timer: WindowTimer;

  beforeEach(() => {
    clock = new TestClock();
    lastPicture = -Infinity;
    over = [];
    timer = new WindowTimer(
      { timers: clock, monotonic: clock.read },
      () => lastPicture,
      () => over.push(clock.now),
    );
  });

  const alarmAt = (at: number, window = new AlarmWindow(at, POST_ROLL_MS, 300_000)): AlarmWindow => {
    window.alarm(at, { time: at, reason: '' }, false);
    timer.set(window);
    return window;
  };

  it('ends a clip without pictures with its window', () => {
    alarmAt(0);
    clock.pass(60_000);
    assert.deepEqual(over, [POST_ROLL_MS]);
  });

  it('waits for pictures of a stream that stalls, 3 s after the last one', () => {
    alarmAt(0);
    lastPicture = 9_000;
    clock.pass(60_000);
    assert.deepEqual(over, [12_000]);
  });

  it('waits for half a minute at most, for pictures that all come late', () => {
    alarmAt(0);
    for (let at = 0; at < 90_000; at += 1000) {
      lastPicture = clock.now;
      clock.pass(1000);
    }
    assert.deepEqual(over, [POST_ROLL_MS + 30_000]);
  });

  it('waits anew where a further alarm extends the window', () => {
    const window = alarmAt(0);
    clock.pass(8_000);
    alarmAt(8_000, window);
    clock.pass(60_000);
    assert.deepEqual(over, [18_000]);
  });

  it('forgets a window that was cleared', () => {
    alarmAt(0);
    timer.clear();
    clock.pass(60_000);
    assert.deepEqual(over, []);
  });

  it('waits for nothing while an alarm is held that no length ends', () => {
    const window = new AlarmWindow(0, POST_ROLL_MS, Infinity);
    window.alarm(0, { time: 0, reason: '' }, true);
    timer.set(window);
    assert.equal(clock.waiting, 0);
    clock.pass(60_000);
    window.release(clock.now);
    timer.set(window);
    clock.pass(60_000);
    assert.deepEqual(over, [70_000]);
  });

  it('is not taken in by one that fires although its window was cleared', () => {
    let run = (): void => assert.fail('no timer was set');
    const one = new WindowTimer(
      { timers: { set: (late) => (run = late), clear: () => undefined }, monotonic: () => 60_000 },
      () => -Infinity,
      ({ end }) => over.push(end),
    );
    one.set(new AlarmWindow(0, 0, 300_000));
    one.clear();
    run();
    assert.deepEqual(over, []);
  });

  it('is not taken in by a timer that fires although it was cleared', () => {
    const late: (() => void)[] = [];
    const one = new WindowTimer(
      { timers: { set: (run) => late.push(run), clear: () => undefined }, monotonic: () => 60_000 },
      () => -Infinity,
      ({ end }) => over.push(end),
    );
    one.set(new AlarmWindow(0, 0, 300_000));
    const window = new AlarmWindow(0, POST_ROLL_MS, 300_000);
    window.alarm(20_000, { time: 0, reason: '' }, false);
    one.set(window);
    for (const run of late) run();
    assert.deepEqual(over, [30_000]);
  });
});
