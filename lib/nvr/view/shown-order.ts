// Determines whether a stream's frames are displayed in decoding order, from its format or from the frames
// seen so far.

import type { VideoFormat, VideoUnit } from '../../codec/unit.js';

/**
 * After this many frames in order there are no B-frames: they follow a few frames after a keyframe, or not at
 * all.
 */
const ENOUGH = 50;

export class ShownOrder {
  /** A frame was displayed before one that was sent earlier. */
  isReordered = false;
  private latest = -Infinity;
  private pictures = 0;

  /** `earlier` are frames that came before, in decoding order. */
  constructor(earlier: readonly Pick<VideoUnit, 'mediaTime' | 'arrival'>[] = []) {
    for (const { arrival, mediaTime = arrival } of earlier) this.take(mediaTime);
  }

  take(mediaTime: number): void {
    if (mediaTime < this.latest) this.isReordered = true;
    this.latest = mediaTime;
    this.pictures++;
  }

  isInOrder({ reorderDepth }: VideoFormat): boolean {
    return !this.isReordered && (reorderDepth === 0 || this.pictures >= ENOUGH);
  }
}
