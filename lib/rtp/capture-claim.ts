// When a unit was captured according to the server: from RTCP sender reports (RFC 3550 6.4.1) or the ONVIF
// header extension, extrapolated by RTP time.

/** Longest step of RTP time over which a report is extrapolated. */
const CLAIM_STEP_MS = 60_000;
/**
 * If the steps of RTP time and of arrival differ by more than this between two units, the RTP clock was
 * replaced, and earlier reports do not apply to it.
 */
const BREAK_MS = 10_000;

export class CaptureClaim {
  source: 'sr' | 'onvif' = 'sr';

  private readonly clockRate: number;
  private ms = NaN;
  private rtpTime = 0;
  private lastRtp = 0;
  private lastArrival = NaN;

  /** `clockRate`: RTP ticks per second, from the SDP. */
  constructor(clockRate: number) {
    this.clockRate = clockRate;
  }

  /**
   * Takes the epoch ms of an RTP time; NaN (an impossible time) invalidates earlier reports. Ignored while
   * the ONVIF extension is present: only that carries the recorded time during playback.
   */
  senderReport(ntpMs: number, rtpTime: number): void {
    if (this.source !== 'onvif' || Number.isNaN(this.ms)) this.claim(ntpMs, rtpTime, 'sr');
  }

  onvif(ms: number, rtpTime: number): void {
    this.claim(ms, rtpTime, 'onvif');
  }

  /** Call for each unit: forgets the reports when the RTP time jumps (see `BREAK_MS`). */
  follow(rtpTime: number, arrival: number): void {
    const step = this.msOf(rtpTime - this.lastRtp);
    if (Math.abs(step - (arrival - this.lastArrival)) > BREAK_MS) this.end();
    this.lastRtp = rtpTime;
    this.lastArrival = arrival;
  }

  /**
   * Capture time for an RTP time, in whole epoch ms; undefined without a report, or if the last one is more
   * than a minute of RTP time away.
   */
  at(rtpTime: number): number | undefined {
    if (Number.isNaN(this.ms)) return undefined;
    const step = this.msOf(rtpTime - this.rtpTime);
    if (Math.abs(step) > CLAIM_STEP_MS) {
      this.ms = NaN;
      return undefined;
    }
    // Move the reference along with the stream, so that RTP time can wrap between two reports.
    this.ms += step;
    this.rtpTime = rtpTime;
    return Math.round(this.ms);
  }

  /** The RTP clock that the reports refer to no longer exists. */
  end(): void {
    this.ms = NaN;
  }

  private claim(ms: number, rtpTime: number, source: 'sr' | 'onvif'): void {
    this.ms = ms;
    this.rtpTime = rtpTime;
    this.source = source;
  }

  /** ms of a 32-bit step of RTP time; wraps. */
  private msOf(step: number): number {
    return ((step | 0) * 1000) / this.clockRate;
  }
}
