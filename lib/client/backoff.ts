// When to try again: 1 s doubling to 60 s for a lost stream, longer where an early retry cannot help. Pure; random comes in.

import type { NvrErrorCode } from '../errors.js';

export interface BackoffRule {
  readonly firstMs: number;
  readonly maxMs: number;
}

const LOST: BackoffRule = { firstMs: 1_000, maxMs: 60_000 };
/** Log-ins with a wrong password lock accounts: 5 min doubling to 1 h. */
export const WRONG_PASSWORD: BackoffRule = { firstMs: 300_000, maxMs: 3_600_000 };
const LASTING: BackoffRule = { firstMs: 300_000, maxMs: 300_000 };

/** Milliseconds of media after which a stream counts as healthy again. */
export const HEALTHY_AFTER_MS = 30_000;

function ruleOf(code: NvrErrorCode): BackoffRule {
  switch (code) {
    case 'EAUTH':
      return WRONG_PASSWORD;
    case 'EFORBIDDEN':
    case 'ECHANNEL':
    case 'EUNSUPPORTED':
    case 'EINPUT':
      return LASTING;
    default:
      return LOST;
  }
}

export class Backoff {
  /** Failures since the last reset. */
  attempt = 0;
  private rule: BackoffRule | undefined;
  private doublings = 0;

  /** `random` gives 0 to 1; it spreads retries by +-20 %, so that cameras do not come back in step. */
  constructor(private readonly random: () => number = Math.random) {}

  /** Counts a failure and answers the milliseconds to wait. Another kind of cause starts its own row of delays. */
  next(code: NvrErrorCode): number {
    const rule = ruleOf(code);
    this.attempt++;
    this.doublings = rule === this.rule ? this.doublings + 1 : 0;
    this.rule = rule;
    const delay = Math.min(rule.firstMs * 2 ** Math.min(this.doublings, 30), rule.maxMs);
    return Math.round(delay * (0.8 + 0.4 * this.random()));
  }

  reset(): void {
    this.attempt = 0;
    this.rule = undefined;
    this.doublings = 0;
  }
}
