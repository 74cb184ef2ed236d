// The one clock of a session: each track's RTP time put on this machine's monotonic clock, and that on its
// wall clock.

import { CaptureClaim } from './capture-claim.js';
import { Presentation } from './presentation.js';
import { Reordering } from './reordering.js';
import { TrackClock } from './track-clock.js';

/**
 * A larger difference between monotonic and wall clock is a clock that was set: times follow at once, back
 * too.
 */
const WALL_STEP_MS = 1_000;
/** A smaller one than this is the rounding of the clocks' reading. */
const WALL_NOISE_MS = 20;

/**
 * What a picture lasts by its clock: further than this from how pictures come, it is not believed; never
 * longer than so many of their steps.
 */
const RATE_OFF_MS = 100;
const MOST_PACES = 4;

/** What `stamp` reads of a unit, and what it sets. */
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
  /** Epoch minus monotonic milliseconds (`Date.now() - performance.now()`), as last read. */
  wallOffset: number;
  /** Raised when the wall clock was set. */
  wallSteps = 0;

  constructor(wallOffset = 0) {
    this.wallOffset = wallOffset;
  }

  /** `clockRate`: RTP units per second, from the SDP. */
  track(clockRate: number): SessionTrack {
    return new SessionTrack(this, clockRate);
  }

  /**
   * To be told often: durations are the monotonic clock's, the time of day is the wall clock's, whichever way
   * it was set.
   */
  setWallOffset(wallOffset: number): void {
    const moved = Math.abs(wallOffset - this.wallOffset);
    if (moved < WALL_NOISE_MS) return;
    if (moved >= WALL_STEP_MS) this.wallSteps++;
    this.wallOffset = wallOffset;
  }
}

/** A track of the session's. */
export class SessionTrack {
  readonly clock: TrackClock;
  readonly #session: SessionClock;
  readonly #claim: CaptureClaim;
  readonly #reordering = new Reordering();
  readonly #shown = new Presentation();
  readonly #nominalMs: number;
  #rtpTime = 0;
  #arrival = NaN;
  #wallSteps = 0;
  #lastTime = -Infinity;

  constructor(session: SessionClock, clockRate: number) {
    this.#session = session;
    this.clock = new TrackClock(clockRate);
    this.#claim = new CaptureClaim(clockRate);
    this.#nominalMs = 1000 / clockRate;
  }

  /**
   * Sets `mediaTime`, `time`, `captureTime` and `timeSource` of the next unit in decode order. The name of
   * the source is that of `captureTime`, or `arrival` if there is none. `rank`: its place in order of
   * presentation, where that may be another than it comes in; NaN: the stream does not say.
   */
  stamp(unit: Timed, rank = NaN): void {
    const decoded = mayBeReordered(unit) ? this.#reordered(unit, rank) : this.#inOrder(unit);
    unit.time = this.#time(Math.min(unit.arrival, decoded));
    this.#claim.follow(unit.rtpTime, unit.arrival);
    if (unit.onvifTime !== undefined) this.#claim.onvif(unit.onvifTime, unit.rtpTime);
    const captureTime = this.#claim.at(unit.rtpTime);
    if (captureTime === undefined) {
      unit.timeSource = 'arrival';
    } else {
      unit.captureTime = captureTime;
      unit.timeSource = this.#claim.source;
    }
  }

  #inOrder(unit: Timed): number {
    return (unit.mediaTime = this.clock.next(unit.rtpTime, unit.arrival));
  }

  /**
   * Answers when the picture's turn came, as it was decoded: its RTP time is judged as if it were shown then.
   */
  #reordered(unit: Timed, rank: number): number {
    const { clock } = this;
    const order = this.#reordering;
    const frame =
      (unit.format?.frameRate ?? 0) > 0 ? 1000 / unit.format!.frameRate! / this.#nominalMs : Infinity;
    const paces = clock.pace > 0 ? (unit.arrival - this.#arrival) / clock.pace : NaN;
    const places = order.places(rank, (unit.rtpTime - this.#rtpTime) | 0, frame, paces);
    this.#rtpTime = unit.rtpTime;
    this.#arrival = unit.arrival;
    const decoded = clock.next((unit.rtpTime - Math.round(places * order.ticks)) >>> 0, unit.arrival);
    const byClock = order.ticks * clock.msPerTick;
    // A rate that is not learnt yet, and is further from how pictures come than jitter can be.
    const isOff =
      !clock.isProved && clock.pace > 0 && Math.abs(places * (byClock - clock.pace)) > RATE_OFF_MS;
    const frameMs = isOff ? clock.pace : Math.min(byClock, MOST_PACES * clock.pace);
    unit.mediaTime = this.#shown.place(decoded + places * frameMs, order.rank, frameMs);
    return decoded;
  }

  /** Takes a sender report: the epoch milliseconds of an RTP time, NaN for an impossible one. */
  senderReport(ntpMs: number, rtpTime: number): void {
    this.#claim.senderReport(ntpMs, rtpTime);
  }

  /**
   * A new source (another SSRC): its RTP clock has nothing to do with the old one's. Times still never go
   * back.
   */
  reset(): void {
    this.clock.reset();
    this.#reordering.clear();
    this.#claim.end();
  }

  /** Whole epoch milliseconds that never go back, unless this machine's clock does. */
  #time(monotonic: number): number {
    if (this.#wallSteps !== this.#session.wallSteps) {
      this.#wallSteps = this.#session.wallSteps;
      this.#lastTime = -Infinity;
    }
    this.#lastTime = Math.max(this.#lastTime, Math.round(monotonic + this.#session.wallOffset));
    return this.#lastTime;
  }
}

/** Only pictures are, and not those of MJPEG. */
function mayBeReordered({ kind, format }: Timed): boolean {
  return kind === 'video' && format?.codec !== 'mjpeg' && format?.reorderDepth !== 0;
}
