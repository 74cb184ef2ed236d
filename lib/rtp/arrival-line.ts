// The line `offset + msPerTick * ticks` on which a track's units would arrive if none were delayed. It is
// fitted to the smallest delays seen, and moved smoothly.

import { LEAST_JITTER_MS } from './jitter.js';
import { LeastDelay } from './least-delay.js';

/**
 * A slope is fitted once there are this many points, and this much time at the least jitter; the time grows
 * with the square of the jitter.
 */
const FIT_POINTS = 4;
const FIT_MS = 110;
/**
 * How many ms a new slope must differ over the fitted span before it replaces the current one: at first, and
 * once the span reaches `SETTLED_MS`.
 */
const DRIFT_MS = 40;
const SETTLED_MS = 10_000;
const SETTLED_DRIFT_MS = 5;
/** Largest smooth movement of the line per unit of real time. */
const SLEW = 0.1;
/**
 * After the line has moved this far in all, its points are dropped if they span more than `FORGET_SPAN_MS`.
 * Later is measured in multiples of the jitter, earlier in ms.
 */
const FORGET_JITTERS = 2;
const FORGET_MS = 1_000;
const FORGET_SPAN_MS = 2_000;
/**
 * The line counts as proved after this time and this many units; a slow stream needs fewer units over a
 * longer time.
 */
const PROOF_MS = 400;
const PROOF_UNITS = 8;
const SLOW_PROOF_MS = 2_000;
const SLOW_PROOF_UNITS = 4;

export class ArrivalLine {
  msPerTick: number;
  private readonly nominal: number;
  private offset = 0;
  /** Distance the line still has to move. */
  private slew = 0;
  private moved = 0;
  private readonly least = new LeastDelay();

  /** `nominal`: ms per tick according to the SDP. */
  constructor(nominal: number) {
    this.msPerTick = this.nominal = nominal;
  }

  at(ticks: number): number {
    return this.offset + this.msPerTick * ticks;
  }

  /** Starts over at a point, with the nominal slope. */
  begin(ticks: number, ms: number): void {
    this.msPerTick = this.nominal;
    this.least.clear();
    this.least.add(ticks, ms, this.msPerTick);
    this.through(ticks, ms);
  }

  /**
   * The sender's clock was set: the line continues through the given point and keeps its slope. `arrival`:
   * when the unit at that point arrived.
   */
  step(ticks: number, ms: number, arrival: number): void {
    const before = this.offset;
    this.through(ticks, ms);
    this.least.shift((before - this.offset) / this.msPerTick);
    this.least.add(ticks, arrival, this.msPerTick);
  }

  /** Moves the line at once; used until it is proved. */
  shift(ms: number): void {
    this.offset += ms;
  }

  /** Moves the line at once. If such moves add up, the slope was wrong and the points are dropped. */
  move(ms: number, jitter: number): void {
    this.offset += ms;
    this.moved += ms;
    if (this.moved < FORGET_JITTERS * jitter && this.moved > -FORGET_MS) return;
    this.moved = 0;
    if (this.least.spanMs > FORGET_SPAN_MS) this.least.clear();
  }

  /** Moves the line gradually towards the last fit. */
  moveSmoothly(elapsed: number): void {
    if (this.slew === 0) return;
    const most = elapsed * SLEW;
    const step = Math.max(-most, Math.min(most, this.slew));
    this.offset += step;
    this.moved += step;
    this.slew -= step;
  }

  /** Adds a unit that fits the line and has a later RTP time than those before. */
  add(ticks: number, arrival: number, jitter: number): void {
    if (this.least.add(ticks, arrival, this.msPerTick)) this.fit(jitter);
  }

  isProved(units: number, jitter: number): boolean {
    const { spanMs, doubt } = this.least;
    if (doubt > jitter) return false;
    const isLong = spanMs >= SLOW_PROOF_MS && units >= SLOW_PROOF_UNITS;
    return isLong || (spanMs >= PROOF_MS && units >= PROOF_UNITS);
  }

  private through(ticks: number, ms: number): void {
    this.offset = ms - this.msPerTick * ticks;
    this.slew = this.moved = 0;
  }

  private fit(jitter: number): void {
    const least = this.least;
    if (
      least.count < FIT_POINTS ||
      least.spanMs < (FIT_MS * jitter * jitter) / LEAST_JITTER_MS ** 2 ||
      !least.fit()
    )
      return;
    const early = DRIFT_MS + 2 * (jitter - LEAST_JITTER_MS) + least.doubt;
    const enough = least.spanMs < SETTLED_MS ? early : Math.max(SETTLED_DRIFT_MS, least.doubt);
    const drift = (a: number, b: number): number => Math.abs(a - b) * least.spanTicks;
    // Prefer the nominal slope until the points disprove it: with little evidence it is the best guess.
    const isOther = drift(least.slope, this.nominal) > enough;
    const slope = isOther ? least.slope : this.nominal;
    if (drift(slope, this.msPerTick) > (isOther ? enough : SETTLED_DRIFT_MS) && least.doubt < jitter) {
      this.offset += (this.msPerTick - slope) * least.ticks;
      this.msPerTick = slope;
    }
    this.slew = least.offset(this.msPerTick) - this.offset;
  }
}
