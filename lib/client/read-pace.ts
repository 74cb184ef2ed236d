// Limits the part of the event loop's time that reading one connection may take, so that a fast sender cannot
// starve the others. Pure: times are arguments, in monotonic ms.

/**
 * The part of the event loop's time that a live camera may take. A 4K camera at 60 frames/s takes about 0.01.
 */
export const LIVE_SHARE = 0.25;
/** The most time, in ms, that a quiet connection can save up for a burst. */
const BURST_MS = 500;
/** A read is charged at most this many ms: if it takes longer, something else held the process up. */
const LONGEST_READ_MS = 50;
/**
 * The least charge, in ms, for a unit whose format has changed: the users of the stream start new messages,
 * files and decoders with it.
 */
const FORMAT_MS = 5;
/** After this many ms of reading in a row, the event loop gets its turn. */
const TURN_MS = 8;
/**
 * The least charge for a unit, in ms: users store it, turn it into messages, and leave it to the garbage
 * collector.
 */
const UNIT_MS = 0.1;
/**
 * The least charge for each of its NAL units, in ms: each may become a message of its own. 8K pictures at 60
 * frames/s, with one slice per row, have 16,000 a second.
 */
const NAL_MS = 0.01;
/** The charge for a datagram, in ms, besides its units. */
const DATAGRAM_MS = 0.005;
/** The longest pause in ms: the session has to read replies, too. */
const LONGEST_PAUSE_MS = 1000;

export class ReadPace {
  /** Milliseconds of reading that are paid for; negative after a read that took more. */
  private credit = BURST_MS;
  private filledAt = Number.NEGATIVE_INFINITY;
  private units = 0;
  private nals = 0;
  private formats = 0;
  private spent = 0;
  /**
   * CPU time, in ms, that is not charged yet. Where the system counts CPU time in steps (16 ms on Windows),
   * one read may get the time of several.
   */
  private cpu = 0;

  /**
   * `share` is the part of the event loop's time that reading may take. Without it reading is unlimited, but
   * still lets the loop take its turns.
   */
  constructor(private readonly share = Infinity) {}

  /** Whether reading can be paused for longer than a turn of the event loop. */
  get isLimited(): boolean {
    return this.share !== Infinity;
  }

  /** Counts a unit, and its NAL units, that was handed on. */
  unit(nals = 0): void {
    this.units++;
    this.nals += nals;
  }

  /** Counts a unit whose format differs from that of the unit before it. */
  format(): void {
    this.formats++;
  }

  /**
   * Charges the pace for one read that was handed on. `cpuMs` is the CPU time that passed meanwhile, if it
   * was measured: on a busy machine a read takes longer than its work, which is not the camera's fault.
   * Returns for how many ms to pause reading; 0 means until the next turn of the event loop, undefined means
   * no pause.
   */
  afterRead(begun: number, ended: number, cpuMs?: number): number | undefined {
    let took = Math.min(ended - begun, LONGEST_READ_MS);
    if (cpuMs !== undefined) {
      this.cpu = Math.min(this.cpu + cpuMs, LONGEST_READ_MS);
      took = Math.min(took, this.cpu);
      this.cpu -= took;
    }
    this.spent += ended - begun;
    this.charge(took, ended);
    if (this.credit < 0) {
      this.spent = 0;
      return Math.min(-this.credit / this.share, LONGEST_PAUSE_MS);
    }
    if (this.spent < TURN_MS) return undefined;
    this.spent = 0;
    return 0;
  }

  /** Charges the pace for one datagram. Returns whether to take it; one that is not taken counts as lost. */
  admit(now: number): boolean {
    this.charge(DATAGRAM_MS, now);
    return this.credit >= 0;
  }

  private charge(took: number, now: number): void {
    if (!this.isLimited) return;
    const cost = Math.max(took, this.units * UNIT_MS + this.nals * NAL_MS + this.formats * FORMAT_MS);
    this.units = this.nals = this.formats = 0;
    const filled = Math.max(0, now - this.filledAt) * this.share;
    this.filledAt = now;
    // The debt is bounded too, so that reading resumes soon after a flood of datagrams ends.
    this.credit = Math.max(Math.min(this.credit + filled, BURST_MS) - cost, -LONGEST_PAUSE_MS * this.share);
  }
}
