// Limits how many messages all nodes together send per turn of the event loop, according to how long the
// flows took for the last ones. Pure: the time is an argument, in monotonic ms.

const MOST_MESSAGES = 1000;
/** At least so many messages per turn, so that streams go on if turns are long for other reasons. */
const LEAST_MESSAGES = 64;
const MOST_BYTES = 16 * 1024 * 1024;
/**
 * The messages of a turn should keep the flows busy for at most this many ms: a web request to a flow waits
 * for a turn at each node that it passes.
 */
const LONG_MS = 15;

export class TurnBudget {
  /** Messages allowed in the turn. Few at first, because the cost of a message is unknown. */
  allowed = LEAST_MESSAGES;
  private messages = 0;
  private bytes = 0;
  private begunAt = 0;

  get isSpent(): boolean {
    return this.messages >= this.allowed || this.bytes >= MOST_BYTES;
  }

  /** Counts a sent message. True if it is the first of its turn. */
  spend(bytes: number): boolean {
    this.bytes += bytes;
    return this.messages++ === 0;
  }

  /** The flows start to process what was sent. */
  begin(now: number): void {
    this.begunAt = now;
  }

  /** The flows have processed everything that was sent. */
  end(now: number): void {
    const took = now - this.begunAt;
    const next = took > LONG_MS ? (this.messages * LONG_MS) / took : this.allowed * 2;
    this.allowed = Math.min(Math.max(Math.floor(next), LEAST_MESSAGES), MOST_MESSAGES);
    this.messages = 0;
    this.bytes = 0;
  }
}
