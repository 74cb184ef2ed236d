// Maps one track's RTP time to this machine's monotonic clock: as smooth as RTP time over seconds, as
// accurate as arrival times over minutes.
//
// A unit's time is the point on the line of least delay for its RTP time; how much later it arrived is
// network delay, which is never negative. Units that contradict the line are judged:
// - RTP time ahead of the line, or before what was already shown: the sender's clock was set, or the
//   timestamp is a stray. The unit is dated by its arrival, and the next units show which it was.
// - A unit that arrived far too late although its RTP time continues normally: a network stall if the units
//   behind it arrive in a burst and catch up; then RTP time is right. If they do not catch up, the sender's
//   clock had stopped.
// - A delay that grows from unit to unit: ticks last longer than assumed. The line follows the arrivals, and
//   its slope is learnt anew.

import { ArrivalLine } from './arrival-line.js';
import { Jitter, LEAST_JITTER_MS, MOST_JITTER_MS } from './jitter.js';
import { MIN_STEP_MS } from './presentation.js';
import { Stall } from './stall.js';

/** Units that arrive this much earlier than a proved line predicts do not belong to it. */
const AHEAD_MS = 40;
/** A clock whose measured rate is within this share of the nominal one is trusted through a stall. */
const TRUSTED_RATE = 0.02;
/** After a longer stall no burst follows: the connection would have timed out first. */
const STALL_MS = 10_000;
/** Largest acceptable error of a time. */
const TOLERANCE_MS = 145;
/** Least number of units before a stall can be recognised. */
const LEAST_UNITS = 3;
/**
 * After this many contradicting units in a row, or this many clock steps within `HASTE_MS` of each other,
 * everything is learnt anew.
 */
const LOST_UNITS = 8;
const HASTY_STEPS = 3;
const HASTE_MS = 4_000;

export class TrackClock {
  /** Corrections made: clocks that were set, and stray timestamps. */
  steps = 0;

  private readonly nominal: number;
  private readonly line: ArrivalLine;
  private readonly jitter = new Jitter();
  private newest = -Infinity;
  private begun = false;
  private proved = false;
  /** Units since the line began. */
  private units = 0;

  private rtpTime = 0;
  private ticks = 0;
  private arrival = 0;
  private paceNow = 0;
  private paceBefore = 0;
  // The last unit whose RTP time was accepted as the continuation.
  private topTicks = 0;
  private topArrival = 0;
  private topDelay = 0;
  /** Delay that the last unit was dated with, outside of stalls. */
  private given = 0;

  private readonly stall = new Stall();

  // A second line, through the first of the units that contradict the current one.
  private doubts = false;
  private doubtTicks = 0;
  private doubtMs = 0;
  private misfits = 0;
  private steppedAt = -Infinity;
  private hasty = 0;

  /** `clockRate`: RTP ticks per second according to the SDP. */
  constructor(clockRate: number) {
    this.nominal = 1000 / clockRate;
    this.line = new ArrivalLine(this.nominal);
  }

  /** RTP ticks per second, as measured. */
  get clockRate(): number {
    return 1000 / this.line.msPerTick;
  }

  /** A new source, whose clock is unknown. Times still rise. */
  reset(): void {
    this.begun = false;
  }

  /** Whether the rate has been measured. */
  get isProved(): boolean {
    return this.proved;
  }

  /** Mean interval of arrivals in ms; 0 while unknown. */
  get pace(): number {
    return this.paceNow;
  }

  /** ms per RTP tick, as measured. */
  get msPerTick(): number {
    return this.line.msPerTick;
  }

  /**
   * Returns when the next unit would have arrived at the least delay. Monotonic ms in and out; the results
   * rise strictly.
   */
  next(rtpTime: number, arrival: number): number {
    if (!this.begun) return this.begin(rtpTime, arrival);
    const elapsed = Math.max(0, arrival - this.arrival);
    this.ticks += (rtpTime - this.rtpTime) | 0;
    this.rtpTime = rtpTime;
    this.arrival = arrival;
    this.paceBefore = this.paceNow;
    if (this.stall.isOn) this.stall.count();
    else this.followPace(elapsed);
    return this.ticks > this.topTicks ? this.further() : this.below();
  }

