// When nothing of a session came, on any track: what tells a stall of the way from a camera that paused.

/** A shorter pause is none. */
const PAUSE_MS = 75;

export class Silence {
  #heard = -Infinity;
  #length = 0;
  #end = -Infinity;

  /** Something came. */
  hear(arrival: number): void {
    if (arrival - this.#heard > PAUSE_MS) {
      this.#length = arrival - this.#heard;
      this.#end = arrival;
    }
    if (arrival > this.#heard) this.#heard = arrival;
  }

  /** Length of the last pause, if it ended after that time. */
  after(ms: number): number {
    return this.#end > ms ? this.#length : 0;
  }
}
