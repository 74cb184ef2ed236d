// When a unit was taken, by the server's own words: sender reports (RFC 3550 6.4.1) and the ONVIF extension,
// carried along by RTP time.

/** A claim is carried on by RTP time over no longer a step than this. */
const CLAIM_STEP_MS = 60_000;
/**
 * RTP time and arrival that differ by more than this from one unit to the next: another clock, of which
 * nothing was claimed.
 */
const BREAK_MS = 10_000;

export class CaptureClaim {
  source: 'sr' | 'onvif' = 'sr';

  readonly #clockRate: number;
  #ms = NaN;
  #rtpTime = 0;
  #lastRtp = 0;
  #lastArrival = NaN;

  /** `clockRate`: RTP units per second, from the SDP. */
  constructor(clockRate: number) {
    this.#clockRate = clockRate;
  }

  /**
   * The epoch milliseconds of an RTP time. NaN (an impossible time) ends the claim. Ignored while the ONVIF
   * extension speaks, which knows the recorded time in playback.
   */
  senderReport(ntpMs: number, rtpTime: number): void {
    if (this.source !== 'onvif' || Number.isNaN(this.#ms)) this.#claim(ntpMs, rtpTime, 'sr');
  }

  onvif(ms: number, rtpTime: number): void {
    this.#claim(ms, rtpTime, 'onvif');
  }

  /** To be told of each unit: where its RTP time has nothing to do with the last one's, the claim ends. */
  follow(rtpTime: number, arrival: number): void {
    const step = this.#msOf(rtpTime - this.#lastRtp);
    if (Math.abs(step - (arrival - this.#lastArrival)) > BREAK_MS) this.end();
    this.#lastRtp = rtpTime;
    this.#lastArrival = arrival;
  }

  /**
   * The claim for an RTP time in whole epoch milliseconds; undefined if there is none, or none that fits
   * (more than a minute off the last one).
   */
  at(rtpTime: number): number | undefined {
    if (Number.isNaN(this.#ms)) return undefined;
    const step = this.#msOf(rtpTime - this.#rtpTime);
    if (Math.abs(step) > CLAIM_STEP_MS) {
      this.#ms = NaN;
      return undefined;
    }
    // Carried along with the stream, so that a wrap of RTP time does not matter however rare the reports are.
    this.#ms += step;
    this.#rtpTime = rtpTime;
    return Math.round(this.#ms);
  }

  /** The RTP clock that was spoken of is gone. */
  end(): void {
    this.#ms = NaN;
  }

  #claim(ms: number, rtpTime: number, source: 'sr' | 'onvif'): void {
    this.#ms = ms;
    this.#rtpTime = rtpTime;
    this.source = source;
  }

  /** A step of RTP time, 32 bits. */
  #msOf(step: number): number {
    return ((step | 0) * 1000) / this.#clockRate;
  }
}
