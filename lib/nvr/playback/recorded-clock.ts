// When a recorded unit was recorded: the best of the server's claims that can be true, else the run's start
// plus media time. Pure.

import type { TimeSource, VideoUnit } from '../../codec/unit.js';

/** A claim further than this from where the run should be is not believed. */
const BELIEVED_MS = 10 * 60_000;
/**
 * A sender report this close to now, in a run of the past, is the server's clock and not the recording's
 * (quirk: wrong-sender-reports).
 */
const NOW_MS = 2_000;
const CLOCK_RATE = 90_000;

export interface RecordedTime {
  /** Whole epoch milliseconds, and the same with its fraction. */
  readonly time: number;
  readonly exact: number;
  readonly source: TimeSource;
}

export class RecordedClock {
  private lastRtp: number | undefined;
  /** Media ms since the first unit, unwrapped. */
  private mediaMs = 0;
  /**
   * The sender reports say *now*. Once seen, it holds for the run: a recording pulled faster than real time
   * runs ahead of now.
   */
  private isServersClock = false;

  private source: number | undefined;
  /** Where the newest unit lies, and the step that led to it. */
  private latestMs: number;
  private stepMs = 0;

  /**
   * `startMs`: where the run begins, epoch ms. `rtptime`: RTP-Info's, if PLAY's reply had one. `scale`: media
   * seconds per RTP second (RFC 2326 12.34). `isReplay`: each packet's extension is the recorded time
   * (ONVIF), which may leap over hours where nothing is recorded.
   */
  constructor(
    private startMs: number,
    private rtptime: number | undefined,
    private readonly scale: number,
    private readonly isReplay = false,
  ) {
    this.latestMs = startMs;
  }

  /** Units in decode order; `nowMs`: this machine's clock, epoch ms. */
  timeOf(
    unit: Pick<VideoUnit, 'rtpTime' | 'onvifTime' | 'captureTime' | 'timeSource' | 'source'>,
    nowMs: number,
  ): RecordedTime {
    if (unit.source !== this.source) this.startAnew(unit.source);
    this.mediaMs += this.lastRtp === undefined ? 0 : this.toMs(unit.rtpTime - this.lastRtp);
    this.lastRtp = unit.rtpTime;
    const { time, source } = this.claim(unit, this.startMs + this.mediaMs, nowMs);
    if (time > this.latestMs) {
      this.stepMs = time - this.latestMs;
      this.latestMs = time;
    }
    return { time: Math.round(time), exact: time, source };
  }

  /**
   * A stream that starts anew goes on where the last one got to: its RTP times say nothing of that, nor does
   * PLAY's reply.
   */
  private startAnew(source: number | undefined): void {
    this.source = source;
    this.startMs = this.latestMs + this.stepMs;
    this.rtptime = this.lastRtp = undefined;
    this.mediaMs = 0;
  }

  private claim(
    unit: Pick<VideoUnit, 'rtpTime' | 'onvifTime' | 'captureTime' | 'timeSource'>,
    expected: number,
    nowMs: number,
  ): Pick<RecordedTime, 'time' | 'source'> {
    const { onvifTime, captureTime } = unit;
    const mayLeap = this.isReplay && onvifTime !== undefined && onvifTime > expected && onvifTime <= nowMs;
    if (onvifTime !== undefined && (mayLeap || isNear(onvifTime, expected))) {
      if (mayLeap) this.startMs += onvifTime - expected;
      return { time: onvifTime, source: 'onvif' };
    }
    if (captureTime !== undefined && unit.timeSource === 'sr' && isNear(captureTime, expected)) {
      this.isServersClock ||= Math.abs(captureTime - nowMs) < NOW_MS && Math.abs(expected - nowMs) > NOW_MS;
      if (!this.isServersClock) return { time: captureTime, source: 'sr' };
    }
    if (this.rtptime !== undefined) {
      const time = this.startMs + this.toMs(unit.rtpTime - this.rtptime);
      if (isNear(time, expected) && time >= this.startMs - 1_000) return { time, source: 'rtpinfo' };
    }
    return { time: expected, source: 'start' };
  }

  /** A step of RTP time, 32 bits, as media ms. */
  private toMs(step: number): number {
    return (((step | 0) * 1000) / CLOCK_RATE) * this.scale;
  }
}

function isNear(claim: number, expected: number): boolean {
  return Math.abs(claim - expected) <= BELIEVED_MS;
}
