import assert from 'node:assert/strict';
import sinon from 'sinon';
import { NvrError } from '../lib/errors.js';
import { guarded, guardedTimers } from '../lib/guard.js';

describe('guarded timers', () => {
  it('tell what is thrown in one, and let nothing of it reach the process', () => {
    const clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const told: NvrError[] = [];
      const timers = guardedTimers((error) => told.push(error));
      const ran: string[] = [];
      timers.set(() => {
        throw new Error('a fault');
      }, 10);
      timers.set(() => ran.push('next'), 20);
      timers.clear(timers.set(() => ran.push('cleared'), 20));
      clock.tick(19);
      assert.deepEqual(ran, []);
      clock.tick(1);
      assert.deepEqual(ran, ['next']);
      assert.deepEqual(
        told.map(({ code, message }) => [code, message]),
        [['EPROTOCOL', 'A task that was due failed.']],
      );
    } finally {
      clock.restore();
    }
  });
});

describe('a guarded callback', () => {
  it('reports what is thrown in it: an error of ours as it is, another one as its cause', () => {
    const told: NvrError[] = [];
    const own = new NvrError('EDISK', 'full');
    const foreign = new TypeError('a fault');
    let ran = 0;
    guarded(
      () => ran++,
      (error) => told.push(error),
    )();
    for (const error of [own, foreign])
      guarded(
        () => {
          throw error;
        },
        (error) => told.push(error),
      )();
    assert.equal(ran, 1);
    assert.equal(told[0], own);
    assert.deepEqual([told[1]!.code, told[1]!.cause], ['EPROTOCOL', foreign]);
    assert.equal(told[1]!.message, 'What the server sent could not be handled.');
    assert.equal(told.length, 2);
  });
});
