// The times given to a track's last units, in order of presentation: where the next one may go.

/** The deepest reordering of H.264 and H.265 (H.264 A.3.1, H.265 A.4.2), and a few to lean on. */
const KEPT = 24;
/** Time to the next unit at least: more than a tick of 90 kHz, or of any sound. */
export const MIN_STEP_MS = 0.15;

export class Presentation {
  /** Time of the unit shown last of all so far. */
  newest = -Infinity;
  readonly #times: number[] = [];

  /** Behind all others. Answers the time itself, moved up where it is not behind them. */
  append(ms: number): number {
    const at = Math.max(ms, this.newest + MIN_STEP_MS);
    this.newest = at;
    this.#times.push(at);
    if (this.#times.length > 2 * KEPT) this.#times.splice(0, KEPT);
    return at;
  }

  /**
   * Among the others, as a B picture comes: behind at most `depth` of those that were decoded before it, and where there is room for a picture of `frameMs`.
   * False: it does not fit there, and is not put there.
   */
  insert(ms: number, depth: number, frameMs: number): boolean {
    const times = this.#times;
    let at = times.length;
    while (at > 0 && times[at - 1]! > ms) at--;
    const above = times[at];
    const below = times[at - 1];
    if (above === undefined || times.length - at > depth) return false;
    // In front of the stream's first picture: an open GOP's.
    if (below === undefined) {
      if (times.length > depth || this.newest - ms > times.length * 2 * frameMs + frameMs) return false;
      times.unshift(ms);
      return true;
    }
    if (above - ms < MIN_STEP_MS || ms - below < MIN_STEP_MS) return false;
    // A clock that was set back lands on pictures; a B picture lands between them.
    if (above - below < 1.3 * frameMs || above - ms < 0.3 * frameMs || ms - below < 0.3 * frameMs)
      return false;
    times.splice(at, 0, ms);
    if (times.length > 2 * KEPT) times.splice(0, KEPT);
    return true;
  }
}
