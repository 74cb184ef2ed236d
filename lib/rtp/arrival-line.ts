// The line that a track's units would lie on if none were delayed: `offset + msPerTick * ticks`, fitted to
// the least delays seen and moved smoothly.

import { LEAST_JITTER_MS } from './jitter.js';
import { LeastDelay } from './least-delay.js';

/**
 * A slope is looked at over so many points, and so much time at the least jitter: the square of it at more.
 */
const FIT_POINTS = 4;
const FIT_MS = 110;
/**
 * Difference that a slope has to make over its span before it is believed: at first, and from `SETTLED_MS`
 * on.
 */
const DRIFT_MS = 40;
const SETTLED_MS = 10_000;
const SETTLED_DRIFT_MS = 5;
/** The line moves smoothly by this share of real time. */
const SLEW = 0.1;
/**
 * Moves of the line after which what it was fitted to is forgotten, if that is much: later in times the
 * jitter, earlier in ms.
 */
const FORGET_JITTERS = 2;
const FORGET_MS = 1_000;
const FORGET_SPAN_MS = 2_000;
/** Time after which a line is proved, and units; fewer of a slow stream. */
const PROOF_MS = 400;
const PROOF_UNITS = 8;
const SLOW_PROOF_MS = 2_000;
const SLOW_PROOF_UNITS = 4;

export class ArrivalLine {
  msPerTick: number;
  readonly #nominal: number;
  #offset = 0;
  /** How far the line is to move yet. */
  #slew = 0;
  #moved = 0;
  readonly #least = new LeastDelay();

  /** `nominal`: ms that a tick should last. */
  constructor(nominal: number) {
    this.msPerTick = this.#nominal = nominal;
  }

  at(ticks: number): number {
    return this.#offset + this.msPerTick * ticks;
  }

  /** Begins at a point, with nothing known but how long a tick should last. */
  begin(ticks: number, ms: number): void {
    this.msPerTick = this.#nominal;
    this.#least.clear();
    this.#least.add(ticks, ms, this.msPerTick);
    this.#through(ticks, ms);
  }

  /**
   * The clock was set: goes on through a point, with the slope that is known. `arrival`: of the unit there.
   */
  step(ticks: number, ms: number, arrival: number): void {
    const before = this.#offset;
    this.#through(ticks, ms);
    this.#least.shift((before - this.#offset) / this.msPerTick);
    this.#least.add(ticks, arrival, this.msPerTick);
  }

  /** Moves at once, while nothing is known for certain. */
  shift(ms: number): void {
    this.#offset += ms;
  }

  /** Moves at once. Where that goes on, the slope is another one than was known. */
  move(ms: number, jitter: number): void {
    this.#offset += ms;
    this.#moved += ms;
    if (this.#moved < FORGET_JITTERS * jitter && this.#moved > -FORGET_MS) return;
    this.#moved = 0;
    if (this.#least.spanMs > FORGET_SPAN_MS) this.#least.clear();
  }

  /** Moves towards what the last fit said. */
  moveSmoothly(elapsed: number): void {
    if (this.#slew === 0) return;
    const most = elapsed * SLEW;
    const step = Math.max(-most, Math.min(most, this.#slew));
    this.#offset += step;
    this.#moved += step;
    this.#slew -= step;
  }

  /** A unit that lies on the line, further on than those before. */
  add(ticks: number, arrival: number, jitter: number): void {
    if (this.#least.add(ticks, arrival, this.msPerTick)) this.#fit(jitter);
  }

  isProved(units: number, jitter: number): boolean {
    const { spanMs, doubt } = this.#least;
    if (doubt > jitter) return false;
    const isLong = spanMs >= SLOW_PROOF_MS && units >= SLOW_PROOF_UNITS;
    return isLong || (spanMs >= PROOF_MS && units >= PROOF_UNITS);
  }

  #through(ticks: number, ms: number): void {
    this.#offset = ms - this.msPerTick * ticks;
    this.#slew = this.#moved = 0;
  }

  #fit(jitter: number): void {
    const least = this.#least;
    if (
      least.count < FIT_POINTS ||
      least.spanMs < (FIT_MS * jitter * jitter) / LEAST_JITTER_MS ** 2 ||
      !least.fit()
    )
      return;
    const early = DRIFT_MS + 2 * (jitter - LEAST_JITTER_MS) + least.doubt;
    const enough = least.spanMs < SETTLED_MS ? early : Math.max(SETTLED_DRIFT_MS, least.doubt);
    const drift = (a: number, b: number): number => Math.abs(a - b) * least.spanTicks;
    // What the clock should do is as good a guess as any until it is disproved, and better than another of
    // which as little is known.
    const isOther = drift(least.slope, this.#nominal) > enough;
    const slope = isOther ? least.slope : this.#nominal;
    if (drift(slope, this.msPerTick) > (isOther ? enough : SETTLED_DRIFT_MS) && least.doubt < jitter) {
      this.#offset += (this.msPerTick - slope) * least.ticks;
      this.msPerTick = slope;
    }
    this.#slew = least.offset(this.msPerTick) - this.#offset;
  }
}
