// The outages of one stream: decides when to try again and whether a failure is reported as new. Pure:
// monotonic ms are arguments.

import { Backoff, type Retry } from '../../client/backoff.js';
import { NvrError, type NvrErrorCode } from '../../errors.js';

export interface Outage extends Retry {
  /** The number of failed attempts, including this one. */
  readonly attempt: number;
  /** This cause has not been reported yet in this outage. */
  readonly isNew: boolean;
  /**
   * How often the stream broke within the last minutes, if it has begun to flap. Set once, until the stream
   * has been calm.
   */
  readonly breaks?: number;
}

/** An outage is over after this much uninterrupted media, in ms. */
const OVER_AFTER_MS = 30_000;
/** A stream flaps after FLAPS breaks within FLAPPING_MS, until CALM_MS have passed without a break. */
const FLAPS = 4;
const FLAPPING_MS = 300_000;
const CALM_MS = 600_000;

export class Outages {
  /** The causes reported in the present outage. */
  private readonly causes = new Set<NvrErrorCode>();
  private mediaSince: number | undefined;
  private breaks: number[] = [];
  private isFlapping = false;

  constructor(private readonly backoff = new Backoff()) {}

  /** Failures since the stream was healthy. */
  get attempts(): number {
    return this.backoff.attempt;
  }

  /** Call this when media arrives. */
  onMedia(now: number): void {
    this.mediaSince ??= now;
    this.backoff.onMedia(now);
    if (now - this.mediaSince > OVER_AFTER_MS && this.causes.size > 0) this.causes.clear();
  }

  /** The stream broke off, or could not be opened. */
  failed(code: NvrErrorCode, now: number): Outage {
    const breaks = this.mediaSince === undefined ? undefined : this.countBreak(now);
    this.onSessionEnd();
    const isNew = !this.isFlapping && !this.causes.has(code);
    this.causes.add(code);
    const retry = this.backoff.next(code, now);
    return {
      ...retry,
      attempt: this.backoff.attempt,
      isNew,
      ...(breaks === undefined ? {} : { breaks }),
    };
  }

  /** The session has ended without a failure. */
  onSessionEnd(): void {
    this.mediaSince = undefined;
    this.backoff.onSessionEnd();
  }

  /** Starts anew, for a restart by the user. */
  reset(): void {
    this.onSessionEnd();
    this.backoff.reset();
  }

  private countBreak(now: number): number | undefined {
    const last = this.breaks.at(-1);
    if (last !== undefined && now - last >= CALM_MS) this.isFlapping = false;
    this.breaks = [...this.breaks.filter((at) => now - at < FLAPPING_MS), now].slice(-FLAPS);
    if (this.isFlapping || this.breaks.length < FLAPS) return undefined;
    this.isFlapping = true;
    return this.breaks.length;
  }
}

/**
 * The warning of a stream that begins to flap, given once, because flows may send each warning as a mail.
 * `last` is the last cause.
 */
export function flapping(last: NvrError, breaks: number): NvrError {
  const reason = `The stream broke ${breaks} times within ${FLAPPING_MS / 60_000} min, the last time with this error: ${last.message} Until it has played for ${CALM_MS / 60_000} min without a break, further breaks are reported on the second output only.`;
  return new NvrError(last.code, reason, { cause: last });
}
