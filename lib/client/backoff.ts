// When to reconnect: after 1 s, doubling to 60 s, for a lost stream; later where an early retry cannot help.
// Pure: the time and the random number are arguments.

import type { NvrErrorCode } from '../errors.js';

interface BackoffRule {
  readonly firstMs: number;
  readonly maxMs: number;
}

export interface Retry {
  readonly inMs: number;
  /** An early retry cannot help: the settings, the account or the device must change first. */
  readonly isLasting: boolean;
}

type Kind = 'lost' | 'refused' | 'password';

const LOST: BackoffRule = { firstMs: 1_000, maxMs: 60_000 };
/** Repeated log-ins with a wrong password lock accounts, so they are 5 min apart, doubling to 1 h. */
export const WRONG_PASSWORD: BackoffRule = { firstMs: 300_000, maxMs: 3_600_000 };
const LASTING_MS = 300_000;

/**
 * During the first part of an outage (ms), no wait is longer than `SHORT_WAIT_MS`, so that a camera that
 * comes back is seen at once.
 */
const SHORT_OUTAGE_MS = 35_000;
const SHORT_WAIT_MS = 5_000;
/** After this much media in total (ms) since the last doubling, a stream counts as healthy again. */
const HEALTHY_AFTER_MS = 30_000;
/**
 * For each so many ms that the stream played without a break, one doubling of the wait is undone, so that a
 * stream which is cut again and again is still received most of the time.
 */
const HALVED_PER_MS = 8_000;

/**
 * A device that boots may refuse a request that it grants a moment later. It is asked this often for half a
 * minute, so that it is seen within 10 s even if single attempts are slow. Used only if the camera has played
 * before: otherwise the settings are wrong.
 */
const REFUSED_RETRIES_MS: readonly number[] = [
  2_000, 6_000, 6_000, 6_000, 6_000, 6_000, 6_000, 6_000, 30_000,
];
/**
 * The wait (ms) once those retries are used up: the camera has played before, so it may grant the request
 * again at any time.
 */
const PLAYED_BEFORE_MS = 60_000;
/** The longest wait (ms): with slow attempts before and after it, a camera is seen within 75 s. */
const LONGEST_WAIT_MS = 70_000;
/** A refused log-in is tried once more after this time (ms), which is late enough for a device that boots. */
export const SECOND_LOGIN_MS = 10_000;

/** Times are monotonic ms. */
export class Backoff {
  /** Failures since the last reset. */
  attempt = 0;
  private kind: Kind | undefined;
  /** The wait before the present attempt, in ms. */
  private waitedMs = 0;
  /** Retries after a refusal, and after a wrong password, since the last media. */
  private refusedRetries = 0;
  private loginRetries = 0;
  private hasPlayed = false;
  /** When the present outage began, in monotonic ms. */
  private lostAt: number | undefined;
  private lastMediaAt: number | undefined;
  /** ms of media since the wait was last doubled, and ms of media since the last failure. */
  private healthyMs = 0;
  private unbrokenMs = 0;

  /**
   * `random` returns 0 to 1. It spreads the retries by ±20 %, so that cameras do not reconnect all at once.
   */
  constructor(private readonly random: () => number = Math.random) {}

  /** Call this when media arrives. */
  onMedia(now: number): void {
    if (this.lastMediaAt !== undefined) {
      this.healthyMs += now - this.lastMediaAt;
      this.unbrokenMs += now - this.lastMediaAt;
    }
    this.lastMediaAt = now;
    this.hasPlayed = true;
    this.lostAt = undefined;
    this.refusedRetries = this.loginRetries = 0;
    if (this.attempt > 0 && this.healthyMs >= HEALTHY_AFTER_MS) this.reset();
  }

  /** The session has ended, for whatever reason: the time until the next media does not count as healthy. */
  onSessionEnd(): void {
    this.lastMediaAt = undefined;
  }

  /** Counts a failure and returns when to try again. The delays start anew when the kind of cause changes. */
  next(code: NvrErrorCode, now: number): Retry {
    const kind = kindOf(code);
    if (kind !== this.kind) this.waitedMs = 0;
    this.kind = kind;
    this.attempt++;
    this.lostAt ??= now;
    const retry = this.retryAfter(kind, code, now);
    this.unbrokenMs = 0;
    return retry;
  }

  /** Starts anew. `hasPlayed` stays: the camera is still known to grant requests. */
  reset(): void {
    this.attempt = 0;
    this.kind = undefined;
    this.waitedMs = 0;
    this.healthyMs = this.unbrokenMs = 0;
    this.refusedRetries = this.loginRetries = 0;
  }

  private retryAfter(kind: Kind, code: NvrErrorCode, now: number): Retry {
    switch (kind) {
      case 'lost':
        return { inMs: Math.min(this.spread(this.afterLoss(now), 1.2), LONGEST_WAIT_MS), isLasting: false };
      case 'password':
        return this.afterWrongPassword();
      case 'refused':
        return this.afterRefusal(code);
    }
  }

  private afterLoss(now: number): number {
    const before = this.waitedMs / 2 ** Math.min(30, Math.floor(this.unbrokenMs / HALVED_PER_MS));
    const doubled = Math.min(Math.max(LOST.firstMs, before * 2), LOST.maxMs);
    const isShort = now - this.lostAt! < SHORT_OUTAGE_MS;
    const wait = isShort ? Math.min(doubled, SHORT_WAIT_MS) : doubled;
    if (wait > this.waitedMs) this.healthyMs = 0;
    this.waitedMs = wait;
    return wait;
  }

  private afterRefusal(code: NvrErrorCode): Retry {
    if (code === 'EINPUT' || !this.hasPlayed) return { inMs: this.spread(LASTING_MS, 1.2), isLasting: true };
    const wait = REFUSED_RETRIES_MS[this.refusedRetries++];
    return wait === undefined
      ? { inMs: Math.min(this.spread(PLAYED_BEFORE_MS, 1.2), LONGEST_WAIT_MS), isLasting: true }
      : { inMs: this.spread(wait, 1), isLasting: false };
  }

  private afterWrongPassword(): Retry {
    if (this.hasPlayed && this.loginRetries++ === 0) return { inMs: SECOND_LOGIN_MS, isLasting: false };
    this.waitedMs =
      this.waitedMs === 0 ? WRONG_PASSWORD.firstMs : Math.min(this.waitedMs * 2, WRONG_PASSWORD.maxMs);
    return { inMs: this.spread(this.waitedMs, 1.2), isLasting: true };
  }

  private spread(ms: number, most: number): number {
    return Math.round(ms * (0.8 + (most - 0.8) * this.random()));
  }
}

function kindOf(code: NvrErrorCode): Kind {
  switch (code) {
    case 'EAUTH':
      return 'password';
    case 'EFORBIDDEN':
    case 'ECHANNEL':
    case 'EUNSUPPORTED':
    case 'EINPUT':
      return 'refused';
    default:
      return 'lost';
  }
}
