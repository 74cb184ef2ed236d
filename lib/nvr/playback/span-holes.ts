// Measures the holes in a recorded span, from the times of its pictures: at its beginning, within it and at
// its end.

/** A shorter step between pictures, in ms, is no hole, whatever the pace: cameras may be uneven. */
const LEAST_MS = 500;
/** Jitter of a steady camera's pictures, in ms. */
const UNEVEN_MS = 20;

interface Step {
  /** Epoch ms. */
  readonly from: number;
  readonly ms: number;
}

/** Times are recorded times in epoch ms. */
export class SpanHoles {
  private ms = 0;
  private last: number | undefined;
  /** The newest step is judged by the ones on both sides of it: a hole must not pass for a slow camera. */
  private newest: Step | undefined;
  private stepBefore = Infinity;

  constructor(private readonly from: number) {}

  /** Takes the time of a picture. */
  take(time: number): void {
    const { last } = this;
    if (last === undefined) {
      if (time - this.from > LEAST_MS) this.ms += time - this.from;
      this.last = time;
    } else if (time > last) {
      const step = { from: last, ms: time - last };
      this.ms += this.holeOf(this.newest, step.ms);
      this.stepBefore = this.newest?.ms ?? Infinity;
      this.newest = step;
      this.last = time;
    }
  }

  /** The holes so far, in ms, without one at the end. */
  get within(): number {
    return this.ms + (this.stepBefore === Infinity ? 0 : this.holeOf(this.newest, Infinity));
  }

  /**
   * All holes of a span that ends at `to`, in ms. The last picture lasts as long as the one before it.
   */
  upTo(to: number): number {
    const { last, newest, stepBefore } = this;
    if (last === undefined) return to - this.from;
    const usual = Math.min(newest?.ms ?? Infinity, stepBefore);
    const isShort = to - last > (usual === Infinity ? LEAST_MS : 2 * usual + UNEVEN_MS);
    return this.within + (isShort ? to - last : 0);
  }

  private holeOf(step: Step | undefined, stepAfter: number): number {
    if (step === undefined) return 0;
    const usual = Math.min(this.stepBefore, stepAfter);
    if (step.ms <= Math.max(LEAST_MS, 2 * usual)) return 0;
    return step.from + step.ms - Math.max(step.from, this.from);
  }
}
