import assert from 'node:assert/strict';
import fc from 'fast-check';
import { LossWatch } from '../../lib/client/loss-watch.js';

/** 200 packets a second, `share` of them lost; answers what is told, and when. */
function watch(share: (second: number) => number, seconds = 300): { second: number; percent: number }[] {
  const told: { second: number; percent: number }[] = [];
  const losses = new LossWatch();
  let received = 0;
  let lost = 0;
  for (let second = 0; second <= seconds; second++) {
    const percent = losses.take(5000 + second * 1000, received, Math.round(lost));
    if (percent !== undefined) told.push({ second, percent });
    received += 200 * (1 - share(second));
    lost += 200 * share(second);
  }
  return told;
}

describe('LossWatch', () => {
  it('reports a loss above 2 % once it has lasted for a minute, with its percentage', () => {
    assert.deepEqual(
      watch(() => 0.05, 60),
      [{ second: 60, percent: 5 }],
    );
    assert.equal(watch((second) => (second < 100 ? 0 : 0.03))[0]!.second <= 170, true);
  });

  it('tells a loss that goes on again after another whole minute, not before', () => {
    const seconds = watch(() => 0.05, 190).map(({ second }) => second);
    assert.deepEqual(seconds, [60, 121, 182]);
  });

  it('says nothing of 2 % or less, nor of a bad half minute', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 0.019, noNaN: true }),
        fc.integer({ min: 0, max: 250 }),
        (share, at) => {
          assert.deepEqual(
            watch(() => share),
            [],
          );
          assert.deepEqual(
            watch((second) => (second >= at && second < at + 25 ? 0.5 : 0)),
            [],
          );
        },
      ),
      { numRuns: 30 },
    );
  });

  it('says nothing of a stream that brings nothing, or takes losses back', () => {
    const losses = new LossWatch();
    for (let second = 0; second < 200; second++)
      assert.equal(losses.take(second * 1000, 0, second % 20 === 0 ? 5 : 0), undefined);
  });

  it('minds no loss of exactly 2 %, and takes five bad parts of six for lasting', () => {
    const tell = (lost: readonly number[]): number | undefined => {
      const watch = new LossWatch();
      let told = watch.take(0, 0, 0);
      let [received, missing] = [0, 0];
      for (const [index, part] of lost.entries()) {
        received += 1000 - part;
        missing += part;
        told = watch.take((index + 1) * 10_000, received, missing);
      }
      return told;
    };
    assert.equal(tell([20, 20, 20, 20, 20, 20]), undefined);
    assert.equal(tell([24, 24, 24, 24, 24, 0]), undefined, 'exactly 2 % in all');
    assert.equal(tell([0, 25, 25, 25, 25, 25]), 2.1);
    assert.equal(tell([0, 0, 50, 50, 50, 50]), undefined);
  });
});
