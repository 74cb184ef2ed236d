// Pictures that are shown in another order than they come: where each stands, how many places it was moved,
// and what a place lasts. With that taken off its RTP time, a stream is as if it came in order, and its clock
// can be judged like any other.

/** The deepest reordering of H.264 and H.265 (H.264 A.3.1, H.265 A.4.2). */
const DEEPEST = 16;
/** Steps of RTP time per picture that agree. */
const ALIKE = 0.1;
/** So many in a row that do not: the rate varies. */
const VARYING = 16;
/** A picture that took so long, in times of the skipped ones' share, comes behind pictures that were lost. */
const LATE = 0.75;

export class Reordering {
  /** Of the picture told last: it rises in order of presentation. */
  rank = 0;
  /** RTP ticks that one picture lasts; 0: not known yet. */
  ticks = 0;
  /** Pictures came out of order. */
  seen = false;

  /** Ranks as they are told, and what is added to them. */
  #told = NaN;
  #shift = 0;
  #top = 0;
  #topBefore = 0;
  #since = 0;
  #candidate = 0;
  #unlike = 0;

  /** A new source: ranks and RTP time begin anew. */
  clear(): void {
    this.ticks = this.#candidate = this.#unlike = 0;
    this.seen = false;
    this.#told = NaN;
  }

  /**
   * The next picture: by how many places later than it comes it is shown (earlier: less than 0). `told`: its
   * place in order of presentation by the stream, NaN where that does not say; `step`: RTP ticks from the
   * last one, if there was one; `frame`: ticks of one, where none was measured; `paces`: how long it took to come, in times of
   * what a picture takes, NaN where that is not known.
   */
  places(told: number, step: number, frame: number, paces: number): number {
    const isFirst = Number.isNaN(this.#told);
    const rank = Number.isNaN(told)
      ? this.rank + this.#rankStep(isFirst ? 0 : step, frame)
      : told + this.#shift;
    if (!isFirst && !Number.isNaN(told)) this.#follow(step / (rank - this.rank));
    this.#told = Number.isNaN(told) ? 0 : told;
    const isBelow = !isFirst && rank < this.#top;
    const places = rank - this.#topBefore - 2 - this.#since;
    if (isBelow && places >= -DEEPEST && this.#since < DEEPEST) {
      // Behind the top one before stand the top one, and those that came since.
      this.seen = true;
      this.#since++;
      this.rank = rank;
      return places;
    }
    const skipped = rank - this.#top - 1;
    const isOff = isFirst || isBelow || skipped > DEEPEST;
    this.rank = isOff ? this.#top + 1 : rank;
    this.#shift += this.rank - rank;
    this.#topBefore = this.#top;
    this.#top = this.rank;
    this.#since = 0;
    const isLost = !this.seen && paces >= LATE * (skipped + 1);
    return isOff || isLost ? 0 : skipped;
  }

  /** Where the stream does not tell, RTP time has to. */
  #rankStep(step: number, frame: number): number {
    if (this.ticks === 0 || (Math.abs(step) < this.ticks && step !== 0))
      this.ticks = Math.min(frame, Math.abs(step));
    const places = this.ticks === 0 ? 1 : step / this.ticks;
    return Math.abs(places) > DEEPEST || places === 0 ? this.#top + 1 - this.rank : places;
  }

  #follow(ticks: number): void {
    if (!(ticks > 0) || ticks === Infinity) return;
    const isAlike = Math.abs(ticks - this.ticks) <= ALIKE * this.ticks;
    const isAgain = Math.abs(ticks - this.#candidate) <= ALIKE * this.#candidate;
    this.#candidate = ticks;
    this.#unlike = isAlike ? 0 : this.#unlike + 1;
    if (this.ticks === 0 || isAlike || isAgain || this.#unlike > VARYING) this.ticks = ticks;
  }
}
