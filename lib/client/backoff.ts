// When to try again: 1 s doubling to 60 s for a lost stream, longer where an early retry cannot help. Pure;
// time and random come in.

import type { NvrErrorCode } from '../errors.js';

export interface BackoffRule {
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
/** Log-ins with a wrong password lock accounts: 5 min doubling to 1 h. */
export const WRONG_PASSWORD: BackoffRule = { firstMs: 300_000, maxMs: 3_600_000 };
const LASTING_MS = 300_000;

/** Within an outage of this length the camera is to be seen again at once when it is back. */
const SHORT_OUTAGE_MS = 35_000;
const SHORT_WAIT_MS = 5_000;
/** Milliseconds of media, in all since the last doubling, after which a stream counts as healthy again. */
const HEALTHY_AFTER_MS = 30_000;
/**
 * So much media in one piece takes one doubling back: a stream that is cut again and again is still seen for
 * the most part.
 */
const DOUBLING_IS_WORTH_MS = 8_000;

/**
 * A device that boots refuses what it will grant in a moment: asked so often for half a minute that it is
 * seen within 10 s, slow attempts before and behind the wait included. Only where the camera has played: else
 * the settings are wrong.
 */
const SECOND_LOOKS_MS: readonly number[] = [2_000, 6_000, 6_000, 6_000, 6_000, 6_000, 6_000, 6_000, 30_000];
/** What has played and is refused for longer than a boot takes may be granted again at any time. */
const PLAYED_BEFORE_MS = 60_000;
/** One second look at a refused log-in, late enough for a device's boot. */
export const SECOND_LOGIN_MS = 10_000;

/** Times are monotonic ms. */
export class Backoff {
  /** Failures since the last reset. */
  attempt = 0;
  private kind: Kind | undefined;
  /** The wait before the present attempt. */
  private waitedMs = 0;
  private looks = 0;
  private logins = 0;
  private hasPlayed = false;
  /** When the present outage began. */
  private lostAt: number | undefined;
  private heardAt: number | undefined;
  /** Media since the last doubling, and since the last failure. */
  private healthyMs = 0;
  private pieceMs = 0;

  /** `random` gives 0 to 1; it spreads retries by +-20 %, so that cameras do not come back in step. */
  constructor(private readonly random: () => number = Math.random) {}

  /** Media came. */
  heard(now: number): void {
    if (this.heardAt !== undefined) {
      this.healthyMs += now - this.heardAt;
      this.pieceMs += now - this.heardAt;
    }
    this.heardAt = now;
    this.hasPlayed = true;
    this.lostAt = undefined;
    this.looks = this.logins = 0;
    if (this.attempt > 0 && this.healthyMs >= HEALTHY_AFTER_MS) this.reset();
  }

  /** The session that brought media is over, however it ended. */
  left(): void {
    this.heardAt = undefined;
  }

  /** Counts a failure and tells when to try again. Another kind of cause starts its own row of delays. */
  next(code: NvrErrorCode, now: number): Retry {
    const kind = kindOf(code);
    if (kind !== this.kind) this.waitedMs = 0;
    this.kind = kind;
    this.attempt++;
    this.lostAt ??= now;
    const retry = this.retryAfter(kind, code, now);
    this.pieceMs = 0;
    return retry;
  }

  /** What the camera has shown stays known: `hasPlayed`. */
  reset(): void {
    this.attempt = 0;
    this.kind = undefined;
    this.waitedMs = 0;
    this.healthyMs = this.pieceMs = 0;
    this.looks = this.logins = 0;
  }

  private retryAfter(kind: Kind, code: NvrErrorCode, now: number): Retry {
    switch (kind) {
      case 'lost':
        return { inMs: this.spread(this.afterLoss(now), 1.2), isLasting: false };
      case 'password':
        return this.afterWrongPassword();
      case 'refused':
        return this.afterRefusal(code);
    }
  }

  private afterLoss(now: number): number {
    const before = this.waitedMs / 2 ** Math.min(30, Math.floor(this.pieceMs / DOUBLING_IS_WORTH_MS));
    const doubled = Math.min(Math.max(LOST.firstMs, before * 2), LOST.maxMs);
    const isShort = now - this.lostAt! < SHORT_OUTAGE_MS;
    const wait = isShort ? Math.min(doubled, SHORT_WAIT_MS) : doubled;
    if (wait > this.waitedMs) this.healthyMs = 0;
    this.waitedMs = wait;
    return wait;
  }

  private afterRefusal(code: NvrErrorCode): Retry {
    if (code === 'EINPUT' || !this.hasPlayed) return { inMs: this.spread(LASTING_MS, 1.2), isLasting: true };
    const look = SECOND_LOOKS_MS[this.looks++];
    return look === undefined
      ? { inMs: this.spread(PLAYED_BEFORE_MS, 1.2), isLasting: true }
      : { inMs: this.spread(look, 1), isLasting: false };
  }

  private afterWrongPassword(): Retry {
    if (this.hasPlayed && this.logins++ === 0) return { inMs: SECOND_LOGIN_MS, isLasting: false };
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
