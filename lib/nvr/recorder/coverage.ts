// Computes how much of the requested span a clip contains, and where the gaps are. Pure.

import type { ClipGap } from '../../media/gaps.js';

/** A span, in ms of one clock. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** The contents of a file, in ms of the same clock. */
export interface FileContents {
  readonly start: number;
  readonly end: number;
  readonly frames: number;
  /** Gaps inside the file; `at` is in ms from `start`. */
  readonly gaps: readonly ClipGap[];
  /** Length of further gaps, which are too many to be listed. */
  readonly unlistedMs: number;
}

interface Coverage {
  /** 0 to 1, with three decimals; 1 only if nothing is missing. */
  readonly coverage: number;
  /**
   * Every gap of more than two frames, in order, but a thousand within the file at most; `at` is in ms from
   * the start of the span. A gap at 0 is a missing beginning, one that reaches the span's end a missing end.
   */
  readonly gaps: readonly ClipGap[];
  /** The length of all gaps together, of those as well that are too many to be listed. */
  readonly missingMs: number;
}

/** A gap of no more than this many frames is ignored. */
const GAP_FRAMES = 2;

export function coverageOf(asked: Span, contents: FileContents | undefined): Coverage {
  const length = Math.max(0, asked.to - asked.from);
  const holes = contents === undefined || contents.frames === 0 ? [asked] : holesOf(asked, contents);
  const least = contents === undefined ? 0 : GAP_FRAMES * frameMs(contents);
  const gaps: ClipGap[] = [];
  for (const { from, to } of holes) {
    const start = Math.max(from, asked.from);
    const ms = Math.min(to, asked.to) - start;
    if (ms > 0 && ms > least) gaps.push({ at: Math.round(start - asked.from), ms: Math.round(ms) });
  }
  const listedMs = gaps.reduce((sum, { ms }) => sum + ms, 0);
  const missingMs = listedMs + Math.round(contents?.unlistedMs ?? 0);
  const coverage =
    length === 0 ? 1 : Math.min(1, Math.max(0, Math.floor((1 - missingMs / length) * 1000) / 1000));
  return { coverage, gaps, missingMs };
}

/** The gaps before, inside and after the file. */
function holesOf(asked: Span, { start, end, gaps }: FileContents): Span[] {
  const within = gaps.map(({ at, ms }) => ({ from: start + at, to: start + at + ms }));
  return [{ from: asked.from, to: start }, ...within, { from: end, to: asked.to }];
}

/** The average duration of a frame, in ms. */
function frameMs({ start, end, frames, gaps, unlistedMs }: FileContents): number {
  const missing = gaps.reduce((sum, { ms }) => sum + ms, unlistedMs);
  return Math.max(0, end - start - missing) / frames;
}
