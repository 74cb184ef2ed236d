import assert from 'node:assert/strict';
import type { Findings } from '../../lib/nvr/health/types.js';
import { judge } from '../../lib/nvr/health/verdict.js';

describe('the verdict of a health check', () => {
  it('is that the clock is wrong from more than 10 s on, and in which direction', () => {
    for (const clockOffsetMs of [0, 10_000, -10_000]) {
      const { state, code } = judge({ clockOffsetMs }, 'auth');
      assert.deepEqual({ state, code }, { state: 'up', code: undefined }, String(clockOffsetMs));
    }
    for (const [clockOffsetMs, words] of [
      [10_001, /clock is 10 s ahead of /],
      [-10_001, /clock is 10 s behind /],
      [-61_400, /clock is 61 s behind /],
    ] as const) {
      const { state, stage, code, reason } = judge({ clockOffsetMs }, 'auth');
      assert.deepEqual({ state, stage, code }, { state: 'degraded', stage: 'auth', code: 'ECLOCK' });
      assert.match(reason!, words);
    }
  });

  it('is that the network loses packets from half a percent on; the clock goes before it', () => {
    assert.equal(judge({ lossPercent: 0.4 }, 'media').state, 'up');
    const { state, code, reason } = judge({ lossPercent: 0.5 }, 'media');
    assert.deepEqual({ state, code }, { state: 'degraded', code: undefined });
    assert.match(reason!, /^0\.5 % of the packets/);
    assert.equal(judge({ lossPercent: 5, clockOffsetMs: 60_000 }, 'media').code, 'ECLOCK');
  });

  it('holds what was found, and no empty places for what was not', () => {
    const { checkedAt, ...health } = judge(
      { rttMs: 3, lossPercent: undefined } as unknown as Findings,
      'media',
    );
    assert.deepEqual(health, { rttMs: 3, state: 'up', stage: 'media' });
    assert.ok(Math.abs(Date.now() - checkedAt) < 60_000);
  });
});
