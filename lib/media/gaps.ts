// Where pictures are missing, told by the pictures' times alone: a hole is what a camera of this pace does
// not leave. Holes told by steps on both sides, so that a camera that slows down leaves none.

export interface ClipGap {
  /** Milliseconds into the clip of the last picture before it. */
  readonly at: number;
  readonly ms: number;
}

/** Steps on either side by which a step is judged. */
const NEIGHBOURS = 8;
/** How unevenly a steady camera's pictures may come. */
const UNEVEN_MS = 20;
/** Frame times that a hole is longer than. */
const FRAMES = 2;
const MAX_GAPS = 1000;
const DEFAULT_FRAME_MS = 40;

interface Step {
  readonly from: number;
  readonly ms: number;
  /**
   * The picture behind it is known to lack something: the step is held to the usual pace, not to the slowest.
   */
  readonly lossy: boolean;
}

export class GapFinder {
  private readonly found: ClipGap[] = [];
  /** Those that are judged, or judge, still. */
  private readonly steps: Step[] = [];
  /** The first of `steps` that is not judged yet. */
  private next = 0;
  private last: number | undefined;

  /** `declaredRate`: frames per second as the stream says, if it does. */
  constructor(private readonly declaredRate?: number) {}

  /** The next picture in order of presentation, in ms. */
  add(ms: number, lossy = false): void {
    if (this.last !== undefined) this.steps.push({ from: this.last, ms: ms - this.last, lossy });
    this.last = ms;
    if (this.steps.length - this.next <= NEIGHBOURS) return;
    this.judge(this.next++);
    if (this.next <= NEIGHBOURS) return;
    this.steps.shift();
    this.next--;
  }

  /** Those known so far. */
  get gaps(): readonly ClipGap[] {
    return this.found;
  }

  /** What a picture lasts at the moment. */
  get frameMs(): number {
    const usual = this.steps.filter((_, index) => index >= this.next || !this.isHole(index));
    const steps = usual.slice(-NEIGHBOURS).map(({ ms }) => ms);
    return steps.length > 0 ? quantile(steps, 0.5) : (this.declaredMs ?? DEFAULT_FRAME_MS);
  }

  /** No more pictures come: judges the rest. */
  finish(): void {
    while (this.next < this.steps.length) this.judge(this.next++);
  }

  private get declaredMs(): number | undefined {
    return this.declaredRate === undefined ? undefined : 1000 / this.declaredRate;
  }

  private judge(index: number): void {
    if (!this.isHole(index) || this.found.length >= MAX_GAPS) return;
    const { from, ms } = this.steps[index]!;
    this.found.push({ at: Math.round(from), ms: Math.round(ms) });
  }

  private isHole(index: number): boolean {
    const { ms, lossy } = this.steps[index]!;
    const around = this.steps
      .slice(Math.max(0, index - NEIGHBOURS), index + NEIGHBOURS + 1)
      .filter((step) => step !== this.steps[index])
      .map((step) => step.ms);
    // A clip of two pictures has but what the stream says of itself.
    const frame = around.length > 0 ? quantile(around, lossy ? 0.5 : 0.75) : this.declaredMs;
    return frame !== undefined && ms > FRAMES * frame + UNEVEN_MS;
  }
}

function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!;
}
