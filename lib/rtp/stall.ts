// Tells a stall of the network or the sender from a clock that stopped. Behind a stall the held-up units
// arrive in bursts, perhaps with further stalls between them, until they have caught up. If the camera paused
// and its clock stopped with it, nothing catches up.

/**
 * Delay made up per ms of RTP time that proves a stall at once, and the least that proves it over a longer
 * time.
 */
const CAUGHT_UP = 0.2;
const LEAST_CAUGHT_UP = 0.05;
/**
 * ms of RTP time after which to judge: if units arrive evenly, and if they do not, as from an overloaded
 * sender.
 */
const EVEN_JUDGE_MS = 150;
const UNEVEN_JUDGE_MS = 1_000;
const EVEN_MS = 12;
/** For a clock whose rate is not trusted, this much more delay decides at once that nothing catches up. */
const LATER_MS = 40;

export class Stall {
  isOn = false;
  /** Arrival of the unit before the stall, and the number of units since. */
  private began = 0;
  private held = 0;
  // Reference point for the judgement: at first the unit that arrived late.
  private fromMs = 0;
  private fromDelay = 0;
  private fromArrival = 0;
  private units = 0;
  private uneven = 0;

  /** A unit of RTP time `ms` arrived `delay` ms late. `before`: arrival of the unit before it. */
  begin(ms: number, delay: number, before: number): void {
    this.isOn = true;
    this.began = before;
    this.held = 1;
    this.judgeFrom(ms, delay, before);
  }

  end(): void {
    this.isOn = false;
  }

  /** Counts a unit, whatever its RTP time. */
  count(): void {
    this.held++;
  }

  /** Mean interval of arrivals over the stall and the burst behind it. */
  paceUntil(arrival: number): number {
    return (arrival - this.began) / this.held;
  }

  /** Mean interval of arrivals since the reference point, of units that did not catch up. */
  paceOfStood(arrival: number): number {
    return (arrival - this.fromArrival) / (this.units + 1);
  }

  /**
   * Judges the next unit; true if the units do not catch up, so the clock had stopped. `isNext`: this unit
   * begins another stall; `isTrusted`: the clock's rate is close to the nominal one.
   */
  judge(ms: number, delay: number, arrival: number, isNext: boolean, isTrusted: boolean): boolean {
    this.units++;
    const media = ms - this.fromMs;
    const caughtUp = this.fromDelay - delay;
    const isEarly = this.units < 2 && media < EVEN_JUDGE_MS;
    if (caughtUp < CAUGHT_UP * media && !(isTrusted && isNext && caughtUp < 0)) {
      if (!isTrusted) return !isEarly || caughtUp <= -LATER_MS;
      this.uneven = Math.max(this.uneven, Math.abs(caughtUp));
      if (this.units < 2 || media < EVEN_JUDGE_MS) return false;
      if (this.uneven <= EVEN_MS) return true;
      if (media < UNEVEN_JUDGE_MS) return false;
      if (caughtUp < LEAST_CAUGHT_UP * media) return true;
    }
    this.judgeFrom(ms, delay, arrival);
    return false;
  }

  private judgeFrom(ms: number, delay: number, arrival: number): void {
    this.fromMs = ms;
    this.fromDelay = delay;
    this.fromArrival = arrival;
    this.units = this.uneven = 0;
  }
}
