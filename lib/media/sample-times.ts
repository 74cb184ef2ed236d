// When a picture is shown and when it is decoded, in whole ticks: whatever times come in, what goes out is a
// file that every player takes. Times of decoding go up, none lies behind its time of presentation, and all
// pictures of a file, and its sound, are moved up by the same delay (ISO 14496-12 8.6.1.3, 8.8.12): offsets
// below zero would make ffmpeg shift the pictures against the sound.

/** What H.264 and H.265 allow at most (H.264 A.3.1, H.265 A.4.1). */
export const MAX_REORDER = 16;

/**
 * Holds times of presentation to the order that decoders keep: no two are the same, at most `depth` pictures
 * that were decoded before a picture are shown behind it, and none that was decoded before the last keyframe.
 */
export class ShownTimes {
  /** The latest ones, up to one more than the depth, in order. */
  private readonly latest: number[] = [];
  /** Everything before the last keyframe was shown by then. */
  private floor = -1;

  constructor(private readonly depth: number) {}

  /**
   * The time for the next picture in order of decoding: the one that is wanted, or the nearest behind it that
   * can be.
   */
  next(wanted: number, keyframe: boolean): number {
    const { latest, depth } = this;
    if (keyframe) this.floor = Math.max(this.floor, latest.at(-1) ?? -1);
    let ticks = Math.max(wanted, this.floor + 1);
    if (latest.length > depth) ticks = Math.max(ticks, latest[0]! + 1);
    while (latest.includes(ticks)) ticks++;
    latest.push(ticks);
    latest.sort((a, b) => a - b);
    if (latest.length > depth + 1) latest.shift();
    return ticks;
  }
}

/** Times of decoding, for runs of pictures whose times came from `ShownTimes` of the same depth. */
export class DecodeTimes {
  /**
   * What all times of presentation are moved up by: as far as the first run needs, and a tick for each
   * picture that may ever be decoded before its time. Undefined until then.
   */
  delay: number | undefined;
  private last = -1;

  constructor(private readonly depth: number) {}

  /**
   * `shown`: of the next pictures in order of decoding, not moved up. The last `held` of them come again in
   * the next run.
   */
  take(shown: readonly number[], held: number): number[] {
    const times = [...shown].sort((a, b) => a - b);
    this.delay ??= Math.max(this.depth, ...shown.map((ticks, index) => times[index]! - ticks));
    for (let index = shown.length - 1; index >= 0; index--) {
      const latest = Math.min(shown[index]! + this.delay, (times[index + 1] ?? Infinity) - 1);
      times[index] = Math.min(times[index]!, latest);
    }
    times.length = shown.length - held;
    times.forEach((time, index) => {
      this.last = times[index] = Math.max(time, this.last + 1);
    });
    return times;
  }
}