  private begin(rtpTime: number, arrival: number): number {
    this.begun = true;
    this.rtpTime = rtpTime;
    this.arrival = arrival;
    this.ticks = this.paceNow = 0;
    return this.startAnew();
  }

  /** Starts a new, unproved line at the current unit. */
  private startAnew(): number {
    this.proved = this.doubts = false;
    this.stall.end();
    this.units = 1;
    this.misfits = this.hasty = 0;
    this.line.begin(this.ticks, this.arrival);
    this.rememberTop(0);
    return this.place(this.arrival);
  }

  private followPace(elapsed: number): void {
    if (this.paceNow === 0) this.paceNow = elapsed;
    else this.paceNow += (Math.min(elapsed, 4 * this.paceNow) - this.paceNow) / 16;
  }

  /** The RTP time is later than that of every accepted unit. */
  private further(): number {
    this.line.moveSmoothly(this.arrival - this.topArrival);
    const at = this.line.at(this.ticks);
    const delay = this.arrival - at;
    this.jitter.follow(delay - this.topDelay);
    if (this.stall.isOn) return this.catchUp(at, delay);
    return this.proved ? this.judge(at, delay) : this.learn(at, delay);
  }

  /**
   * The RTP time did not advance. Equal RTP times say nothing about the clock; one that goes back contradicts
   * it.
   */
  private below(): number {
    if (this.ticks === this.topTicks && !this.doubts) {
      this.topDelay = this.arrival - this.line.at(this.ticks);
      return this.byArrival();
    }
    return this.proved ? this.doubt() : this.startAnew();
  }

  /**
   * The line is not proved yet: smooth by RTP time while the delay is within jitter, otherwise date by
   * arrival.
   */
  private learn(at: number, delay: number): number {
    const line = this.line;
    this.units++;
    if (this.units > LEAST_UNITS && this.isLate(delay, MOST_JITTER_MS) && this.isStall())
      return this.beginStall(at, delay);
    let ms = at;
    if (delay > this.jitter.ms || delay < 0) {
      ms = this.arrival;
      line.shift(delay);
    }
    line.add(this.ticks, this.arrival, this.jitter.ms);
    this.proved = line.isProved(this.units, this.jitter.ms);
    this.rememberTop(this.arrival - ms);
    return this.place(ms);
  }

  /** Judges a unit against the proved line. */
  private judge(at: number, delay: number): number {
    const line = this.line;
    const jitter = this.jitter.ms;
    if (delay < LEAST_JITTER_MS - jitter - AHEAD_MS) return this.doubt();
    if (this.isLate(delay)) return this.late(at, delay);
    if (delay < 0) {
      line.move(delay, jitter);
      return this.take(this.arrival, 0);
    }
    const excess = (this.jitter.isRising ? delay : Math.min(delay, this.topDelay)) - jitter;
    // RTP time stood still, and now continues.
    if (excess > jitter) return this.step(this.given);
    if (excess > 0) {
      line.move(excess, jitter);
      return this.take(at + excess, delay - excess);
    }
    return this.take(at, delay);
  }

  /** RTP time of the current unit in ms. */
  private get media(): number {
    return this.line.msPerTick * this.ticks;
  }

  /** Whether the unit arrived far later than the one before it. */
  private isLate(delay: number, jitter = this.jitter.ms): boolean {
    return delay > jitter && delay - this.topDelay > jitter;
  }

  private late(at: number, delay: number): number {
    if (delay > STALL_MS) return this.step(this.given);
    return this.doubts || !this.isStall() ? this.doubt() : this.beginStall(at, delay);
  }

  /** Whether RTP time continues at the usual interval while the arrival does not. */
  private isStall(): boolean {
    const elapsed = this.arrival - this.topArrival;
    if (elapsed > STALL_MS || (!this.proved && !this.isTrusted)) return false;
    const media = this.line.msPerTick * (this.ticks - this.topTicks);
    return Math.abs(media - this.paceBefore) <= Math.abs(elapsed - this.paceBefore);
  }

