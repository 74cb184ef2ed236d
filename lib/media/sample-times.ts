// Display and decode times of pictures in whole ticks. Whatever times come in, the results make a file that
// every player accepts: decode times rise, and no decode time is after its display time. All pictures and the
// audio of a file are delayed by the same amount (ISO 14496-12 8.6.1.3, 8.8.12), because negative offsets
// would make ffmpeg shift pictures against audio.

/** Deepest reordering of H.264 and H.265 (H.264 A.3.1, H.265 A.4.1). */
export const MAX_REORDER = 16;

/**
 * Restricts display times to what decoders assume: no two are equal; at most `depth` pictures decoded before
 * a picture are displayed after it, and none that was decoded before the last keyframe.
 */
export class ShownTimes {
  /** The latest display times, sorted: one more than the depth. */
  private readonly latest: number[] = [];
  /** Every picture before the last keyframe is displayed by this time. */
  private floor = -1;

  constructor(private readonly depth: number) {}

  /** Display time of the next picture in decode order: the wanted one, or the next possible one after it. */
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

/** Decode times for runs of pictures whose display times come from a `ShownTimes` with the same depth. */
export class DecodeTimes {
  /**
   * Delay added to all display times: what the first run needs, and a tick for each picture that may be
   * decoded early. Undefined before the first run.
   */
  delay: number | undefined;
  private last = -1;

  constructor(private readonly depth: number) {}

  /**
   * `shown`: display times of the next pictures in decode order, without the delay. The last `held` of them
   * come again in the next run.
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
