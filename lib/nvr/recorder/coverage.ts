// How much of what was asked for a clip holds, and where the holes are. Pure.

import type { ClipGap } from '../../media/gaps.js';

/** From and to, in ms of one clock. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** What a file holds, in ms of the same clock. */
export interface Held {
  readonly start: number;
  readonly end: number;
  readonly frames: number;
  /** Holes within, `at` being ms from `start`. */
  readonly gaps: readonly ClipGap[];
}

export interface Coverage {
  /** 0..1 of the span, with three decimals; 1 only where nothing is missing. */
  readonly coverage: number;
  /**
   * Every hole above two frame times, in order, `at` being ms into the span: one at 0 is a missing head, one
   * that reaches the span's end a missing tail.
   */
  readonly gaps: readonly ClipGap[];
  /** Of all holes together. */
  readonly missingMs: number;
}

/** A hole of no more than that many pictures is none. */
const GAP_FRAMES = 2;

export function coverageOf(asked: Span, held: Held | undefined): Coverage {
  const length = Math.max(0, asked.to - asked.from);
  const holes = held === undefined || held.frames === 0 ? [asked] : holesOf(asked, held);
  const least = held === undefined ? 0 : GAP_FRAMES * frameMs(held);
  const gaps: ClipGap[] = [];
  for (const { from, to } of holes) {
    const start = Math.max(from, asked.from);
    const ms = Math.min(to, asked.to) - start;
    if (ms > 0 && ms > least) gaps.push({ at: Math.round(start - asked.from), ms: Math.round(ms) });
  }
  const missingMs = gaps.reduce((sum, { ms }) => sum + ms, 0);
  const coverage =
    length === 0 ? 1 : Math.min(1, Math.max(0, Math.floor((1 - missingMs / length) * 1000) / 1000));
  return { coverage, gaps, missingMs };
}

/** What lies before, between and behind. */
function holesOf(asked: Span, { start, end, gaps }: Held): Span[] {
  const within = gaps.map(({ at, ms }) => ({ from: start + at, to: start + at + ms }));
  return [{ from: asked.from, to: start }, ...within, { from: end, to: asked.to }];
}

/** What a picture lasts. */
function frameMs({ start, end, frames, gaps }: Held): number {
  const missing = gaps.reduce((sum, { ms }) => sum + ms, 0);
  return Math.max(0, end - start - missing) / frames;
}
