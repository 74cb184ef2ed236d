// Determines when an alarm's clip ends: after the post-roll, which further alarms extend and held alarms
// delay, and at the latest at the maximum length. Pure: time is an argument.

import type { Alarm } from './types.js';

/** The most alarms to list for one clip; further ones extend it without being listed. */
const MAX_LISTED = 1000;

export class AlarmWindow {
  private readonly listed: Alarm[] = [];
  private held = false;
  /** End of the post-roll, in monotonic ms. */
  private until = 0;
  private readonly latest: number;

  /** `begin` is the first alarm minus the pre-roll, in monotonic ms; the spans are in ms. */
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

  /** Monotonic ms at which the clip ends. */
  get end(): number {
    return Math.min(this.held ? Infinity : this.until, this.latest);
  }

  /** Monotonic ms up to which the clip lasts at least, even if a held alarm ends now. */
  get least(): number {
    return Math.min(this.until, this.latest);
  }

  /** How much the maximum length cuts off, in ms; Infinity if a held alarm is cut off. */
  get cutMs(): number {
    return this.held ? Infinity : Math.max(0, this.until - this.latest);
  }

  /** Adds an alarm. A `held` one lasts until `release`. */
  alarm(now: number, alarm: Alarm, held: boolean): void {
    if (this.listed.length < MAX_LISTED) this.listed.push(alarm);
    this.held ||= held;
    this.until = Math.max(this.until, now + this.postRollMs);
  }

  /** The held alarm has ended: the post-roll begins. */
  release(now: number): void {
    if (!this.held) return;
    this.held = false;
    this.until = now + this.postRollMs;
  }
}
