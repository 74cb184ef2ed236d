// Detects a camera that sends no parameter sets, neither in the stream nor in its description: everything
// seems to play, but nothing can be decoded.

import type { VideoUnit } from '../../codec/unit.js';
import type { NvrError } from '../../errors.js';
import { hasSets, withoutSets } from '../../media/decoder-config.js';

/** The parameter sets may still come with the next keyframe, or within this time (ms). */
const KEYFRAMES = 2;
const WAIT_MS = 5000;

/** One per session. */
export class MissingSets {
  private keyframes = 0;
  private since = 0;
  private hasWarned = false;

  /** Takes the next unit. Returns the error once, when it is certain that the sets are missing. */
  take(unit: VideoUnit): NvrError | undefined {
    if (this.hasWarned || unit.format.width > 0 || hasSets(unit)) return undefined;
    if (unit.keyframe && this.keyframes++ === 0) this.since = unit.arrival;
    const isLong = this.keyframes > 0 && unit.arrival - this.since >= WAIT_MS;
    if (this.keyframes < KEYFRAMES && !isLong) return undefined;
    this.hasWarned = true;
    return withoutSets();
  }
}
