// Fits the line of least delay to a track's arrivals: how many ms a tick really lasts, and when a unit of a
// given RTP time arrives at the earliest.
//
// Network delay is never negative, so all points (RTP time, arrival) lie on or above the true line. It is an
// edge of their lower convex hull: the one over the middle of the window (Moon, Skelly, Towsley: Estimation
// and removal of clock skew, 1999). Stalls and jitter lie above it and do not move it.

/** Number of points, a power of two. Each is the lowest point in a stretch of time. */
const POINTS = 32;
/**
 * In a window shorter than `SHORT_MS`, an edge that rises by less than this share of the window is a burst of
 * arrivals and says nothing about the clock.
 */
const SHORT_MS = 3_000;
const LEAST_EDGE = 0.05;
/** Longest stretch per point; then the window slides, 64 s long. */
const MAX_STRETCH_MS = 2_000;

export class LeastDelay {
  /** ms per tick of the line last fitted. */
  slope = 0;
  /** Mean height of the points above the line in ms: the uncertainty that jitter leaves. */
  doubt = 0;

  readonly #ticks = new Float64Array(POINTS);
  readonly #ms = new Float64Array(POINTS);
  readonly #hull = new Int32Array(POINTS);
  #count = 0;
  /** Points before this index count for the slope only, not for the offset. */
  #offsetFrom = 0;
  #stretch = 0;
  #stretchStart = 0;
  #at = 0;

  /** Time between the first and the last point's arrival. */
  get spanMs(): number {
    return this.#count < 2 ? 0 : this.#ms[this.#count - 1]! - this.#ms[0]!;
  }

  get spanTicks(): number {
    return this.#count < 2 ? 0 : this.#ticks[this.#count - 1]! - this.#ticks[0]!;
  }

  /** RTP ticks of the newest point. */
  get ticks(): number {
    return this.#ticks[this.#count - 1]!;
  }

  get count(): number {
    return this.#count;
  }

  clear(): void {
    this.#count = this.#offsetFrom = 0;
    this.#stretch = 0;
  }

  /** The sender's clock was set ahead by so many ticks. The points still tell the slope. */
  shift(ticks: number): void {
    for (let i = 0; i < this.#count; i++) this.#ticks[i]! += ticks;
    this.#stretchStart = -Infinity;
    this.#offsetFrom = this.#count;
  }

  /**
   * Adds a point with a later RTP time than those before. `slope` decides which of two points is lower. True
   * if `fit` may now give another result.
   */
  add(ticks: number, ms: number, slope: number): boolean {
    const last = this.#count - 1;
    if (last >= 0 && ticks <= this.#ticks[last]!) return false;
    if (last >= 0 && ms - this.#stretchStart < this.#stretch) {
      if (ms - this.#ms[last]! >= (ticks - this.#ticks[last]!) * slope) return false;
      this.#put(last, ticks, ms);
      return last === this.#offsetFrom;
    }
    if (this.#count === POINTS) this.#makeRoom(slope);
    this.#put(this.#count++, ticks, ms);
    this.#stretchStart = ms;
    return true;
  }

  /** Fits the line. False if there are too few points, or if the result is implausible. */
  fit(): boolean {
    if (this.#count < 3) return false;
    const size = this.#lowerHull();
    let middle = 0;
    for (let i = 0; i < this.#count; i++) middle += this.#ticks[i]! / this.#count;
    let edge = 1;
    while (edge < size - 1 && this.#ticks[this.#hull[edge]!]! < middle) edge++;
    const from = this.#hull[edge - 1]!;
    const to = this.#hull[edge]!;
    if (this.spanMs < SHORT_MS && this.#ms[to]! - this.#ms[from]! < this.spanMs * LEAST_EDGE) return false;
    this.slope = (this.#ms[to]! - this.#ms[from]!) / (this.#ticks[to]! - this.#ticks[from]!);
    this.#at = from;
    let doubt = 0;
    for (let i = 0; i < this.#count; i++) doubt += this.#ms[i]! - this.#lineAt(this.#ticks[i]!);
    this.doubt = doubt / this.#count;
    return this.slope > 0;
  }

  /** Offset of the highest line with the given slope that no point lies below. */
  offset(slope: number): number {
    let least = Infinity;
    for (let i = this.#offsetFrom; i < this.#count; i++)
      least = Math.min(least, this.#ms[i]! - slope * this.#ticks[i]!);
    return least;
  }

  #lineAt(ticks: number): number {
    return this.#ms[this.#at]! + this.slope * (ticks - this.#ticks[this.#at]!);
  }

  #put(index: number, ticks: number, ms: number): void {
    this.#ticks[index] = ticks;
    this.#ms[index] = ms;
  }

  /** Frees a slot: merges neighbouring points, or drops the oldest. */
  #makeRoom(slope: number): void {
    if (this.#stretch >= MAX_STRETCH_MS) {
      this.#ticks.copyWithin(0, 1);
      this.#ms.copyWithin(0, 1);
      this.#count--;
      this.#offsetFrom = Math.max(0, this.#offsetFrom - 1);
      return;
    }
    this.#stretch = Math.min(MAX_STRETCH_MS, Math.max(2 * this.#stretch, (2 * this.spanMs) / POINTS));
    for (let i = 0; i < POINTS / 2; i++) {
      const [a, b] = [2 * i, 2 * i + 1];
      const lower = this.#ms[b]! - this.#ms[a]! < (this.#ticks[b]! - this.#ticks[a]!) * slope ? b : a;
      this.#put(i, this.#ticks[lower]!, this.#ms[lower]!);
    }
    this.#count = POINTS / 2;
    this.#offsetFrom = Math.min(POINTS / 2 - 1, (this.#offsetFrom + 1) >> 1);
  }

  #lowerHull(): number {
    const hull = this.#hull;
    let size = 0;
    for (let i = 0; i < this.#count; i++) {
      while (size >= 2 && this.#isAbove(hull[size - 2]!, hull[size - 1]!, i)) size--;
      hull[size++] = i;
    }
    return size;
  }

  /** Whether point b lies on or above the line from a to c. */
  #isAbove(a: number, b: number, c: number): boolean {
    const x = this.#ticks;
    const y = this.#ms;
    return (y[b]! - y[a]!) * (x[c]! - x[a]!) >= (y[c]! - y[a]!) * (x[b]! - x[a]!);
  }
}
