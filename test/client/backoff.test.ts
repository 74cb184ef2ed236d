import assert from 'node:assert/strict';
import { Backoff } from '../../lib/client/backoff.js';

const middle = (): number => 0.5;

describe('Backoff', () => {
  it('waits 1 s, doubling to 60 s, for a lost stream', () => {
    const backoff = new Backoff(middle);
    const delays = Array.from({ length: 8 }, () => backoff.next('ETIMEDOUT') / 1000);
    assert.deepEqual(delays, [1, 2, 4, 8, 16, 32, 60, 60]);
    assert.equal(backoff.attempt, 8);
  });

  it('waits 5 min, doubling to 1 h, after a wrong password', () => {
    const backoff = new Backoff(middle);
    assert.deepEqual(
      Array.from({ length: 6 }, () => backoff.next('EAUTH') / 60_000),
      [5, 10, 20, 40, 60, 60],
    );
  });

  it('waits 5 min where the camera or its codec must change first', () => {
    const backoff = new Backoff(middle);
    for (const code of ['ECHANNEL', 'EUNSUPPORTED', 'ECHANNEL'] as const)
      assert.equal(backoff.next(code), 300_000);
  });

  it('spreads retries by 20 % either way', () => {
    assert.deepEqual(
      [0, 1].map((random) => new Backoff(() => random).next('EDNS')),
      [800, 1200],
    );
  });

  it('begins anew after a reset, and for another kind of cause', () => {
    const backoff = new Backoff(middle);
    backoff.next('ETIMEDOUT');
    backoff.next('ECONNREFUSED');
    assert.equal(backoff.next('EAUTH'), 300_000);
    assert.equal(backoff.next('ETIMEDOUT'), 1000);
    backoff.reset();
    assert.deepEqual([backoff.attempt, backoff.next('ETIMEDOUT')], [0, 1000]);
  });

  it('never overflows, however long an outage lasts', () => {
    const backoff = new Backoff(middle);
    for (let attempt = 0; attempt < 5000; attempt++) backoff.next('ETIMEDOUT');
    assert.equal(backoff.next('ETIMEDOUT'), 60_000);
  });
});
