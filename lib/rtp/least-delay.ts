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

  private readonly pointTicks = new Float64Array(POINTS);
  private readonly pointMs = new Float64Array(POINTS);
  private readonly hull = new Int32Array(POINTS);
  private points = 0;
  /** Points before this index count for the slope only, not for the offset. */
  private offsetFrom = 0;
  private stretch = 0;
  private stretchStart = 0;
  private at = 0;

  /** Time between the first and the last point's arrival. */
  get spanMs(): number {
    return this.points < 2 ? 0 : this.pointMs[this.points - 1]! - this.pointMs[0]!;
  }

  get spanTicks(): number {
    return this.points < 2 ? 0 : this.pointTicks[this.points - 1]! - this.pointTicks[0]!;
  }

  /** RTP ticks of the newest point. */
  get ticks(): number {
    return this.pointTicks[this.points - 1]!;
  }

  get count(): number {
    return this.points;
  }

  clear(): void {
    this.points = this.offsetFrom = 0;
    this.stretch = 0;
  }

  /** The sender's clock was set ahead by so many ticks. The points still tell the slope. */
  shift(ticks: number): void {
    for (let i = 0; i < this.points; i++) this.pointTicks[i]! += ticks;
    this.stretchStart = -Infinity;
    this.offsetFrom = this.points;
  }

  /**
   * Adds a point with a later RTP time than those before. `slope` decides which of two points is lower. True
   * if `fit` may now give another result.
   */
  add(ticks: number, ms: number, slope: number): boolean {
    const last = this.points - 1;
    if (last >= 0 && ticks <= this.pointTicks[last]!) return false;
    if (last >= 0 && ms - this.stretchStart < this.stretch) {
      if (ms - this.pointMs[last]! >= (ticks - this.pointTicks[last]!) * slope) return false;
      this.put(last, ticks, ms);
      return last === this.offsetFrom;
    }
    if (this.points === POINTS) this.makeRoom(slope);
    this.put(this.points++, ticks, ms);
    this.stretchStart = ms;
    return true;
  }

  /** Fits the line. False if there are too few points, or if the result is implausible. */
  fit(): boolean {
    if (this.points < 3) return false;
    const size = this.lowerHull();
    let middle = 0;
    for (let i = 0; i < this.points; i++) middle += this.pointTicks[i]! / this.points;
    let edge = 1;
    while (edge < size - 1 && this.pointTicks[this.hull[edge]!]! < middle) edge++;
    const from = this.hull[edge - 1]!;
    const to = this.hull[edge]!;
    if (this.spanMs < SHORT_MS && this.pointMs[to]! - this.pointMs[from]! < this.spanMs * LEAST_EDGE)
      return false;
    this.slope = (this.pointMs[to]! - this.pointMs[from]!) / (this.pointTicks[to]! - this.pointTicks[from]!);
    this.at = from;
    let doubt = 0;
    for (let i = 0; i < this.points; i++) doubt += this.pointMs[i]! - this.lineAt(this.pointTicks[i]!);
    this.doubt = doubt / this.points;
    return this.slope > 0;
  }

  /** Offset of the highest line with the given slope that no point lies below. */
  offset(slope: number): number {
    let least = Infinity;
    for (let i = this.offsetFrom; i < this.points; i++)
      least = Math.min(least, this.pointMs[i]! - slope * this.pointTicks[i]!);
    return least;
  }

  private lineAt(ticks: number): number {
    return this.pointMs[this.at]! + this.slope * (ticks - this.pointTicks[this.at]!);
  }

  private put(index: number, ticks: number, ms: number): void {
    this.pointTicks[index] = ticks;
    this.pointMs[index] = ms;
  }

  /** Frees a slot: merges neighbouring points, or drops the oldest. */
  private makeRoom(slope: number): void {
    if (this.stretch >= MAX_STRETCH_MS) {
      this.pointTicks.copyWithin(0, 1);
      this.pointMs.copyWithin(0, 1);
      this.points--;
      this.offsetFrom = Math.max(0, this.offsetFrom - 1);
      return;
    }
    this.stretch = Math.min(MAX_STRETCH_MS, Math.max(2 * this.stretch, (2 * this.spanMs) / POINTS));
    for (let i = 0; i < POINTS / 2; i++) {
      const [a, b] = [2 * i, 2 * i + 1];
      const lower =
        this.pointMs[b]! - this.pointMs[a]! < (this.pointTicks[b]! - this.pointTicks[a]!) * slope ? b : a;
      this.put(i, this.pointTicks[lower]!, this.pointMs[lower]!);
    }
    this.points = POINTS / 2;
    this.offsetFrom = Math.min(POINTS / 2 - 1, (this.offsetFrom + 1) >> 1);
  }

  private lowerHull(): number {
    const hull = this.hull;
    let size = 0;
    for (let i = 0; i < this.points; i++) {
      while (size >= 2 && this.isAbove(hull[size - 2]!, hull[size - 1]!, i)) size--;
      hull[size++] = i;
    }
    return size;
  }

  /** Whether point b lies on or above the line from a to c. */
  private isAbove(a: number, b: number, c: number): boolean {
    const x = this.pointTicks;
    const y = this.pointMs;
    return (y[b]! - y[a]!) * (x[c]! - x[a]!) >= (y[c]! - y[a]!) * (x[b]! - x[a]!);
  }
}
