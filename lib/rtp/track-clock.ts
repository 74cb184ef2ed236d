// One track's RTP time on this machine's monotonic clock: smooth as RTP time is in the short run, true as arrival is in the long run.
//
// A unit belongs where the line of least delay has it: `offset + msPerTick * ticks`. It came later than that by its delay on the way, never earlier. What contradicts the line is judged:
// - RTP time ahead of the line, or behind what was shown: a clock that was set, or a stray stamp. The unit is dated by its arrival, and the next ones tell which.
// - a unit that came far too late although RTP time goes on as ever: a stall; the burst behind it catches up, and RTP time is right. Where nothing catches up, it was the clock that stood.
// - a delay that grows from unit to unit: ticks last longer than thought. The line follows the arrival, and its slope is learnt anew.

import { LeastDelay } from './least-delay.js';
import { Presentation } from './presentation.js';

/** Delay that jitter explains: so much at least, and this many times the turns that delays take, at most so much. */
const JITTER_MS = 75;
const JITTER_TURNS = 8;
const MAX_JITTER_MS = 250;
/** Units this much ahead of a line that is proved are not on it. */
const AHEAD_MS = 40;
/** How far a picture of a reordering stream may come before its time, in frames, and in ms where frames cannot be told. */
const LEAD_FRAMES = 8;
const LEAD_MS = 120;
/** More than was seen before. */
const LEAD_MORE_FRAMES = 4;
/** It is the largest of the last one to two of these: some GOPs may have no B pictures. */
const LEAD_WINDOW_MS = 60_000;
/** Ms, and units, after which a line is proved; fewer of a slow stream. */
const PROOF_MS = 400;
const PROOF_UNITS = 8;
const SLOW_PROOF_MS = 2_000;
const SLOW_PROOF_UNITS = 4;
/** A slope is looked at over so much. */
const FIT_MS = 100;
/** Difference that a slope has to make over its span before it is believed: at first, and from `SETTLED_MS` on. */
const DRIFT_MS = 40;
const SETTLED_MS = 10_000;
const SETTLED_DRIFT_MS = 5;
/** The line moves smoothly by this share of real time. */
const SLEW = 0.1;
/** Moves of the line, in times the jitter, after which what it was fitted to is forgotten. */
const FORGET_JITTERS = 2;
/** A stall is over or disproved: delay that must be caught up per RTP time, after so much of it. */
const CAUGHT_UP = 0.2;
const JUDGE_MS = 150;
/** Nothing comes in a burst after more than that: connections break before. */
const STALL_MS = 10_000;
/** Units in a row that fit nothing: all is learnt anew. */
const LOST_UNITS = 8;
/** Steps in a row, each so soon after the one before: the same. */
const HASTY_STEPS = 4;
const HASTE_MS = 2_000;
const DEFAULT_DEPTH = 16;

export class TrackClock {
  /** Corrections: clocks that were set, and units with a stray stamp. */
  steps = 0;

  readonly #nominal: number;
  readonly #least = new LeastDelay();
  readonly #shown = new Presentation();
  #msPerTick: number;
  #offset = 0;
  #begun = false;
  #proved = false;
  #units = 0;

  // The last unit, and the last one that was shown behind all others.
  #rtpTime = 0;
  #ticks = 0;
  #arrival = 0;
  #topTicks = 0;
  #topArrival = 0;
  #topDelay = 0;
  /** Growth of the delay, unit by unit, and how much of it was taken back by the next: jitter goes to and fro, a clock of another rate does not. */
  #growth = 0;
  #turns = 0;
  #jitter = JITTER_MS;
  /** Delay that the last such unit was given in truth. */
  #given = 0;
  /** Arrivals are so far apart. */
  #frameMs = 0;

  /** How far the line is to move yet. */
  #slew = 0;
  #moved = 0;
  /** Pictures come up to so much before their time: the stream is reordered. */
  #lead = 0;
  #leadNow = 0;
  #leadBefore = 0;
  #leadSince = 0;
  #reorders = false;

  #stalled = false;
  #stallDelay = 0;
  #stallTicks = 0;
  #stallUnits = 0;
  #stallArrival = 0;

