// How much of the event loop one connection may have: what a server sends is read no faster than that. Pure; times come in, in monotonic ms.

/** Part of the loop's time that a live camera may take. One of 4K at 60 pictures a second takes a hundredth of it. */
export const LIVE_SHARE = 0.25;
/** Time in hand after a quiet second. */
const BURST_MS = 500;
/** A read that takes longer was held up by something else. */
const LONGEST_READ_MS = 50;
/** After so much the loop gets its turn. */
const TURN_MS = 8;
/** A unit counts for so much at least: further up it is stored, becomes messages, and is collected. */
const UNIT_MS = 0.1;
/** What a datagram costs beside its units. */
const DATAGRAM_MS = 0.005;
/** A session needs its replies, too. */
const LONGEST_PAUSE_MS = 1000;

export class ReadPace {
  private hand = BURST_MS;
  private filledAt = Number.NEGATIVE_INFINITY;
  private units = 0;
  private spent = 0;

  /** `share`: part of the loop's time; without it all, in turns. */
  constructor(private readonly share = Infinity) {}

  /** A unit has been handed on. */
  unit(): void {
    this.units++;
  }

  /** All of one read has been handed on. Answers for how long nothing more is to be read: 0: until the loop's next turn; undefined: not at all. */
  afterRead(begun: number, ended: number): number | undefined {
    const took = Math.min(ended - begun, LONGEST_READ_MS);
    this.charge(took, ended);
    if (this.hand < 0) {
      this.spent = 0;
      return Math.min(-this.hand / this.share, LONGEST_PAUSE_MS);
    }
    if (this.spent < TURN_MS) return undefined;
    this.spent = 0;
    return 0;
  }

  /** Whether the next datagram is to be taken; one that is not is lost, as on the way. */
  admits(now: number): boolean {
    this.charge(DATAGRAM_MS, now);
    return this.hand >= 0;
  }

  private charge(took: number, now: number): void {
    this.spent += took;
    if (this.share === Infinity) return;
    const cost = Math.max(took, this.units * UNIT_MS);
    this.units = 0;
    const filled = Math.max(0, now - this.filledAt) * this.share;
    this.filledAt = now;
    // What is owed is bounded, too: a flood of datagrams ends when it ends.
    this.hand = Math.max(Math.min(this.hand + filled, BURST_MS) - cost, -LONGEST_PAUSE_MS * this.share);
  }
}
