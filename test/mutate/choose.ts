// What `npm run mutate` looks at: which lines of which files, and which tests should notice that they are
// wrong.

import path from 'node:path';
import type { Imports } from '../lint/circles.js';

/** Tests of one file at most: each is run again for every change. */
const MOST_TESTS = 3;
const FOLDERS = /^(lib\/(client|media|nvr)|nodes)\/.*\.ts$/;

/**
 * Line ranges in Stryker's form (`file:from-to`), from a diff without context lines (`git diff --unified=0`).
 */
export function changedRanges(diff: string): string[] {
  const ranges: string[] = [];
  let file = '';
  for (const line of diff.split('\n')) {
    if (line.startsWith('+++ ')) file = line.startsWith('+++ b/') ? line.slice('+++ b/'.length) : '';
    const hunk = /^@@ -\S+ \+(\d+)(?:,(\d+))? @@/.exec(line);
    if (hunk === null || !FOLDERS.test(file)) continue;
    const from = Number(hunk[1]);
    const count = Number(hunk[2] ?? 1);
    if (count > 0) ranges.push(`${file}:${from}-${from + count - 1}`);
  }
  return ranges;
}

/** The tests nearest to a file by imports, nearest first; among equals those of the file's own name. */
export function testsOf(file: string, imports: Imports): string[] {
  const importers = new Map<string, string[]>();
  for (const [from, targets] of imports)
    for (const to of targets) importers.set(to, [...(importers.get(to) ?? []), from]);
  const seen = new Set([file]);
  const found: string[] = [];
  const own = path.basename(file, '.ts');
  for (let ring = [file]; ring.length > 0 && found.length < MOST_TESTS;) {
    const next = ring.flatMap((one) => importers.get(one) ?? []).filter((one) => !seen.has(one));
    ring = [...new Set(next)];
    for (const one of ring) seen.add(one);
    const tests = ring.filter((one) => one.endsWith('.test.ts'));
    found.push(...tests.sort((a, b) => rank(a, own) - rank(b, own) || a.localeCompare(b)));
  }
  return found.slice(0, MOST_TESTS);
}

function rank(test: string, own: string): number {
  return path.basename(test).startsWith(own) ? 0 : 1;
}
