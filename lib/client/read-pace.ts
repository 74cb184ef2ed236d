// How much of the event loop one connection may have: what a server sends is read no faster than that. Pure;
// times come in, in monotonic ms.

/**
 * Part of the loop's time that a live camera may take. One of 4K at 60 pictures a second takes a hundredth of
 * it.
 */
export const LIVE_SHARE = 0.25;
/** Time in hand after a quiet second. */
const BURST_MS = 500;
/** A read that takes longer was held up by something else. */
const LONGEST_READ_MS = 50;
/**
 * One of another format counts for so much at least: whoever is further up begins anew with it, with
 * messages, files and decoders.
 */
const FORMAT_MS = 5;
/** After so much the loop gets its turn. */
const TURN_MS = 8;
/** A unit counts for so much at least: further up it is stored, becomes messages, and is collected. */
const UNIT_MS = 0.1;
/**
 * And each of its NAL units so much: they may be messages of their own. Pictures of 8K in rows, 60 a second,
 * are 16,000.
 */
const NAL_MS = 0.01;
/** What a datagram costs beside its units. */
const DATAGRAM_MS = 0.005;
/** A session needs its replies, too. */
const LONGEST_PAUSE_MS = 1000;

export class ReadPace {
  private hand = BURST_MS;
  private filledAt = Number.NEGATIVE_INFINITY;
  private units = 0;
  private nals = 0;
  private formats = 0;
  private spent = 0;
  /**
   * CPU time that is not charged yet: where it is counted in steps (of 16 ms on Windows), one read gets what
   * others used.
   */
  private cpu = 0;

  /** `share`: part of the loop's time; without it all, in turns. */
  constructor(private readonly share = Infinity) {}

  /** A unit has been handed on, of so many NAL units. */
  unit(nals = 0): void {
    this.units++;
    this.nals += nals;
  }

  /** Its format is another than that of the one before it. */
  format(): void {
    this.formats++;
  }

  /**
   * All of one read has been handed on. `cpuMs`: the CPU time that passed meanwhile; on a busy machine a read
   * takes longer than it works, which is not the camera's doing. Answers for how long nothing more is to be
   * read: 0: until the loop's next turn; undefined: not at all.
   */
  afterRead(begun: number, ended: number, cpuMs = Infinity): number | undefined {
    this.cpu = Math.min(this.cpu + cpuMs, LONGEST_READ_MS);
    const took = Math.min(ended - begun, this.cpu);
    this.cpu -= took;
    this.spent += ended - begun;
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
    if (this.share === Infinity) return;
    const cost = Math.max(took, this.units * UNIT_MS + this.nals * NAL_MS + this.formats * FORMAT_MS);
    this.units = this.nals = this.formats = 0;
    const filled = Math.max(0, now - this.filledAt) * this.share;
    this.filledAt = now;
    // What is owed is bounded, too: a flood of datagrams ends when it ends.
    this.hand = Math.max(Math.min(this.hand + filled, BURST_MS) - cost, -LONGEST_PAUSE_MS * this.share);
  }
}
