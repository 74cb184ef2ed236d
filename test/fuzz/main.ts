// npm run fuzz -- --minutes N [--seed N] [--target NAME]: every target in turn, a few seconds each, with a
// new seed every round.

import { parseArgs } from 'node:util';
import { Finding, fuzz } from './engine.js';
import { targets } from './targets.js';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    seed: { type: 'string' },
    target: { type: 'string' },
  },
});
const end = Date.now() + Number(values.minutes) * 60_000;
const chosen = targets().filter(({ name }) => values.target === undefined || name === values.target);
const ROUND_MS = 3000;
const totals = new Map<string, number>();

for (
  let seed = Number(values.seed ?? Date.now() % 2 ** 32);
  Date.now() < end && process.exitCode === undefined;
  seed++
) {
  for (const target of chosen) {
    if (Date.now() >= end) break;
    try {
      const { runs } = fuzz(target, seed, Math.min(ROUND_MS, end - Date.now()));
      totals.set(target.name, (totals.get(target.name) ?? 0) + runs);
    } catch (error) {
      console.error(
        error instanceof Finding
          ? `${error.message}\n${String(error.cause instanceof Error ? error.cause.stack : '')}`
          : error,
      );
      process.exitCode = 1;
    }
  }
}
for (const [name, runs] of totals) console.log(`${name}: ${runs} runs`);
