// Tells a network that loses packets for good from one that did so for a moment. Pure: counters and monotonic
// ms come in.

/** More than this share, for this long, in most of its parts. */
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
   * About once a second: totals so far. Answers the loss in percent once it has lasted for a minute; then it
   * looks anew.
   */
  look(now: number, received: number, lost: number): number | undefined {
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
