// Keeps the presentation times of a track's last pictures strictly rising in display order, whatever times
// are asked for.

/** Pictures kept: the deepest reordering of H.264 and H.265 (H.264 A.3.1, H.265 A.4.2), and some more. */
const KEPT = 24;
/** Least time between two units: more than one tick of 90 kHz or of any audio clock. */
export const MIN_STEP_MS = 0.15;

export class Presentation {
  private readonly times: number[] = [];
  private readonly ranks: number[] = [];

  /**
   * Returns the time asked for if it lies between those of the picture's neighbours in display order, else
   * one that does. `rank`: place in display order; `frameMs`: duration of a picture.
   */
  place(ms: number, rank: number, frameMs: number): number {
    const times = this.times;
    const ranks = this.ranks;
    let at = ranks.length;
    while (at > 0 && ranks[at - 1]! > rank) at--;
    const above = times[at];
    const below = times[at - 1];
    let time = ms;
    if (above === undefined) {
      if (below !== undefined) time = Math.max(ms, below + MIN_STEP_MS);
    } else if (below === undefined) {
      time = Math.min(ms, above - frameMs);
    } else if (ms <= below || ms >= above) {
      const share = (rank - ranks[at - 1]!) / (ranks[at]! - ranks[at - 1]!);
      time = below + (above - below) * (share > 0 ? share : 0.5);
    }
    if (above === undefined) {
      times.push(time);
      ranks.push(rank);
    } else {
      times.splice(at, 0, time);
      ranks.splice(at, 0, rank);
    }
    if (times.length > 2 * KEPT) {
      times.splice(0, KEPT);
      ranks.splice(0, KEPT);
    }
    return time;
  }
}
