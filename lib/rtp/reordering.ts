// Finds the display order of pictures that arrive in decode order (B-frames): each picture's place, how many
// places it was moved, and how many RTP ticks a place lasts. With that subtracted from its RTP time, a stream
// looks as if it arrived in display order, and its clock can be estimated like any other.

/** The deepest reordering of H.264 and H.265 (H.264 A.3.1, H.265 A.4.2). */
const DEEPEST = 16;
/** Two steps of RTP time per picture agree if they differ by at most this share. */
const ALIKE = 0.1;
/** After this many steps in a row that do not agree, the frame rate is variable, and each step counts. */
const VARYING = 16;
/**
 * A picture that took this share of the time of the places skipped before it follows lost pictures, not
 * reordered ones.
 */
const LATE = 0.75;

export class Reordering {
  /** Place of the last picture; rises in display order. */
  rank = 0;
  /** RTP ticks per picture; 0 while unknown. */
  ticks = 0;
  /** Whether pictures have arrived out of display order. */
  seen = false;

  /** The last place given by the stream, and the offset added to those places. */
  private lastGiven = NaN;
  private shift = 0;
  private top = 0;
  private topBefore = 0;
  private since = 0;
  private candidate = 0;
  private unlike = 0;

  /** A new source: places and RTP time start over. */
  clear(): void {
    this.ticks = this.candidate = this.unlike = 0;
    this.seen = false;
    this.lastGiven = NaN;
  }

  /**
   * Takes the next picture in decode order. Returns how many places later than it arrives it is displayed;
   * negative if earlier.
   *
   * `givenRank`: its place in display order according to the stream, NaN if unknown; `step`: RTP ticks since
   * the last picture, if there was one; `frame`: RTP ticks per picture to assume until they are measured;
   * `paces`: time since the last picture, as a multiple of the usual interval, NaN if unknown.
   */
  places(givenRank: number, step: number, frame: number, paces: number): number {
    const isFirst = Number.isNaN(this.lastGiven);
    const rank = Number.isNaN(givenRank)
      ? this.rank + this.rankStep(isFirst ? 0 : step, frame)
      : givenRank + this.shift;
    if (!isFirst && !Number.isNaN(givenRank)) this.follow(step / (rank - this.rank));
    this.lastGiven = Number.isNaN(givenRank) ? 0 : givenRank;
    const isBelow = !isFirst && rank < this.top;
    const places = rank - this.topBefore - 2 - this.since;
    if (isBelow && places >= -DEEPEST && this.since < DEEPEST) {
      // Between this picture and the top one before the last lie the last top one and those that arrived
      // since.
      this.seen = true;
      this.since++;
      this.rank = rank;
      return places;
    }
    const skipped = rank - this.top - 1;
    const isOff = isFirst || isBelow || skipped > DEEPEST;
    this.rank = isOff ? this.top + 1 : rank;
    this.shift += this.rank - rank;
    this.topBefore = this.top;
    this.top = this.rank;
    this.since = 0;
    const isLost = !this.seen && paces >= LATE * (skipped + 1);
    return isOff || isLost ? 0 : skipped;
  }

  /** If the stream gives no places, derive them from RTP time. */
  private rankStep(step: number, frame: number): number {
    if (this.ticks === 0 || (Math.abs(step) < this.ticks && step !== 0))
      this.ticks = Math.min(frame, Math.abs(step));
    const places = this.ticks === 0 ? 1 : step / this.ticks;
    return Math.abs(places) > DEEPEST || places === 0 ? this.top + 1 - this.rank : places;
  }

  private follow(ticks: number): void {
    if (!(ticks > 0) || ticks === Infinity) return;
    const isAlike = Math.abs(ticks - this.ticks) <= ALIKE * this.ticks;
    const isAgain = Math.abs(ticks - this.candidate) <= ALIKE * this.candidate;
    this.candidate = ticks;
    this.unlike = isAlike ? 0 : this.unlike + 1;
    if (this.ticks === 0 || isAlike || isAgain || this.unlike > VARYING) this.ticks = ticks;
  }
}
