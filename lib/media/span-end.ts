// Where a span of recorded pictures ends. Pictures come in order of decoding: behind the first one that is
// shown too late there may be some that are shown in time, and build on it.

import type { VideoUnit } from '../codec/unit.js';

/**
 * `in`: it belongs to the span, after those that `takeHeld` answers. `held`: perhaps, told by what comes
 * behind it. `over`: neither it nor anything behind it does.
 */
export type PlaceInSpan = 'in' | 'held' | 'over';

/** As many as any stream may decode ahead (H.264 A.3.1, H.265 A.4.1). */
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

  /** Those that are shown behind the span, and that the next one builds on. */
  takeHeld(): readonly VideoUnit[] {
    if (this.held.length === 0) return NONE;
    const { held } = this;
    this.held = [];
    return held;
  }
}
