// Finds missing pictures by display times alone: a gap is a step much longer than those before and after it.
// Steps on both sides count, so that a camera that reduces its frame rate causes no gap.

export interface ClipGap {
  /** ms into the clip of the last picture before the gap. */
  readonly at: number;
  readonly ms: number;
}

/** Number of steps on each side that a step is compared with. */
const NEIGHBOURS = 8;
/** Jitter of a steady camera's pictures. */
const UNEVEN_MS = 20;
/** A gap is longer than this many frame intervals. */
const FRAMES = 2;
const MAX_GAPS = 1000;
const DEFAULT_FRAME_MS = 40;

interface Step {
  readonly from: number;
  readonly ms: number;
  /**
   * The picture after the step is known to lack data: compare with the usual step instead of the slow ones.
   */
  readonly lossy: boolean;
}

export class GapFinder {
  /** Length of the gaps that are not in the list, because it is full. */
  unlistedMs = 0;
  private readonly found: ClipGap[] = [];
  /** Steps still to be judged, or still needed to judge others. */
  private readonly steps: Step[] = [];
  /** Index in `steps` of the first one not judged yet. */
  private next = 0;
  private last: number | undefined;

  /** `declaredRate`: frames per second according to the stream, if known. */
  constructor(private readonly declaredRate?: number) {}

  /** Adds the next picture in display order; `ms` is its time. */
  add(ms: number, lossy = false): void {
    if (this.last !== undefined) this.steps.push({ from: this.last, ms: ms - this.last, lossy });
    this.last = ms;
    if (this.steps.length - this.next <= NEIGHBOURS) return;
    this.judge(this.next++);
    if (this.next <= NEIGHBOURS) return;
    this.steps.shift();
    this.next--;
  }

  /** The first gaps found so far. */
  get gaps(): readonly ClipGap[] {
    return this.found;
  }

  /** Current duration of a picture. */
  get frameMs(): number {
    const usual = this.steps.filter((_, index) => index >= this.next || !this.isHole(index));
    const steps = usual.slice(-NEIGHBOURS).map(({ ms }) => ms);
    return steps.length > 0 ? quantile(steps, 0.5) : (this.declaredMs ?? DEFAULT_FRAME_MS);
  }

  /** Ends the clip and judges the remaining steps. */
  finish(): void {
    while (this.next < this.steps.length) this.judge(this.next++);
  }

  private get declaredMs(): number | undefined {
    return this.declaredRate === undefined ? undefined : 1000 / this.declaredRate;
  }

  private judge(index: number): void {
    if (!this.isHole(index)) return;
    const { from, ms } = this.steps[index]!;
    if (this.found.length < MAX_GAPS) this.found.push({ at: Math.round(from), ms: Math.round(ms) });
    else this.unlistedMs += ms;
  }

  private isHole(index: number): boolean {
    const { ms, lossy } = this.steps[index]!;
    const around = this.steps
      .slice(Math.max(0, index - NEIGHBOURS), index + NEIGHBOURS + 1)
      .filter((step) => step !== this.steps[index])
      .map((step) => step.ms);
    // A clip of two pictures has no other steps, so the stream's declared rate is used.
    const frame = around.length > 0 ? quantile(around, lossy ? 0.5 : 0.75) : this.declaredMs;
    return frame !== undefined && ms > FRAMES * frame + UNEVEN_MS;
  }
}

function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!;
}
