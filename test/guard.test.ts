import assert from 'node:assert/strict';
import sinon from 'sinon';
import type { NvrError } from '../lib/errors.js';
import { guardedTimers } from '../lib/guard.js';

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
      clock.tick(30);
      assert.deepEqual(ran, ['next']);
      assert.deepEqual(
        told.map(({ code }) => code),
        ['EPROTOCOL'],
      );
    } finally {
      clock.restore();
    }
  });
});
