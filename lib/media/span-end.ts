// Finds where a span of recorded pictures ends. Pictures come in decode order: after the first one displayed
// too late, others may follow that are displayed in time and depend on it.

import type { VideoUnit } from '../codec/unit.js';

/**
 * `in`: belongs to the span, after those returned by `takeHeld`. `held`: undecided until later pictures
 * arrive. `over`: neither this picture nor any later one belongs to it.
 */
type PlaceInSpan = 'in' | 'held' | 'over';

/** Deepest reordering of any stream (H.264 A.3.1, H.265 A.4.1). */
const MAX_HELD = 16;
const NONE: readonly VideoUnit[] = [];

export class SpanEnd {
  private held: VideoUnit[] = [];

  /** `to`: epoch ms. */
  constructor(private readonly to: number) {}

  place(unit: VideoUnit): PlaceInSpan {
    if (unit.time < this.to) return 'in';
    const [first] = this.held;
    const isOver =
      unit.format.reorderDepth === 0 ||
      unit.codec === 'mjpeg' ||
      unit.keyframe ||
      this.held.length >= MAX_HELD ||
      (first !== undefined && unit.time > first.time);
    if (isOver) return 'over';
    this.held.push(unit);
    return 'held';
  }

  /** The held pictures: displayed after the span, but the next picture depends on them. */
  takeHeld(): readonly VideoUnit[] {
    if (this.held.length === 0) return NONE;
    const { held } = this;
    this.held = [];
    return held;
  }
}