  // The line that units ask for which do not fit: it begins at the first of them.
  #doubts = 0;
  #doubtTicks = 0;
  #doubtMs = 0;
  #misfits = 0;
  #steppedAt = -Infinity;
  #hasty = 0;

  /** `clockRate`: RTP units per second, as the SDP says. */
  constructor(clockRate: number) {
    this.#nominal = 1000 / clockRate;
    this.#msPerTick = this.#nominal;
  }

  /** Ticks a second, as they come. */
  get clockRate(): number {
    return 1000 / this.#msPerTick;
  }

  /** A new source: nothing is known of its clock. Times still go up. */
  reset(): void {
    this.#begun = false;
  }

  /** When the next unit in decode order would have come at the least delay; monotonic ms in, and out. `depth`: how many pictures may be shown after one that is decoded behind them. */
  next(rtpTime: number, arrival: number, depth = DEFAULT_DEPTH): number {
    if (!this.#begun) return this.#begin(rtpTime, arrival);
    const elapsed = Math.max(0, arrival - this.#arrival);
    this.#ticks += (rtpTime - this.#rtpTime) | 0;
    this.#rtpTime = rtpTime;
    this.#arrival = arrival;
    if (!this.#stalled) this.#followRate(elapsed);
    this.#moveSmoothly(elapsed);
    const isTop = this.#ticks > this.#topTicks;
    // The last one came before its time, and nothing that is shown before it came behind it: so the line lay too late.
    if (isTop && this.#topDelay < 0 && !this.#reorders) this.#move(this.#topDelay);
    const at = this.#offset + this.#msPerTick * this.#ticks;
    if (!isTop) return this.#below(at, depth);
    this.#followJitter(arrival - at - this.#topDelay);
    return this.#proved ? this.#judge(at, arrival - at, depth) : this.#learn(at, arrival - at, depth);
  }

  #followRate(elapsed: number): void {
    if (this.#frameMs === 0) this.#frameMs = elapsed;
    else this.#frameMs += (Math.min(elapsed, 4 * this.#frameMs) - this.#frameMs) / 16;
  }

  #followJitter(growth: number): void {
    const turn =
      growth * this.#growth < 0 ? Math.min(Math.abs(growth), Math.abs(this.#growth), MAX_JITTER_MS) : 0;
    this.#growth = growth;
    this.#turns += (turn - this.#turns) / 16;
    this.#jitter = Math.max(JITTER_MS, Math.min(JITTER_TURNS * this.#turns, MAX_JITTER_MS));
  }

  #begin(rtpTime: number, arrival: number): number {
    this.#begun = true;
    this.#rtpTime = rtpTime;
    this.#arrival = arrival;
    this.#ticks = 0;
    this.#frameMs = this.#lead = this.#leadNow = this.#leadBefore = 0;
    this.#reorders = false;
    this.#startAnew();
    return this.#shown.append(arrival);
  }

  /** The line begins at the unit at hand, and nothing is proved. */
  #startAnew(): void {
    this.#proved = this.#stalled = false;
    this.#msPerTick = this.#nominal;
    this.#units = 1;
    this.#hasty = 0;
    this.#doubts = this.#misfits = 0;
    this.#least.clear();
    this.#least.add(this.#ticks, this.#arrival, this.#msPerTick);
    this.#anchor(0);
  }

  /** The line goes through the unit at hand, as one that came `delay` ms late. */
  #anchor(delay: number): void {
    this.#offset = this.#arrival - delay - this.#msPerTick * this.#ticks;
    this.#slew = this.#moved = 0;
    this.#lookFrom(delay);
  }

