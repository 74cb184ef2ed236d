// Times of units that are shown in another order than they come: the n-th unit gets the n-th smallest time, so that live times only go up.

/** The deepest reordering followed. */
const MAX_DEPTH = 16;
/** The offset follows the smallest sample of the last one to two of these. */
const BUCKET_MS = 4_000;
const SLEW = 0.1;

export class DecodeOrder {
  /** Times not yet given out, sorted; as many as the reordering seen so far is deep. */
  readonly #waiting: number[] = [];
  #depth = 0;
  #last = -Infinity;
  #offset = 0;
  #bucketStart = 0;
  #bucketMin = Infinity;
  #previousMin = Infinity;
  #lastArrival = 0;

  /** `mediaTime` of the next unit in decode order, as it comes; answers when a unit of its turn comes at the least delay. All monotonic milliseconds. */
  next(mediaTime: number, arrival: number): number {
    // Nothing ever went back: the times are their own order.
    if (this.#depth === 0 && mediaTime >= this.#last) {
      this.#lastArrival = arrival;
      return (this.#last = mediaTime);
    }
    let at = this.#waiting.length;
    while (at > 0 && this.#waiting[at - 1]! > mediaTime) at--;
    this.#waiting.splice(at, 0, mediaTime);
    if (this.#waiting[0]! < this.#last && this.#depth < MAX_DEPTH) {
      // Deeper than thought: from here on units are dated by an earlier time, so the offset grows once.
      this.#depth++;
      this.#last = this.#waiting[0]!;
      this.#restart(arrival - this.#last, arrival);
    }
    while (this.#waiting.length > this.#depth) this.#last = this.#waiting.shift()!;
    this.#follow(arrival - this.#last, arrival);
    return this.#last + this.#offset;
  }

  #restart(sample: number, arrival: number): void {
    this.#offset = this.#bucketMin = sample;
    this.#previousMin = Infinity;
    this.#bucketStart = this.#lastArrival = arrival;
  }

  #follow(sample: number, arrival: number): void {
    if (arrival - this.#bucketStart >= BUCKET_MS) {
      this.#previousMin = this.#bucketMin;
      this.#bucketMin = sample;
      this.#bucketStart = arrival;
    } else if (sample < this.#bucketMin) {
      this.#bucketMin = sample;
    }
    const floor = Math.min(this.#previousMin, this.#bucketMin);
    const up = Math.min(floor - this.#offset, Math.max(0, arrival - this.#lastArrival) * SLEW);
    this.#offset += up;
    this.#lastArrival = arrival;
  }
}
