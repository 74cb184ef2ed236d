// Distinguishes lasting packet loss from a short burst. Pure: counters and monotonic ms are arguments.

/** Loss is reported if it exceeds this percentage over a minute and in most of the minute's parts. */
const PERCENT = 2;
const PART_MS = 10_000;
const PARTS = 6;
const BAD_PARTS = 5;

interface Part {
  readonly at: number;
  readonly received: number;
  readonly lost: number;
}

export class LossWatch {
  private readonly parts: Part[] = [];

  /**
   * Called about once a second with the totals so far. Returns the loss in percent once it has lasted for a
   * minute, and then starts a new minute.
   */
  take(now: number, received: number, lost: number): number | undefined {
    const last = this.parts.at(-1);
    if (last !== undefined && now - last.at < PART_MS) return undefined;
    this.parts.push({ at: now, received, lost });
    if (this.parts.length <= PARTS) return undefined;
    const [first] = this.parts;
    const percent = percentOf(first!, this.parts.at(-1)!);
    const bad = this.parts.slice(1).filter((part, index) => percentOf(this.parts[index]!, part) > PERCENT);
    this.parts.shift();
    if (percent <= PERCENT || bad.length < BAD_PARTS) return undefined;
    this.parts.length = 0;
    return Math.round(percent * 10) / 10;
  }
}

function percentOf(from: Part, to: Part): number {
  const lost = to.lost - from.lost;
  const all = to.received - from.received + lost;
  return all <= 0 ? 0 : (Math.max(0, lost) * 100) / all;
}
