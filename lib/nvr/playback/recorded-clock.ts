// Determines when a unit was recorded: the best plausible time that the server gives, else the start of the
// run plus the media time. Pure.

import type { TimeSource, VideoUnit } from '../../codec/unit.js';

/** A time that is further than this (ms) from the expected one is ignored. */
const BELIEVED_MS = 10 * 60_000;
/**
 * Sender reports in a run of the past that are this close (ms) to the present, and closer to it than to the
 * recorded time that is expected, give the server's clock and not the recorded time (quirk:
 * wrong-sender-reports). The server's clock may be wrong, and a busy machine reads a report late.
 */
const PRESENT_MS = 30_000;
/** A run whose expected time is this close (ms) to the present: its reports may well say both. */
const NOW_MS = 2_000;
const CLOCK_RATE = 90_000;

interface RecordedTime {
  /** The recorded time in epoch ms: rounded, and exact. */
  readonly time: number;
  readonly exact: number;
  readonly source: TimeSource;
}

export class RecordedClock {
  private lastRtp: number | undefined;
  /** Media time since the first unit, unwrapped, in ms. */
  private mediaMs = 0;
  /**
   * True once the sender reports were found to give the present time. It stays true for the run: a recording
   * that is pulled faster than real time can run ahead of the present.
   */
  private isServersClock = false;

  private source: number | undefined;
  /** The time of the newest unit, and the step from the one before it, in ms. */
  private latestMs: number;
  private stepMs = 0;

  /**
   * `startMs` is the start of the run, in epoch ms. `rtptime` is from RTP-Info, if PLAY's reply has one.
   * `scale` is media seconds per RTP second (RFC 2326 12.34). `isReplay`: the RTP header extension gives the
   * recorded time (ONVIF), which may leap over hours without a recording.
   */
  constructor(
    private startMs: number,
    private rtptime: number | undefined,
    private readonly scale: number,
    private readonly isReplay = false,
  ) {
    this.latestMs = startMs;
  }

  /** Takes units in decoding order. `nowMs` is this machine's clock, in epoch ms. */
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
   * A stream that starts anew (another SSRC) continues where the last one ended: its RTP times are unrelated,
   * and PLAY's reply does not apply to it.
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
      this.isServersClock ||= isPresent(captureTime, expected, nowMs);
      if (!this.isServersClock) return { time: captureTime, source: 'sr' };
    }
    if (this.rtptime !== undefined) {
      const time = this.startMs + this.toMs(unit.rtpTime - this.rtptime);
      if (isNear(time, expected) && time >= this.startMs - 1_000) return { time, source: 'rtpinfo' };
    }
    return { time: expected, source: 'start' };
  }

  /** A difference of 32-bit RTP times, in ms of media time. */
  private toMs(step: number): number {
    return (((step | 0) * 1000) / CLOCK_RATE) * this.scale;
  }
}

function isPresent(claim: number, expected: number, nowMs: number): boolean {
  const off = Math.abs(claim - nowMs);
  return off < PRESENT_MS && off < Math.abs(claim - expected) && Math.abs(expected - nowMs) > NOW_MS;
}

function isNear(claim: number, expected: number): boolean {
  return Math.abs(claim - expected) <= BELIEVED_MS;
}
