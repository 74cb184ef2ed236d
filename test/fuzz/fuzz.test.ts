import assert from 'node:assert/strict';
import { times } from '../kit/cases.js';
import { fuzz } from './engine.js';
import { targets } from './targets.js';

/** For all targets together; `npm run test:long` takes more. */
const SECONDS = Number(process.env.FUZZ_SECONDS ?? times(3, 8));

/** The same inputs every time; `FUZZ_SEED` tries others, and `npm run fuzz` new ones each round. */
const seed = Number(process.env.FUZZ_SEED ?? 20_261_123);

describe(`mutated input (FUZZ_SEED=${seed})`, function () {
  this.timeout(60_000);
  const all = targets();
  for (const target of all) {
    it(`${target.name}: throws nothing but NvrError, gives nothing past the limits, takes no more than its time`, () => {
      const { runs } = fuzz(target, seed, (SECONDS * 1000) / all.length);
      assert.ok(runs > 0);
    });
  }
});
