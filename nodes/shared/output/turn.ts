// How much all nodes together hand to their flows before the event loop gets its turn: what the flows took
// the last time tells how much. Pure; time comes in, in monotonic ms.

const MOST_MESSAGES = 1000;
/** Where turns are long whatever is sent, a stream still flows. */
const LEAST_MESSAGES = 64;
const MOST_BYTES = 16 * 1024 * 1024;
/**
 * What was sent in one turn shall keep the flows busy for no longer: a web page's request waits for a turn at
 * each node that it passes.
 */
const LONG_MS = 15;

export class TurnBudget {
  /** Messages that the turn may hold. Few at first: nobody knows yet what the flows do with one. */
  allowed = LEAST_MESSAGES;
  private messages = 0;
  private bytes = 0;
  private begunAt = 0;

  get isSpent(): boolean {
    return this.messages >= this.allowed || this.bytes >= MOST_BYTES;
  }

  /** A message is sent. True: it is the first of its turn. */
  spend(bytes: number): boolean {
    this.bytes += bytes;
    return this.messages++ === 0;
  }

  /** The flows begin to take what was sent. */
  begin(now: number): void {
    this.begunAt = now;
  }

  /** The flows have taken all that was sent. */
  end(now: number): void {
    const took = now - this.begunAt;
    const next = took > LONG_MS ? (Math.min(this.messages, this.allowed) * LONG_MS) / took : this.allowed * 2;
    this.allowed = Math.min(Math.max(Math.floor(next), LEAST_MESSAGES), MOST_MESSAGES);
    this.messages = 0;
    this.bytes = 0;
  }
}
