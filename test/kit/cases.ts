// Which cases run: `npm test` has minutes for all of its files, and leaves those that only cost more of the
// same to `npm run test:long`, which takes every case.

import type { Context } from 'mocha';

/** Set by `all-cases.ts`. */
export function takesAll(): boolean {
  return process.env.NVR_ALL_CASES === '1';
}

/** `count` of them, the first, the last and some between, evenly spread; or all. */
export function some<T>(all: readonly T[], count: number): readonly T[] {
  if (takesAll() || count >= all.length) return all;
  return Array.from(
    { length: count },
    (_, i) => all[Math.round((i * (all.length - 1)) / Math.max(1, count - 1))]!,
  );
}

/** How many times something random is tried. */
export function times(few: number, many: number): number {
  return takesAll() ? many : few;
}

/** A test of `npm run test:long` alone. */
export function itLong(title: string, body: (this: Context) => Promise<void>): void {
  if (takesAll()) it(title, body);
}
