// Where a unit lies in a clip: by RTP time while that runs on, anchored on arrival at this machine where it does not. The camera's own clock has no say.

/** What is read of a unit. */
export interface Clocked {
  readonly rtpTime: number;
  /** Monotonic milliseconds. */
  readonly arrival: number;
}

/** RTP time and arrival that differ by more than this have nothing to do with each other: another session, or a clock that was set. */
const BREAK_MS = 10_000;
/** A step back of B-frames; one further back is no step. */
const BACK_MS = 2_000;

/** Milliseconds since the clip's first picture, by presentation. */
export class MediaClock {
  private ms = 0;
  private rtpTime = 0;
  private arrival = 0;
  /** Arrival that lies at 0. */
  private origin = 0;
  private latest = 0;

  /** `clockRate`: RTP units per second. */
  constructor(private readonly clockRate: number) {}

  /** Says where the first unit lies. */
  start(unit: Clocked, ms: number): number {
    this.ms = this.latest = ms;
    this.rtpTime = unit.rtpTime;
    this.arrival = unit.arrival;
    this.origin = unit.arrival - ms;
    return ms;
  }

  /** Where the next unit in order of arrival lies; `opens`: it comes behind all units before it (a keyframe, any audio frame). */
  next(unit: Clocked, opens: boolean): number {
    const step = (((unit.rtpTime - this.rtpTime) | 0) * 1000) / this.clockRate;
    const elapsed = unit.arrival - this.arrival;
    const runsOn =
      step !== 0 &&
      step > -BACK_MS &&
      Math.abs(step - elapsed) <= BREAK_MS &&
      (!opens || this.ms + step > this.latest);
    this.ms = runsOn ? this.ms + step : Math.max(unit.arrival - this.origin, this.latest + 1);
    this.rtpTime = unit.rtpTime;
    this.arrival = unit.arrival;
    this.latest = Math.max(this.latest, this.ms);
    return this.ms;
  }
}
