// What is known of a track's reordering: how far pictures come before their time, and how long a frame is. All in RTP ticks, which have no jitter.

/** How far a picture may come before its time, in frames; and in any case, in ms. */
const LEAD_FRAMES = 8;
const LEAD_MS = 145;
/** What is known is the extreme of the last one to two of these: some GOPs may have no B pictures. */
const WINDOW_MS = 60_000;

export class Reordering {
  /** Pictures were shown in another order than they came. */
  seen = false;

  #lead = 0;
  #leadBefore = 0;
  #frame = Infinity;
  #frameBefore = Infinity;
  #since = 0;

  /** The furthest that a picture came before its time. */
  get lead(): number {
    return Math.max(this.#lead, this.#leadBefore);
  }

  /** The shortest step from one unit to another; Infinity before there was one. */
  get frame(): number {
    return Math.min(this.#frame, this.#frameBefore);
  }

  clear(): void {
    this.seen = false;
    this.#lead = this.#leadBefore = 0;
    this.#frame = this.#frameBefore = Infinity;
  }

  /** The step of RTP time from one unit to the next, either way. */
  step(ticks: number, nowMs: number): void {
    if (nowMs - this.#since > WINDOW_MS) {
      this.#since = nowMs;
      this.#leadBefore = this.#lead;
      this.#frameBefore = this.#frame;
      this.#lead = 0;
      this.#frame = Infinity;
    }
    if (ticks !== 0 && Math.abs(ticks) < this.#frame) this.#frame = Math.abs(ticks);
  }

  /** A picture that is shown `ticks` before one that came earlier. False: no picture is reordered that far. */
  below(ticks: number): boolean {
    if (ticks > LEAD_FRAMES * this.frame) return false;
    this.seen = true;
    if (ticks > this.#lead) this.#lead = ticks;
    return true;
  }

  /** Whether a picture `step` ticks further on may come `ms` before its time: those shown before it then follow. `frame`: ticks of one, where none was measured. */
  mayLead(ms: number, step: number, frame: number): boolean {
    if (ms <= LEAD_MS) return true;
    const frames = step / (this.frame < step ? this.frame : frame);
    return frames > 1.5 && frames <= LEAD_FRAMES && Math.abs(frames - Math.round(frames)) < 0.05;
  }
}
