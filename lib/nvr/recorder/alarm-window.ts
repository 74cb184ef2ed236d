// When an alarm's clip ends: after its post-roll, moved on by further alarms and held by those that last, at
// the maximum length at the latest. Pure: time comes in.

import type { Alarm } from './types.js';

/** Alarms listed of one clip; more extend it all the same. */
const MAX_LISTED = 1000;

export class AlarmWindow {
  private readonly listed: Alarm[] = [];
  private held = false;
  /** Monotonic ms. */
  private until = 0;
  private readonly latest: number;

  /** `begin`: monotonic ms of the first alarm minus the pre-roll; spans in ms. */
  constructor(
    readonly begin: number,
    private readonly postRollMs: number,
    maxLengthMs: number,
  ) {
    this.latest = begin + maxLengthMs;
  }

  get alarms(): readonly Alarm[] {
    return this.listed;
  }

  /** Monotonic ms at which the clip is over. */
  get end(): number {
    return Math.min(this.held ? Infinity : this.until, this.latest);
  }

  /** Monotonic ms up to which the clip lasts, whatever becomes of an alarm that is held. */
  get least(): number {
    return Math.min(this.until, this.latest);
  }

  /** What the maximum length cuts off, ms; Infinity: an alarm that is held. */
  get cutMs(): number {
    return this.held ? Infinity : Math.max(0, this.until - this.latest);
  }

  /** `held`: it lasts until `release`. */
  alarm(now: number, alarm: Alarm, held: boolean): void {
    if (this.listed.length < MAX_LISTED) this.listed.push(alarm);
    this.held ||= held;
    this.until = Math.max(this.until, now + this.postRollMs);
  }

  /** The alarm that was held is over: the post-roll begins. */
  release(now: number): void {
    if (!this.held) return;
    this.held = false;
    this.until = now + this.postRollMs;
  }
}
