import assert from 'node:assert/strict';
import { AlarmWindow } from '../../../lib/nvr/recorder/alarm-window.js';

const alarm = (reason: string) => ({ time: 0, reason });

describe('the window of an alarm', () => {
  it('ends after the post-roll of a pulse, and of the last one', () => {
    const window = new AlarmWindow(0, 10_000, 300_000);
    window.alarm(5000, alarm('a'), false);
    assert.equal(window.end, 15_000);
    window.alarm(14_000, alarm('b'), false);
    assert.equal(window.end, 24_000);
    assert.equal(window.alarms.length, 2);
  });

  it('is held by an alarm that lasts, and ends after its post-roll', () => {
    const window = new AlarmWindow(0, 10_000, 300_000);
    window.alarm(5000, alarm('a'), true);
    assert.equal(window.end, 300_000);
    window.alarm(6000, alarm('a pulse does not end it'), false);
    assert.equal(window.end, 300_000);
    window.release(50_000);
    assert.equal(window.end, 60_000);
  });

  it('is not ended by a release where nothing is held', () => {
    const window = new AlarmWindow(0, 10_000, 300_000);
    window.alarm(5000, alarm('a'), false);
    window.release(12_000);
    assert.equal(window.end, 15_000);
  });

  it('is held again after a release', () => {
    const window = new AlarmWindow(0, 10_000, 300_000);
    window.alarm(5000, alarm('a'), true);
    window.release(6000);
    window.alarm(7000, alarm('b'), true);
    assert.equal(window.end, 300_000);
  });

  it('never ends later than the maximum length after the clip’s begin, and lists no more than 1000 alarms', () => {
    const window = new AlarmWindow(1000, 10_000, 60_000);
    for (let at = 2000; at < 60_000; at += 10) window.alarm(at, alarm('a'), false);
    assert.equal(window.end, 61_000);
    assert.equal(window.alarms.length, 1000);
  });
});
