import assert from 'node:assert/strict';
import sinon from 'sinon';
import { LoopDelay, OverloadGuard } from '../../../nodes/shared/overload.js';

describe('the overload rule', () => {
  it('sends everything while units are young and the event loop is on time', () => {
    const guard = new OverloadGuard();
    for (let now = 0; now < 5000; now += 40)
      assert.equal(guard.judge(now % 1000 === 0, 500, 500, now), 'send');
  });

  for (const [what, age, delay] of [
    ['a unit older than 500 ms', 501, 0],
    ['an event loop later than 500 ms', 0, 501],
  ] as const) {
    it(`begins with ${what}, once, and lets keyframes alone through`, () => {
      const guard = new OverloadGuard();
      assert.equal(guard.judge(false, age, delay, 0), 'begin');
      assert.equal(guard.judge(false, age, delay, 40), 'drop');
      assert.equal(guard.judge(true, age, delay, 80), 'send');
      assert.equal(guard.judge(false, 0, 0, 120), 'drop');
      assert.equal(guard.judge(true, 0, 0, 1000), 'send');
    });
  }

  it('ends at the first keyframe after both have been below for 2 s', () => {
    const guard = new OverloadGuard();
    guard.judge(true, 600, 0, 0);
    assert.equal(guard.judge(false, 0, 0, 1999), 'drop');
    assert.equal(guard.judge(false, 0, 0, 2000), 'drop');
    assert.equal(guard.judge(true, 0, 0, 2040), 'end');
    assert.equal(guard.judge(false, 0, 0, 2080), 'send');
  });

  it('starts the 2 s anew with every late unit', () => {
    const guard = new OverloadGuard();
    guard.judge(true, 600, 0, 0);
    assert.equal(guard.judge(false, 600, 0, 1500), 'drop');
    assert.equal(guard.judge(true, 0, 0, 3400), 'send');
    assert.equal(guard.judge(false, 0, 0, 3440), 'drop');
    assert.equal(guard.judge(true, 0, 0, 3500), 'end');
  });

  it('begins again after it has ended, or while it waits for the keyframe to end at', () => {
    const guard = new OverloadGuard();
    guard.judge(false, 600, 0, 0);
    assert.equal(guard.judge(false, 0, 0, 2500), 'drop');
    assert.equal(guard.judge(false, 600, 0, 2540), 'begin');
    assert.equal(guard.judge(true, 0, 0, 5000), 'end');
    assert.equal(guard.judge(true, 0, 600, 5040), 'begin');
  });
});

describe('the event loop’s delay', () => {
  it('is that of the last timer, or of the one now due, and costs nothing without users', () => {
    const clock = sinon.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    try {
      let now = 1000;
      const delay = new LoopDelay(() => now);
      delay.acquire();
      delay.acquire();
      assert.equal(clock.countTimers(), 1);
      now = 1100;
      clock.tick(100);
      assert.equal(delay.delay(1150), 0);
      assert.equal(delay.delay(1900), 700);
      now = 1900;
      clock.tick(100);
      assert.equal(delay.delay(1901), 700);
      now = 2000;
      clock.tick(100);
      assert.equal(delay.delay(2001), 0);
      delay.release();
      assert.equal(clock.countTimers(), 1);
      delay.release();
      assert.equal(clock.countTimers(), 0);
    } finally {
      clock.restore();
    }
  });
});
