// A camera that sends its pictures without parameter sets, in the stream as in its description: everything
// seems to play, and nothing can be decoded.

import type { VideoUnit } from '../../codec/unit.js';
import type { NvrError } from '../../errors.js';
import { hasSets, withoutSets } from '../../media/decoder-config.js';

/** They may still come with the next keyframe, or shortly. */
const KEYFRAMES = 2;
const WAIT_MS = 5000;

/** One per session. */
export class MissingSets {
  private keyframes = 0;
  private since = 0;
  private hasWarned = false;

  /** The next unit. Answers once, when it is certain. */
  look(unit: VideoUnit): NvrError | undefined {
    if (this.hasWarned || unit.format.width > 0 || hasSets(unit)) return undefined;
    if (unit.keyframe && this.keyframes++ === 0) this.since = unit.arrival;
    const isLong = this.keyframes > 0 && unit.arrival - this.since >= WAIT_MS;
    if (this.keyframes < KEYFRAMES && !isLong) return undefined;
    this.hasWarned = true;
    return withoutSets();
  }
}
