// One track's RTP time on this machine's monotonic clock: smooth as RTP time is in the short run, true as
// arrival is in the long run.
//
// A unit belongs where the line of least delay has it. It came later than that by its delay on the way, never
// earlier. What contradicts the line is judged:
// - RTP time ahead of the line, or behind what was shown: a clock that was set, or a stray stamp. The unit is
//   dated by its arrival, and the next ones tell which.
// - a unit that came far too late although RTP time goes on as ever: a stall; the burst behind it catches up,
//   and RTP time is right. Where nothing catches up, it was the clock that stood.
// - a delay that grows from unit to unit: ticks last longer than thought. The line follows the arrival, and
//   its slope is learnt anew.

import { ArrivalLine } from './arrival-line.js';
import { Jitter, LEAST_JITTER_MS, MOST_JITTER_MS } from './jitter.js';
import { MIN_STEP_MS } from './presentation.js';
import { Stall } from './stall.js';

/** Units this much ahead of a line that is proved are not on it. */
const AHEAD_MS = 40;
/** A clock whose rate is as said, but for so much, is trusted through a stall. */
const TRUSTED_RATE = 0.02;
/** Nothing comes in a burst after more than that: connections break before. */
const STALL_MS = 10_000;
/** What a time may be off by. */
const TOLERANCE_MS = 145;
/** Units that a stall may follow. */
const LEAST_UNITS = 3;
/**
 * Units in a row that fit nothing, or steps in a row, each so soon after the one before: all is learnt anew.
 */
const LOST_UNITS = 8;
const HASTY_STEPS = 3;
const HASTE_MS = 4_000;

export class TrackClock {
  /** Corrections: clocks that were set, and units with a stray stamp. */
  steps = 0;

  readonly #nominal: number;
  readonly #line: ArrivalLine;
  readonly #jitter = new Jitter();
  #newest = -Infinity;
  #begun = false;
  #proved = false;
  /** Units since the line began. */
  #units = 0;

  #rtpTime = 0;
  #ticks = 0;
  #arrival = 0;
  #pace = 0;
  #paceBefore = 0;
  // The last unit whose RTP time was believed to go on.
  #topTicks = 0;
  #topArrival = 0;
  #topDelay = 0;
  /** Delay that the last unit was given in truth, outside of stalls. */
  #given = 0;

  readonly #stall = new Stall();

  // The line that units ask for which do not fit: it begins at the first of them.
  #doubts = false;
  #doubtTicks = 0;
  #doubtMs = 0;
  #misfits = 0;
  #steppedAt = -Infinity;
  #hasty = 0;

  /** `clockRate`: RTP units per second, as the SDP says. */
  constructor(clockRate: number) {
    this.#nominal = 1000 / clockRate;
    this.#line = new ArrivalLine(this.#nominal);
  }

  /** Ticks a second, as they come. */
  get clockRate(): number {
    return 1000 / this.#line.msPerTick;
  }

  /** A new source: nothing is known of its clock. Times still go up. */
  reset(): void {
    this.#begun = false;
  }

  /** Its rate is known. */
  get isProved(): boolean {
    return this.#proved;
  }

  /** Arrivals are so far apart, ms; 0: not known yet. */
  get pace(): number {
    return this.#pace;
  }

  /** Milliseconds a tick, as they come. */
  get msPerTick(): number {
    return this.#line.msPerTick;
  }