  /** Whether the measured rate is close to the nominal one. */
  private get isTrusted(): boolean {
    return Math.abs(this.line.msPerTick / this.nominal - 1) < TRUSTED_RATE;
  }

  private beginStall(at: number, delay: number): number {
    // Neither the stall nor the burst shows the usual interval; `paceUntil` measures both together
    // afterwards.
    this.paceNow = this.paceBefore;
    this.stall.begin(this.media, delay, this.topArrival);
    this.rememberTop(delay);
    // Stall or clock step is still open. For a small delay, a time between the two is within tolerance either
    // way.
    const isSmall = delay < 2 * TOLERANCE_MS && !this.isTrusted;
    return this.append(isSmall ? Math.max(at, this.arrival - TOLERANCE_MS) : at);
  }

  /** After a stall: checks whether the held-up units arrive in a burst. */
  private catchUp(at: number, delay: number): number {
    const stall = this.stall;
    const jitter = this.jitter.ms;
    const isNext = this.isLate(delay);
    const isHeldUp = delay > jitter && delay <= STALL_MS;
    if (isHeldUp && !stall.judge(this.media, delay, this.arrival, isNext, this.isTrusted)) {
      this.rememberTop(delay);
      return this.append(at);
    }
    stall.end();
    this.followPace(stall.paceUntil(this.arrival));
    if (!this.proved) return this.learn(at, delay);
    if (delay <= jitter) return this.judge(at, delay);
    if (delay <= 2 * jitter) return this.take(at, delay);
    // No burst: the sender's clock had stopped while the camera paused.
    this.paceNow = stall.paceOfStood(this.arrival);
    return this.step(this.given);
  }

  /**
   * Dates a unit that contradicts the line: by its arrival, or by the second line if the previous
   * contradicting unit began one that fits.
   */
  private doubt(): number {
    if (++this.misfits > LOST_UNITS) return this.startAnew();
    if (this.doubts) {
      const at = this.doubtMs + this.line.msPerTick * (this.ticks - this.doubtTicks);
      const delay = this.arrival - at;
      if (Math.abs(delay) <= 2 * this.jitter.ms && at > this.doubtMs) return this.step(delay);
    }
    this.doubts = true;
    this.doubtTicks = this.ticks;
    return (this.doubtMs = this.byArrival());
  }

  /**
   * The sender's clock was set: the line continues from here, through a unit that arrived `delay` ms late.
   */
  private step(delay: number): number {
    this.steps++;
    this.hasty = this.arrival - this.steppedAt < HASTE_MS ? this.hasty + 1 : 0;
    this.steppedAt = this.arrival;
    if (this.hasty > HASTY_STEPS) return this.startAnew();
    this.doubts = false;
    this.misfits = 0;
    const likely = this.likely(delay);
    this.line.step(this.ticks, this.arrival - likely, this.arrival);
    this.rememberTop(likely);
    return this.place(this.arrival - likely);
  }

  /** Accepts a unit as lying on the line. */
  private take(at: number, delay: number): number {
    this.clearDoubt();
    if (!this.stall.isOn) this.line.add(this.ticks, this.arrival, this.jitter.ms);
    this.rememberTop(delay);
    return this.place(at);
  }

  /** The RTP time of the current unit continues the stream; `delay` is how late it came. */
  private rememberTop(delay: number): void {
    this.topTicks = this.ticks;
    this.topArrival = this.arrival;
    this.topDelay = delay;
  }

  private place(ms: number): number {
    const at = this.append(ms);
    this.given = this.arrival - at;
    return at;
  }

  private append(ms: number): number {
    return (this.newest = Math.max(ms, this.newest + MIN_STEP_MS));
  }

  private byArrival(): number {
    return this.append(this.arrival - this.likely(this.given));
  }

  private likely(delay: number): number {
    return Math.max(0, Math.min(delay, this.jitter.ms));
  }

  /** A unit fits again, so the one that contradicted was a stray. */
  private clearDoubt(): void {
    if (this.doubts) this.steps++;
    this.doubts = false;
    this.misfits = 0;
  }
}
