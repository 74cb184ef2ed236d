// Whether a stream's pictures are shown in the order in which they are sent: as its format says, or as was
// seen of it.

import type { VideoFormat, VideoUnit } from '../../codec/unit.js';

/**
 * Pictures in order after which there are no B-frames: they come a few pictures after a keyframe, or never.
 */
const ENOUGH = 50;

export class ShownOrder {
  /** One was shown before one that came before it. */
  isReordered = false;
  private latest = -Infinity;
  private pictures = 0;

  /** `known`: pictures that came before, in order of decoding. */
  constructor(known: readonly Pick<VideoUnit, 'mediaTime' | 'arrival'>[] = []) {
    for (const { arrival, mediaTime = arrival } of known) this.see(mediaTime);
  }

  see(mediaTime: number): void {
    if (mediaTime < this.latest) this.isReordered = true;
    this.latest = Math.max(this.latest, mediaTime);
    this.pictures++;
  }

  isInOrder({ reorderDepth }: VideoFormat): boolean {
    return !this.isReordered && (reorderDepth === 0 || this.pictures >= ENOUGH);
  }
}