  /** When the next unit would have come at the least delay; monotonic ms in, and out. Times go up. */
  next(rtpTime: number, arrival: number): number {
    if (!this.#begun) return this.#begin(rtpTime, arrival);
    const elapsed = Math.max(0, arrival - this.#arrival);
    this.#ticks += (rtpTime - this.#rtpTime) | 0;
    this.#rtpTime = rtpTime;
    this.#arrival = arrival;
    this.#paceBefore = this.#pace;
    if (this.#stall.isOn) this.#stall.count();
    else this.#followPace(elapsed);
    return this.#ticks > this.#topTicks ? this.#further() : this.#below();
  }

  #begin(rtpTime: number, arrival: number): number {
    this.#begun = true;
    this.#rtpTime = rtpTime;
    this.#arrival = arrival;
    this.#ticks = this.#pace = 0;
    return this.#startAnew();
  }

  /** The line begins at the unit at hand, and nothing is proved. */
  #startAnew(): number {
    this.#proved = this.#doubts = false;
    this.#stall.end();
    this.#units = 1;
    this.#misfits = this.#hasty = 0;
    this.#line.begin(this.#ticks, this.#arrival);
    this.#look(0);
    return this.#place(this.#arrival);
  }

  #followPace(elapsed: number): void {
    if (this.#pace === 0) this.#pace = elapsed;
    else this.#pace += (Math.min(elapsed, 4 * this.#pace) - this.#pace) / 16;
  }

  /** RTP time goes on. */
  #further(): number {
    this.#line.moveSmoothly(this.#arrival - this.#topArrival);
    const at = this.#line.at(this.#ticks);
    const delay = this.#arrival - at;
    this.#jitter.follow(delay - this.#topDelay);
    if (this.#stall.isOn) return this.#catchUp(at, delay);
    return this.#proved ? this.#judge(at, delay) : this.#learn(at, delay);
  }

  /** RTP time that stands says nothing; one that goes back is no clock's. */
  #below(): number {
    if (this.#ticks === this.#topTicks && !this.#doubts) {
      this.#topDelay = this.#arrival - this.#line.at(this.#ticks);
      return this.#byArrival();
    }
    return this.#proved ? this.#doubt() : this.#startAnew();
  }

  /** Nothing is proved yet: RTP time smooths as far as jitter reaches, beyond that the arrival counts. */
  #learn(at: number, delay: number): number {
    const line = this.#line;
    this.#units++;
    if (this.#units > LEAST_UNITS && this.#isLate(delay, MOST_JITTER_MS) && this.#isStall())
      return this.#beginStall(at, delay);
    let ms = at;
    if (delay > this.#jitter.ms || delay < 0) {
      ms = this.#arrival;
      line.shift(delay);
    }
    line.add(this.#ticks, this.#arrival, this.#jitter.ms);
    this.#proved = line.isProved(this.#units, this.#jitter.ms);
    this.#look(this.#arrival - ms);
    return this.#place(ms);
  }

  /** The next unit of a line that is proved. */
  #judge(at: number, delay: number): number {
    const line = this.#line;
    const jitter = this.#jitter.ms;
    if (delay < LEAST_JITTER_MS - jitter - AHEAD_MS) return this.#doubt();
    if (this.#isLate(delay)) return this.#late(at, delay);
    if (delay < 0) {
      line.move(delay, jitter);
      return this.#take(this.#arrival, 0);
    }
    const excess = (this.#jitter.isRising ? delay : Math.min(delay, this.#topDelay)) - jitter;
    // RTP time stood, and goes on.
    if (excess > jitter) return this.#step(this.#given);
    if (excess > 0) {
      line.move(excess, jitter);
      return this.#take(at + excess, delay - excess);
    }
    return this.#take(at, delay);
  }

  /** RTP time of the unit at hand, ms. */
  get #media(): number {
    return this.#line.msPerTick * this.#ticks;
  }

  /** Far later than the one before it. */
  #isLate(delay: number, jitter = this.#jitter.ms): boolean {
    return delay > jitter && delay - this.#topDelay > jitter;
  }

