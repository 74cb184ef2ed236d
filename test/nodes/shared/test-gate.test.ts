import assert from 'node:assert/strict';
import { TestGate } from '../../../nodes/shared/test-gate.js';

describe('the bound on passwords that the dialog tries', () => {
  it('holds for those under way: with one refused, one more may be tried, and one at a time after a block', () => {
    let now = 0;
    const gate = new TestGate(() => now);
    gate.enter('h', 'u')('refused');
    const second = gate.enter('h', 'u');
    assert.throws(() => gate.enter('h', 'u'), { code: 'EBUSY' });
    second('refused');
    now += 5 * 60_000;
    const third = gate.enter('h', 'u');
    assert.throws(() => gate.enter('h', 'u'), { code: 'EBUSY' });
    third('unasked');
    gate.enter('h', 'u')('taken');
    const two = [gate.enter('h', 'u'), gate.enter('h', 'u')];
    assert.throws(() => gate.enter('h', 'u'), { code: 'EBUSY' });
    for (const leave of two) leave('unasked');
  });

  it('forgets first who was tried longest ago', () => {
    const gate = new TestGate(() => 0);
    gate.enter('h', 'u')('refused');
    for (let n = 1; n < 1000; n++) gate.enter(`h${n}`, 'u')('unasked');
    gate.enter('h', 'u')('unasked');
    gate.enter('another', 'u')('unasked');
    gate.enter('h', 'u')('refused');
    assert.throws(() => gate.enter('h', 'u'), { code: 'EAUTH' });
  });

  it('holds for a thousand users, though all of them are blocked', () => {
    const gate = new TestGate(() => 0);
    for (let n = 0; n < 1001; n++)
      for (let times = 0; times < 2; times++) gate.enter(`h${n}`, 'u')('refused');
    assert.equal((gate as unknown as { accounts: Map<string, unknown> }).accounts.size, 1000);
    assert.throws(() => gate.enter('h1000', 'u'), { code: 'EAUTH' });
    gate.enter('h0', 'u')('unasked');
  });

  describe('that remembers few accounts', () => {
    const gate = (most: number): TestGate => new TestGate(() => 0, most);
    const refuse = (of: TestGate, user: string): void => {
      of.enter('nvr', user)('refused');
    };

    it('forgets one that is not blocked before one that is', () => {
      const few = gate(2);
      for (let round = 0; round < 2; round++) refuse(few, 'blocked');
      few.enter('nvr', 'b')('unasked');
      few.enter('nvr', 'c')('unasked');
      assert.throws(() => few.enter('nvr', 'blocked'), { code: 'EAUTH' });
    });

    it('forgets none for another test of one that it knows', () => {
      const few = gate(3);
      for (const user of ['a', 'b', 'c']) refuse(few, user);
      few.enter('nvr', 'b')('unasked');
      refuse(few, 'a');
      assert.throws(() => few.enter('nvr', 'a'), { code: 'EAUTH' });
    });

    it('forgets the one whose last test is the longest ago', () => {
      const few = gate(3);
      for (const user of ['a', 'b', 'c']) refuse(few, user);
      few.enter('nvr', 'a')('unasked');
      refuse(few, 'd');
      for (const user of ['c', 'a']) {
        refuse(few, user);
        assert.throws(() => few.enter('nvr', user), { code: 'EAUTH' }, `${user} is known`);
      }
      refuse(few, 'b');
      few.enter('nvr', 'b')('unasked');
    });
  });

  it('counts each outcome once, however often it is told', () => {
    const gate = new TestGate(() => 0);
    const leave = gate.enter('nvr', 'u');
    leave('refused');
    leave('refused');
    leave('unasked');
    gate.enter('nvr', 'u');
    assert.throws(() => gate.enter('nvr', 'u'), { code: 'EBUSY' }, 'one is left, and that is under way');
  });
});
