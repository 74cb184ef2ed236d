// Where a stream can be begun at, and how long what was begun there is not whole yet.

import { H264_NAL } from './h264/nal.js';
import { START_CODE_BYTES } from './annexb.js';
import type { VideoUnit } from './unit.js';

/** GOPs without a clean keyframe after which a damaged one has to do. */
const PATIENCE_GOPS = 3;

/**
 * Whether a decoder, a file or a newcomer can begin at a unit: a clean keyframe, a recovery point of periodic
 * intra refresh, or, where no clean keyframe came for three GOPs, a damaged one.
 */
export function isEntry(unit: VideoUnit): boolean {
  if (unit.keyframe) return !unit.damaged || unit.standIn === true;
  return unit.recoveryFrames !== undefined && !unit.damaged;
}

/** A keyframe worth handing to who wants keyframes alone: a clean one, or one that stands in for it. */
export function isKeyframe(unit: VideoUnit): boolean {
  return unit.keyframe && isEntry(unit);
}

/**
 * Counts the pictures from a recovery point until what is decoded from there is whole (H.264 D.2.8, H.265
 * D.3.8).
 */
export class Recovery {
  private left: number;

  constructor(frames: number) {
    this.left = frames;
  }

  /** Takes the next unit, the recovery point's own first. True: it is not whole yet. */
  take(unit: VideoUnit): boolean {
    if (this.left <= 0) return false;
    if (isReferred(unit)) this.left -= 1;
    return true;
  }
}

/**
 * `recovery_frame_cnt` counts steps of frame_num: only pictures that others refer to make one. H.265 counts
 * all.
 */
function isReferred({ codec, data, nals }: VideoUnit): boolean {
  if (codec !== 'h264') return true;
  for (const { type, start } of nals) {
    if (type >= H264_NAL.slice && type <= H264_NAL.idr) return (data[start + START_CODE_BYTES]! & 0x60) !== 0;
  }
  return true;
}

/**
 * The story of losses along a stream: what each unit builds on. Fed with units in decoding order, and with
 * losses between them.
 */
export class ReferenceState {
  /** Nothing is there before the first keyframe. */
  private lost = true;
  private recovery: Recovery | undefined;
  private spoiltKeyframes = 0;

  /** Whole units, or nobody knows what, were lost; a `keyframe` among them. */
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