  #late(at: number, delay: number): number {
    if (delay > STALL_MS) return this.#step(this.#given);
    return this.#doubts || !this.#isStall() ? this.#doubt() : this.#beginStall(at, delay);
  }

  /** RTP time goes on as ever, and it is the arrival that does not. */
  #isStall(): boolean {
    const elapsed = this.#arrival - this.#topArrival;
    if (elapsed > STALL_MS || (!this.#proved && !this.#isTrusted)) return false;
    const media = this.#line.msPerTick * (this.#ticks - this.#topTicks);
    return Math.abs(media - this.#paceBefore) <= Math.abs(elapsed - this.#paceBefore);
  }

  /** Ticks last as long as they should. */
  get #isTrusted(): boolean {
    return Math.abs(this.#line.msPerTick / this.#nominal - 1) < TRUSTED_RATE;
  }

  #beginStall(at: number, delay: number): number {
    // A stall is no pace, and neither is a burst: together they are.
    this.#pace = this.#paceBefore;
    this.#stall.begin(this.#media, delay, this.#topArrival);
    this.#look(delay);
    // Where nothing is known of either, and it matters little, the middle is right enough.
    const isSmall = delay < 2 * TOLERANCE_MS && !this.#isTrusted;
    return this.#append(isSmall ? Math.max(at, this.#arrival - TOLERANCE_MS) : at);
  }

  /** Behind a stall: does what was held up come in a burst? */
  #catchUp(at: number, delay: number): number {
    const stall = this.#stall;
    const jitter = this.#jitter.ms;
    const isNext = this.#isLate(delay);
    const isHeldUp = delay > jitter && delay <= STALL_MS;
    if (isHeldUp && !stall.hasStood(this.#media, delay, this.#arrival, isNext, this.#isTrusted)) {
      this.#look(delay);
      return this.#append(at);
    }
    stall.end();
    this.#followPace(stall.paceUntil(this.#arrival));
    if (!this.#proved) return this.#learn(at, delay);
    if (delay <= jitter) return this.#judge(at, delay);
    if (delay <= 2 * jitter) return this.#take(at, delay);
    // The clock stood while the camera did.
    this.#pace = stall.paceOfStood(this.#arrival);
    return this.#step(this.#given);
  }

  /** A unit that does not fit: dated by arrival, or by the line of the one before it that did not fit. */
  #doubt(): number {
    if (++this.#misfits > LOST_UNITS) return this.#startAnew();
    if (this.#doubts) {
      const at = this.#doubtMs + this.#line.msPerTick * (this.#ticks - this.#doubtTicks);
      const delay = this.#arrival - at;
      if (Math.abs(delay) <= 2 * this.#jitter.ms && at > this.#doubtMs) return this.#step(delay);
    }
    this.#doubts = true;
    this.#doubtTicks = this.#ticks;
    return (this.#doubtMs = this.#byArrival());
  }

  /** The clock was set: the line goes on from here, through a unit that came `delay` late. */
  #step(delay: number): number {
    this.steps++;
    this.#hasty = this.#arrival - this.#steppedAt < HASTE_MS ? this.#hasty + 1 : 0;
    this.#steppedAt = this.#arrival;
    if (this.#hasty > HASTY_STEPS) return this.#startAnew();
    this.#doubts = false;
    this.#misfits = 0;
    const likely = this.#likely(delay);
    this.#line.step(this.#ticks, this.#arrival - likely, this.#arrival);
    this.#look(likely);
    return this.#place(this.#arrival - likely);
  }

  /** On the line. */
  #take(at: number, delay: number): number {
    this.#settleDoubts();
    if (!this.#stall.isOn) this.#line.add(this.#ticks, this.#arrival, this.#jitter.ms);
    this.#look(delay);
    return this.#place(at);
  }

  #look(delay: number): void {
    this.#topTicks = this.#ticks;
    this.#topArrival = this.#arrival;
    this.#topDelay = delay;
  }

  #place(ms: number): number {
    const at = this.#append(ms);
    this.#given = this.#arrival - at;
    return at;
  }

  #append(ms: number): number {
    return (this.#newest = Math.max(ms, this.#newest + MIN_STEP_MS));
  }

  #byArrival(): number {
    return this.#append(this.#arrival - this.#likely(this.#given));
  }

  #likely(delay: number): number {
    return Math.max(0, Math.min(delay, this.#jitter.ms));
  }

  /** A unit fits again: the one that did not was a stray. */
  #settleDoubts(): void {
    if (this.#doubts) this.steps++;
    this.#doubts = false;
    this.#misfits = 0;
  }
}
