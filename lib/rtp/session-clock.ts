// The common clock of a session: maps each track's RTP time to this machine's monotonic clock, and that to
// its wall clock.

import { CaptureClaim } from './capture-claim.js';
import { Presentation } from './presentation.js';
import { Reordering } from './reordering.js';
import { TrackClock } from './track-clock.js';

/**
 * If wall clock and monotonic clock move apart by more than this, the wall clock was set: times follow at
 * once, backwards too.
 */
const WALL_STEP_MS = 1_000;
/** Smaller differences are rounding of the two clock readings. */
const WALL_NOISE_MS = 20;

/**
 * The duration of a picture according to RTP time is not used if it differs from the interval of arrivals by
 * more than `RATE_OFF_MS` in all, and is never more than `MOST_PACES` such intervals.
 */
const RATE_OFF_MS = 100;
const MOST_PACES = 4;

/** The fields of a unit that `stamp` reads and sets. */
export interface Timed {
  readonly kind?: string;
  readonly rtpTime: number;
  /** Monotonic milliseconds. */
  readonly arrival: number;
  /** Epoch milliseconds. */
  readonly onvifTime?: number;
  readonly format?: { readonly codec?: string; readonly reorderDepth?: number; readonly frameRate?: number };
  mediaTime?: number;
  time: number;
  captureTime?: number;
  timeSource: string;
}

export class SessionClock {
  /** Epoch ms minus monotonic ms (`Date.now() - performance.now()`), as last read. */
  wallOffset: number;
  /** How often the wall clock was set. */
  wallSteps = 0;

  constructor(wallOffset = 0) {
    this.wallOffset = wallOffset;
  }

  /** `clockRate`: RTP ticks per second, from the SDP. */
  track(clockRate: number): SessionTrack {
    return new SessionTrack(this, clockRate);
  }

  /**
   * Call often. Durations follow the monotonic clock; the time of day follows the wall clock, in whichever
   * direction it was set.
   */
  setWallOffset(wallOffset: number): void {
    const moved = Math.abs(wallOffset - this.wallOffset);
    if (moved < WALL_NOISE_MS) return;
    if (moved >= WALL_STEP_MS) this.wallSteps++;
    this.wallOffset = wallOffset;
  }
}

/** One track of the session. */
export class SessionTrack {
  readonly clock: TrackClock;
  private readonly session: SessionClock;
  private readonly claim: CaptureClaim;
  private readonly reordering = new Reordering();
  private readonly shown = new Presentation();
  private readonly nominalMs: number;
  private rtpTime = 0;
  private arrival = NaN;
  private wallSteps = 0;
  private lastTime = -Infinity;

  constructor(session: SessionClock, clockRate: number) {
    this.session = session;
    this.clock = new TrackClock(clockRate);
    this.claim = new CaptureClaim(clockRate);
    this.nominalMs = 1000 / clockRate;
  }

  /**
   * Sets `mediaTime`, `time`, `captureTime` and `timeSource` of the next unit in decode order. `timeSource`
   * names the source of `captureTime`, or is `arrival` if there is none. `rank`: the unit's place in display
   * order, NaN if the stream does not say.
   */
  stamp(unit: Timed, rank = NaN): void {
    const decoded = mayBeReordered(unit) ? this.reordered(unit, rank) : this.inOrder(unit);
    unit.time = this.time(Math.min(unit.arrival, decoded));
    this.claim.follow(unit.rtpTime, unit.arrival);
    if (unit.onvifTime !== undefined) this.claim.onvif(unit.onvifTime, unit.rtpTime);
    const captureTime = this.claim.at(unit.rtpTime);
    if (captureTime === undefined) {
      unit.timeSource = 'arrival';
    } else {
      unit.captureTime = captureTime;
      unit.timeSource = this.claim.source;
    }
  }

  private inOrder(unit: Timed): number {
    return (unit.mediaTime = this.clock.next(unit.rtpTime, unit.arrival));
  }

  /**
   * Stamps a picture that may be displayed out of decode order. Returns its decode time: its RTP time is
   * judged as if the picture were displayed when it is decoded.
   */
  private reordered(unit: Timed, rank: number): number {
    const { clock } = this;
    const order = this.reordering;
    const frame =
      (unit.format?.frameRate ?? 0) > 0 ? 1000 / unit.format!.frameRate! / this.nominalMs : Infinity;
    const paces = clock.pace > 0 ? (unit.arrival - this.arrival) / clock.pace : NaN;
    const places = order.places(rank, (unit.rtpTime - this.rtpTime) | 0, frame, paces);
    this.rtpTime = unit.rtpTime;
    this.arrival = unit.arrival;
    const decoded = clock.next((unit.rtpTime - Math.round(places * order.ticks)) >>> 0, unit.arrival);
    const byClock = order.ticks * clock.msPerTick;
    // Until the clock rate is proved, ignore it if it contradicts the arrivals by more than jitter can.
    const isOff =
      !clock.isProved && clock.pace > 0 && Math.abs(places * (byClock - clock.pace)) > RATE_OFF_MS;
    const frameMs = isOff ? clock.pace : Math.min(byClock, MOST_PACES * clock.pace);
    unit.mediaTime = this.shown.place(decoded + places * frameMs, order.rank, frameMs);
    return decoded;
  }

  /** Takes a sender report: the epoch ms of an RTP time; NaN if implausible. */
  senderReport(ntpMs: number, rtpTime: number): void {
    this.claim.senderReport(ntpMs, rtpTime);
  }

  /** A new source (another SSRC), whose RTP clock is unrelated to the old one. Times still never go back. */
  reset(): void {
    this.clock.reset();
    this.reordering.clear();
    this.claim.end();
  }

  /** Whole epoch ms that never go back, unless this machine's clock was set back. */
  private time(monotonic: number): number {
    if (this.wallSteps !== this.session.wallSteps) {
      this.wallSteps = this.session.wallSteps;
      this.lastTime = -Infinity;
    }
    this.lastTime = Math.max(this.lastTime, Math.round(monotonic + this.session.wallOffset));
    return this.lastTime;
  }
}

/** Only pictures are reordered, and never those of MJPEG. */
function mayBeReordered({ kind, format }: Timed): boolean {
  return kind === 'video' && format?.codec !== 'mjpeg' && format?.reorderDepth !== 0;
}
