import assert from 'node:assert/strict';
import { isOff, reasonOf } from '../../../nodes/shared/alarm-message.js';

describe('an alarm’s message', () => {
  for (const payload of [false, 0, -0, 'off', 'OFF', ' off ', 'Off\n'])
    it(`ends a held alarm with ${JSON.stringify(payload)}`, () => {
      assert.equal(isOff(payload), true);
    });

  for (const payload of [true, 1, 'on', '', '0', 'false', 'off now', 'cutoff', undefined, null, {}, ['off']])
    it(`does not end one with ${JSON.stringify(payload)}`, () => {
      assert.equal(isOff(payload), false);
    });

  it('gives the clip its reason, else the last part of its topic, else the word alarm', () => {
    for (const [message, reason] of [
      [{ reason: 'door', topic: 'house/gate' }, 'door'],
      [{ reason: 'a/b', topic: 'house/gate' }, 'a/b'],
      [{ reason: 7 }, '7'],
      [{ reason: 0, topic: 'house/gate' }, '0'],
      [{ reason: ' ', topic: 'house/gate' }, 'gate'],
      [{ reason: {}, topic: 'gate' }, 'gate'],
      [{ topic: 'house/' }, 'alarm'],
      [{ topic: 12 }, '12'],
      [{ topic: ['house'] }, 'alarm'],
      [{}, 'alarm'],
      [{ reason: ' door ' }, 'door'],
    ] as const)
      assert.equal(reasonOf(message), reason, JSON.stringify(message));
    assert.equal(reasonOf({ reason: 'x'.repeat(300) }).length, 200);
  });
});
