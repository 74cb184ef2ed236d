// Where decoding of a stream can begin, and how long pictures stay incomplete after that.

import { H264_NAL } from './h264/nal.js';
import { START_CODE_BYTES } from './annexb.js';
import type { VideoUnit } from './unit.js';

/** After this many GOPs without an undamaged keyframe, a damaged one is used. */
const PATIENCE_GOPS = 3;

/**
 * Whether a decoder, a file or a new subscriber can begin at a unit: an undamaged keyframe, a recovery point
 * of periodic intra refresh, or a damaged keyframe if no undamaged one came for three GOPs.
 */
export function isEntry(unit: VideoUnit): boolean {
  if (unit.keyframe) return !unit.damaged || unit.standIn === true;
  return unit.recoveryFrames !== undefined && !unit.damaged;
}

/**
 * Whether to hand the unit to a consumer that wants keyframes only: an undamaged keyframe, or a damaged one
 * used instead (see `PATIENCE_GOPS`).
 */
export function isKeyframe(unit: VideoUnit): boolean {
  return unit.keyframe && isEntry(unit);
}

/**
 * Counts the pictures from a recovery point until decoding from there is complete (H.264 D.2.8, H.265 D.3.8).
 */
export class Recovery {
  private left: number;

  constructor(frames: number) {
    this.left = frames;
  }

  /** Takes the next unit, starting with the recovery point. True while pictures are still incomplete. */
  take(unit: VideoUnit): boolean {
    if (this.left <= 0) return false;
    if (isReferred(unit)) this.left -= 1;
    return true;
  }
}

/**
 * `recovery_frame_cnt` counts steps of frame_num, which only reference pictures make. H.265 counts all
 * pictures.
 */
function isReferred({ codec, data, nals }: VideoUnit): boolean {
  if (codec !== 'h264') return true;
  for (const { type, start } of nals) {
    if (type >= H264_NAL.slice && type <= H264_NAL.idr) return (data[start + START_CODE_BYTES]! & 0x60) !== 0;
  }
  return true;
}

/** Tracks which units depend on lost data. Takes the units in decoding order, and the losses between them. */
export class ReferenceState {
  /** True before the first keyframe, too. */
  private lost = true;
  private recovery: Recovery | undefined;
  private spoiltKeyframes = 0;

  /** Whole units, or an unknown amount of data, were lost. `keyframe`: a keyframe was among them. */
  lose(keyframe = false): void {
    this.lost = true;
    this.recovery = undefined;
    if (keyframe) this.spoiltKeyframes += 1;
  }

  /** Sets `reference` of the next unit, and `standIn` of a keyframe. */
  mark(unit: VideoUnit): void {
    if (unit.keyframe && !unit.damaged) {
      this.lost = false;
      this.recovery = undefined;
      this.spoiltKeyframes = 0;
    }
    const { recoveryFrames } = unit;
    if (this.lost && recoveryFrames !== undefined && !unit.damaged)
      this.recovery ??= new Recovery(recoveryFrames);
    if (this.recovery !== undefined && !unit.damaged && !this.recovery.take(unit)) {
      this.lost = false;
      this.recovery = undefined;
    }
    if (this.lost) unit.reference = 'lost';
    if (unit.damaged) this.lose(unit.keyframe);
    if (unit.keyframe && this.spoiltKeyframes >= PATIENCE_GOPS) unit.standIn = true;
  }
}