  #lookFrom(delay: number): void {
    this.#topTicks = this.#ticks;
    this.#topArrival = this.#arrival;
    this.#topDelay = delay;
  }

  /** RTP time that stands or goes back: a picture of a reordering stream, or a stamp that says nothing. */
  #below(at: number, depth: number): number {
    const behind = this.#topTicks - this.#ticks;
    if (behind === 0 && this.#doubts === 0) {
      this.#topDelay = this.#arrival - at;
      return this.#byArrival();
    }
    if (behind > 0 && depth > 0 && this.#shown.insert(at, depth, this.#frameMs)) {
      this.#settleDoubts();
      this.#reorders = true;
      this.#followLead(behind * this.#msPerTick);
      return at;
    }
    if (this.#proved) return this.#doubt(depth);
    this.#startAnew();
    return this.#shown.append(this.#arrival);
  }

  #followLead(ms: number): void {
    if (this.#arrival - this.#leadSince > LEAD_WINDOW_MS) {
      this.#leadSince = this.#arrival;
      this.#leadBefore = this.#leadNow;
      this.#leadNow = 0;
    }
    this.#leadNow = Math.max(this.#leadNow, ms);
    this.#lead = Math.max(this.#leadNow, this.#leadBefore);
  }

  /** Nothing is proved yet: RTP time smooths as far as jitter reaches, beyond that the arrival counts. */
  #learn(at: number, delay: number, depth: number): number {
    this.#units++;
    this.#least.add(this.#ticks, this.#arrival, this.#msPerTick);
    let ms = at;
    if (delay > this.#jitter || (delay < 0 && !this.#mayLead(-delay, depth))) {
      this.#offset += delay;
      ms = this.#arrival;
    }
    this.#look(ms);
    this.#fit();
    this.#proved = this.#isProof();
    return this.#shown.append(ms);
  }

  #isProof(): boolean {
    const { spanMs, doubt } = this.#least;
    if (doubt > this.#jitter + this.#lead) return false;
    const isLong = spanMs >= SLOW_PROOF_MS && this.#units >= SLOW_PROOF_UNITS;
    return isLong || (spanMs >= PROOF_MS && this.#units >= PROOF_UNITS);
  }

  /** The next unit of a line that is proved. */
  #judge(at: number, delay: number, depth: number): number {
    if (this.#stalled) return this.#catchUp(at, delay);
    if (delay < -AHEAD_MS - (this.#jitter - JITTER_MS) && !this.#mayLead(-delay, depth))
      return this.#doubt(depth);
    const grown = delay - this.#topDelay;
    if (delay > this.#jitter && grown > this.#jitter) {
      if (delay > STALL_MS) {
        this.#step(this.#given);
        return this.#shown.append(this.#arrival - this.#given);
      }
      const elapsed = this.#arrival - this.#topArrival;
      const step = this.#msPerTick * (this.#ticks - this.#topTicks);
      // Which of the two is as ever?
      if (Math.abs(step - this.#frameMs) > Math.abs(elapsed - this.#frameMs)) return this.#doubt(depth);
      this.#stalled = true;
      this.#stallDelay = delay;
      this.#stallTicks = this.#ticks;
      this.#stallUnits = 0;
      this.#stallArrival = this.#topArrival;
      return this.#take(at, delay);
    }
    if (delay < 0 && depth === 0) {
      this.#move(delay);
      at += delay;
      delay = 0;
    } else if (delay > this.#jitter) {
      const excess = Math.min(delay, this.#topDelay) - this.#jitter;
      if (excess > this.#jitter) {
        this.#step(this.#given);
        return this.#shown.append(this.#arrival - this.#given);
      }
      if (excess > 0) {
        this.#move(excess);
        at += excess;
        delay -= excess;
      }
    }
    if (this.#least.add(this.#ticks, this.#arrival, this.#msPerTick)) this.#fit();
    return this.#take(at, delay);
  }

  /** On the line. */
  #take(at: number, delay: number): number {
    this.#settleDoubts();
    this.#lookFrom(delay);
    const ms = this.#shown.append(at);
    if (!this.#stalled) this.#given = this.#arrival - ms;
    return ms;
  }

  #look(ms: number): void {
    this.#lookFrom(this.#arrival - ms);
    this.#given = this.#arrival - ms;
  }

  /** Behind a stall: does what was held up come in a burst? */
  #catchUp(at: number, delay: number): number {
    this.#stallUnits++;
    if (delay <= this.#jitter) {
      this.#stalled = false;
      return this.#take(at, delay);
    }
    const media = this.#msPerTick * (this.#ticks - this.#stallTicks);
    const caughtUp = this.#stallDelay - delay;
    if ((this.#stallUnits < 2 && media < JUDGE_MS) || caughtUp >= CAUGHT_UP * media)
      return this.#take(at, delay);
    // The clock stood while the camera did.
    this.#stalled = false;
    this.#frameMs = (this.#arrival - this.#stallArrival) / (this.#stallUnits + 1);
    this.#step(this.#given);
    return this.#shown.append(this.#arrival - this.#given);
  }

  /** A unit that does not fit: dated by arrival, or by the line of the one before it that did not fit. */
  #doubt(depth: number): number {
    if (++this.#misfits > LOST_UNITS) {
      this.#startAnew();
      return this.#shown.append(this.#arrival);
    }
    const at = this.#doubtMs + this.#msPerTick * (this.#ticks - this.#doubtTicks);
    const delay = this.#arrival - at;
    if (this.#doubts > 0 && Math.abs(delay) <= 2 * this.#jitter + this.#lead) {
      if (at > this.#doubtMs) {
        this.#step(delay);
        return this.#shown.append(this.#arrival - this.#given);
      }
      if (this.#shown.insert(at, depth, this.#frameMs)) return at;
    }
    const ms = this.#byArrival();
    this.#doubts = 1;
    this.#doubtTicks = this.#ticks;
    this.#doubtMs = ms;
    return ms;
  }

  /** The clock was set: the line goes on from here. */
  #step(delay: number): void {
    this.steps++;
    this.#doubts = this.#misfits = 0;
    this.#given = this.#likely(delay);
    this.#hasty = this.#arrival - this.#steppedAt < HASTE_MS ? this.#hasty + 1 : 0;
    this.#steppedAt = this.#arrival;
    if (this.#hasty > HASTY_STEPS) {
      this.#startAnew();
      return;
    }
    const before = this.#offset;
    this.#anchor(this.#given);
    this.#least.shift(this.#offset - before);
    this.#least.add(this.#ticks, this.#arrival, this.#msPerTick);
  }

  /** A unit fits again: the one that did not was a stray. */
  #settleDoubts(): void {
    if (this.#doubts > 0) this.steps++;
    this.#doubts = this.#misfits = 0;
  }

  #byArrival(): number {
    return this.#shown.append(this.#arrival - this.#likely(this.#given));
  }

  #likely(delay: number): number {
    return Math.max(-this.#lead, Math.min(delay, this.#jitter));
  }

  /** Whether a picture may come so much before its time: those shown before it follow. */
  #mayLead(ms: number, depth: number): boolean {
    if (depth === 0) return false;
    if (this.#reorders) return ms <= this.#lead + LEAD_MORE_FRAMES * this.#frameMs;
    // Two of them, and nothing between: no reordering.
    if (this.#topDelay < 0) return false;
    const frames = (ms + this.#frameMs) / this.#frameMs;
    return ms <= LEAD_MS || (frames <= LEAD_FRAMES && Math.abs(frames - Math.round(frames)) < 0.05);
  }

  #move(ms: number): void {
    this.#offset += ms;
    if (!this.#proved) return;
    this.#moved += ms;
    if (Math.abs(this.#moved) < FORGET_JITTERS * this.#jitter) return;
    this.#moved = 0;
    this.#least.clear();
  }

  #moveSmoothly(elapsed: number): void {
    if (this.#slew === 0) return;
    const most = elapsed * SLEW;
    const step = Math.max(-most, Math.min(most, this.#slew));
    this.#offset += step;
    this.#slew -= step;
  }

  /** A new fit: does it say other things of the slope, and where is the line to go? */
  #fit(): void {
    const least = this.#least;
    if (least.count < 4 || least.spanMs < FIT_MS || !least.fit()) return;
    const drift = Math.abs(least.slope - this.#msPerTick) * least.spanTicks;
    const enough =
      least.spanMs < SETTLED_MS
        ? DRIFT_MS + this.#jitter - JITTER_MS + least.doubt
        : Math.max(SETTLED_DRIFT_MS, least.doubt);
    if (drift > enough && least.doubt < this.#jitter + this.#lead) {
      this.#offset += (this.#msPerTick - least.slope) * this.#ticks;
      this.#msPerTick = least.slope;
    }
    this.#slew = least.offset(this.#msPerTick) + this.#lead - this.#offset;
  }
}
