// From a stream's RTP clock to wall clocks: this machine's (smoothed arrival) and the server's claim (sender reports, ONVIF).
//
// `time` is the media time plus an offset. Each unit gives a sample of that offset (its arrival minus its media time), which is too large by
// the unit's delay on the way. So the offset follows the smallest sample of the last 5 to 10 s: down at once, up at a tenth of real time. Jitter above
// the floor leaves no trace, a drifting sender is followed, and no unit is dated later than it arrived. Media time is the RTP time unwrapped
// and put in decode order: with B-frames, whose RTP times go back and forth, the n-th unit gets the n-th smallest time. When RTP time and arrival
// disagree by more than 10 s, both start anew at the arrival.

const REANCHOR_MS = 10_000;
const BUCKET_MS = 5_000;
const SLEW = 0.1;
/** RTP times that wait for their turn in decode order: the deepest reordering followed. */
const MAX_DEPTH = 4;
/** A claim is carried on by RTP time over no longer a step than this. */
const CLAIM_STEP_MS = 60_000;

/** What `stamp` reads of a unit, and what it sets. */
export interface Timed {
  readonly rtpTime: number;
  /** Monotonic milliseconds. */
  readonly arrival: number;
  /** Epoch milliseconds. */
  readonly onvifTime?: number;
  time: number;
  captureTime?: number;
  timeSource: string;
}

/** The clock of one track. All times are milliseconds; monotonic ones go in, epoch ones come out. */
export class Timeline {
  /** Epoch minus monotonic clock (`Date.now() - performance.now()`), added to every arrival. It may be set anew when this machine's clock was set. */
  epochOffsetMs: number;

  readonly #clockRate: number;
  #anchored = false;
  #lastRtp = 0;
  #lastArrival = 0;
  /** Media time of the last RTP time, in ms since the anchor. */
  #mediaMs = 0;
  #offset = 0;
  #bucketStart = 0;
  #bucketMin = 0;
  #previousMin = Infinity;
  /** Media times not yet given out, sorted; as many as the reordering seen so far is deep. */
  readonly #waiting: number[] = [];
  #depth = 0;
  #lastDecodeMs = -Infinity;
  #lastTime = -Infinity;

  #claimMs = NaN;
  #claimRtp = 0;
  #claimSource: 'sr' | 'onvif' = 'sr';

  /** `clockRate`: RTP units per second, from the SDP. */
  constructor(clockRate: number, epochOffsetMs = 0) {
    this.#clockRate = clockRate;
    this.epochOffsetMs = epochOffsetMs;
  }

  /** Sets `time`, `captureTime` and `timeSource` of a unit, in decode order. The name of the source is that of `captureTime`, or `arrival` if there is none. */
  stamp(unit: Timed): void {
    unit.time = this.arrival(unit.rtpTime, unit.arrival);
    if (unit.onvifTime !== undefined) this.#claim(unit.onvifTime, unit.rtpTime, 'onvif');
    const captureTime = this.captureTime(unit.rtpTime);
    if (captureTime === undefined) {
      unit.timeSource = 'arrival';
    } else {
      unit.captureTime = captureTime;
      unit.timeSource = this.#claimSource;
    }
  }

