// A stall of the way, or of the sender: what was held up comes in a burst behind it, at once or in pieces, and
// the next stall may come in between. Nothing catches up where it was the clock that stood, while the camera
// did.

/** Delay caught up per RTP time that tells at once; over a longer time less is enough. */
const CAUGHT_UP = 0.2;
const LEAST_CAUGHT_UP = 0.05;
/**
 * RTP time to judge by where units come evenly, and where they do not, as from a machine with too much to
 * do.
 */
const EVEN_JUDGE_MS = 150;
const UNEVEN_JUDGE_MS = 1_000;
const EVEN_MS = 12;
/** Where the rate of the clock is not as said: so much later than before is judged at once. */
const LATER_MS = 40;

export class Stall {
  isOn = false;
  /** Arrival of the unit before it, and units since. */
  #began = 0;
  #held = 0;
  // Where it is judged from: at first the unit that came late.
  #fromMs = 0;
  #fromDelay = 0;
  #fromArrival = 0;
  #units = 0;
  #uneven = 0;

  /** A unit of the RTP time `ms` came `delay` late; `before`: arrival of the one before it. */
  begin(ms: number, delay: number, before: number): void {
    this.isOn = true;
    this.#began = before;
    this.#held = 1;
    this.#judgeFrom(ms, delay, before);
  }

  end(): void {
    this.isOn = false;
  }

  /** A unit came, whatever its RTP time. */
  count(): void {
    this.#held++;
  }

  /** From one unit to the next, the stall and the burst behind it taken together. */
  paceUntil(arrival: number): number {
    return (arrival - this.#began) / this.#held;
  }

  /** The same of units that caught nothing up. */
  paceOfStood(arrival: number): number {
    return (arrival - this.#fromArrival) / (this.#units + 1);
  }

  /**
   * After the next unit: nothing catches up. `isNext`: it is the next stall; `isTrusted`: the clock's ticks
   * last as long as they should.
   */
  hasStood(ms: number, delay: number, arrival: number, isNext: boolean, isTrusted: boolean): boolean {
    this.#units++;
    const media = ms - this.#fromMs;
    const caughtUp = this.#fromDelay - delay;
    const isEarly = this.#units < 2 && media < EVEN_JUDGE_MS;
    if (caughtUp < CAUGHT_UP * media && !(isTrusted && isNext && caughtUp < 0)) {
      if (!isTrusted) return !isEarly || caughtUp <= -LATER_MS;
      this.#uneven = Math.max(this.#uneven, Math.abs(caughtUp));
      if (this.#units < 2 || media < EVEN_JUDGE_MS) return false;
      if (this.#uneven <= EVEN_MS) return true;
      if (media < UNEVEN_JUDGE_MS) return false;
      if (caughtUp < LEAST_CAUGHT_UP * media) return true;
    }
    this.#judgeFrom(ms, delay, arrival);
    return false;
  }

  #judgeFrom(ms: number, delay: number, arrival: number): void {
    this.#fromMs = ms;
    this.#fromDelay = delay;
    this.#fromArrival = arrival;
    this.#units = this.#uneven = 0;
  }
}
