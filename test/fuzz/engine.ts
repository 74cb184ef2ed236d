// Runs a target on mutated seeds until its time is over, and judges every run: no throw but NvrError, nothing
// past the limits, nothing slow.

import { performance } from 'node:perf_hooks';
import v8 from 'node:v8';
import vm from 'node:vm';
import { NvrError } from '../../lib/errors.js';
import { Random } from './random.js';

export interface Target {
  name: string;
  /** Makes one input, from the seeds and the random numbers alone. */
  make(random: Random): Input;
}

export interface Input {
  /** How much is fed. */
  bytes: number;
  /** Feeds it. May throw NvrError; fails by any other throw (an assertion is one). Can be called again. */
  run(): void;
}

export interface Outcome {
  runs: number;
  bytes: number;
}

/** Allowed: 5 µs for each byte and 50 ms for anything. A run on a busy machine gets more tries. */
const US_PER_BYTE = 5;
const SLACK_MS = 50;
const TRIES = 4;
/** What a target may keep in memory after all its inputs. */
const KEPT_BYTES = 64 * 1024 * 1024;

export class Finding extends Error {}

/** Throws a Finding that names target, seed and run. `budgetMs`: for the whole of it. */
export function fuzz(target: Target, seed: number, budgetMs: number): Outcome {
  const random = new Random(seed);
  const outcome: Outcome = { runs: 0, bytes: 0 };
  const end = performance.now() + budgetMs;
  const before = heldBytes(2);
  do {
    const input = target.make(random);
    judge(input, () => `${target.name}: seed ${seed}, run ${outcome.runs}`);
    outcome.runs++;
    outcome.bytes += input.bytes;
  } while (performance.now() < end);
  let kept = heldBytes(1) - before;
  if (kept > KEPT_BYTES) kept = heldBytes(3) - before;
  if (kept > KEPT_BYTES) throw new Finding(`${target.name}: seed ${seed}: ${kept >> 20} MiB are kept`);
  return outcome;
}

function judge(input: Input, where: () => string): void {
  const allowed = SLACK_MS + (input.bytes * US_PER_BYTE) / 1000;
  let took = Infinity;
  for (let attempt = 0; attempt < TRIES && took > allowed; attempt++) {
    const started = performance.now();
    try {
      input.run();
    } catch (error) {
      if (!(error instanceof NvrError)) throw new Finding(`${where()}: ${String(error)}`, { cause: error });
    }
    took = Math.min(took, performance.now() - started);
  }
  if (took > allowed) throw new Finding(`${where()}: ${took.toFixed(0)} ms for ${input.bytes} bytes`);
}

function heldBytes(collections: number): number {
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc') as () => void;
  // Buffers that one collection found are given back beside the next.
  return Math.min(
    ...Array.from({ length: collections }, () => {
      collect();
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      return heapUsed + arrayBuffers;
    }),
  );
}