  /** Smoothed arrival of the next unit in decode order: whole epoch milliseconds that never go back. */
  arrival(rtpTime: number, arrivalMs: number): number {
    const elapsed = arrivalMs - this.#lastArrival;
    const step = (((rtpTime - this.#lastRtp) | 0) * 1000) / this.#clockRate;
    if (!this.#anchored || Math.abs(step - elapsed) > REANCHOR_MS) {
      // The server's claim belongs to the old RTP clock.
      if (this.#anchored) this.#claimMs = NaN;
      this.#anchor(arrivalMs);
    } else {
      // RTP time that stands still says nothing: then the arrival is the clock.
      this.#mediaMs += step === 0 ? Math.max(0, elapsed) : step;
    }
    this.#lastRtp = rtpTime;
    this.#lastArrival = arrivalMs;

    let decodeMs = this.#inDecodeOrder(this.#mediaMs, arrivalMs);
    if (arrivalMs - decodeMs - this.#offset > REANCHOR_MS) {
      this.#anchor(arrivalMs);
      decodeMs = 0;
    }
    this.#followOffset(arrivalMs - decodeMs, arrivalMs, elapsed);
    this.#lastTime = Math.max(this.#lastTime, Math.round(decodeMs + this.#offset + this.epochOffsetMs));
    return this.#lastTime;
  }

  /** Takes a sender report: the epoch milliseconds of an RTP time. NaN (an impossible time) ends the claim. Ignored while the ONVIF extension speaks, which knows the recorded time in playback. */
  senderReport(ntpMs: number, rtpTime: number): void {
    if (this.#claimSource !== 'onvif' || Number.isNaN(this.#claimMs)) this.#claim(ntpMs, rtpTime, 'sr');
  }

  /** The server's claim for an RTP time in whole epoch milliseconds; undefined if it makes none, or none that fits (more than a minute off the last one). */
  captureTime(rtpTime: number): number | undefined {
    const step = (((rtpTime - this.#claimRtp) | 0) * 1000) / this.#clockRate;
    if (Number.isNaN(this.#claimMs)) return undefined;
    if (Math.abs(step) > CLAIM_STEP_MS) {
      this.#claimMs = NaN;
      return undefined;
    }
    // Carried along with the stream, so that a wrap of RTP time does not matter however rare the reports are.
    this.#claimMs += step;
    this.#claimRtp = rtpTime;
    return Math.round(this.#claimMs);
  }

  /** A new source (another SSRC): RTP time and claim start anew; `arrival` still never goes back. */
  reset(): void {
    this.#anchored = false;
    this.#claimMs = NaN;
  }

  #claim(ms: number, rtpTime: number, source: 'sr' | 'onvif'): void {
    this.#claimMs = ms;
    this.#claimRtp = rtpTime;
    this.#claimSource = source;
  }

  #anchor(arrivalMs: number): void {
    this.#anchored = true;
    this.#mediaMs = 0;
    this.#waiting.length = 0;
    this.#depth = 0;
    this.#lastDecodeMs = -Infinity;
    this.#restartOffset(arrivalMs, arrivalMs);
  }

  #restartOffset(sample: number, arrivalMs: number): void {
    this.#offset = sample;
    this.#bucketStart = arrivalMs;
    this.#bucketMin = sample;
    this.#previousMin = Infinity;
  }

  /** The n-th smallest media time for the n-th unit: exact as soon as the depth of the reordering is known. */
  #inDecodeOrder(mediaMs: number, arrivalMs: number): number {
    if (this.#depth === 0 && mediaMs >= this.#lastDecodeMs) return (this.#lastDecodeMs = mediaMs);
    let at = this.#waiting.length;
    while (at > 0 && this.#waiting[at - 1]! > mediaMs) at--;
    this.#waiting.splice(at, 0, mediaMs);
    if (this.#waiting[0]! < this.#lastDecodeMs && this.#depth < MAX_DEPTH) {
      // Deeper than thought: from here on units are dated by an earlier time, so the offset grows once.
      this.#depth++;
      this.#restartOffset(arrivalMs - this.#waiting[0]!, arrivalMs);
      this.#lastDecodeMs = this.#waiting[0]!;
    }
    while (this.#waiting.length > this.#depth) this.#lastDecodeMs = this.#waiting.shift()!;
    return this.#lastDecodeMs;
  }

  #followOffset(sample: number, arrivalMs: number, elapsed: number): void {
    if (arrivalMs - this.#bucketStart >= BUCKET_MS) {
      this.#previousMin = this.#bucketMin;
      this.#bucketMin = sample;
      this.#bucketStart = arrivalMs;
    } else if (sample < this.#bucketMin) {
      this.#bucketMin = sample;
    }
    const floor = Math.min(this.#previousMin, this.#bucketMin);
    this.#offset =
      floor <= this.#offset
        ? floor
        : this.#offset + Math.min(floor - this.#offset, Math.max(0, elapsed) * SLEW);
  }
}
