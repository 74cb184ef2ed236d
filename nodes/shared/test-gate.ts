// Applies the lock-out for wrong passwords to the dialog's test: each password there is another account to
// the library, so its own lock-out would not work.

import { performance } from 'node:perf_hooks';
import { WRONG_PASSWORD } from '../../lib/client/backoff.js';
import { NvrError } from '../../lib/errors.js';

/**
 * Wrong passwords for one user at one host, over all tests. After that, log-ins are blocked for 5 min,
 * doubling up to 1 h.
 */
const MAX_WRONG = 2;
const MAX_ACCOUNTS = 1000;

interface Guesses {
  underWay: number;
  wrong: number;
  blockedUntil: number;
}

export class TestGate {
  private readonly accounts = new Map<string, Guesses>();

  /** `now`: monotonic ms. `maxAccounts`: how many are remembered. */
  constructor(
    private readonly now: () => number = () => performance.now(),
    private readonly maxAccounts = MAX_ACCOUNTS,
  ) {}

  /**
   * Starts a test, or throws EAUTH or EBUSY. Call the returned function with the outcome: password accepted,
   * refused, or not requested.
   */
  enter(host: string, username: string): (outcome: 'taken' | 'refused' | 'unasked') => void {
    const key = keyOf(host, username);
    const guesses = this.accounts.get(key) ?? { underWay: 0, wrong: 0, blockedUntil: 0 };
    const waitMs = guesses.blockedUntil - this.now();
    if (waitMs > 0)
      throw new NvrError(
        'EAUTH',
        `${guesses.wrong} passwords for this user were refused; to keep the account from being locked, none is tried for ${Math.ceil(waitMs / 60_000)} min.`,
      );
    const left = Math.max(1, MAX_WRONG - guesses.wrong);
    if (guesses.underWay >= left)
      throw new NvrError('EBUSY', 'A test with a password for this user is under way; wait for its end.');
    guesses.underWay++;
    // Move the account to the end of the map, so that the map is ordered by last use.
    if (!this.accounts.delete(key) && this.accounts.size >= this.maxAccounts) this.forgetOne();
    this.accounts.set(key, guesses);
    let isOver = false;
    return (outcome) => {
      if (isOver) return;
      isOver = true;
      guesses.underWay--;
      if (outcome === 'taken') guesses.wrong = 0;
      if (outcome !== 'refused') return;
      guesses.wrong++;
      const doublings = guesses.wrong - MAX_WRONG;
      if (doublings < 0) return;
      const delay = Math.min(WRONG_PASSWORD.firstMs * 2 ** Math.min(doublings, 16), WRONG_PASSWORD.maxMs);
      guesses.blockedUntil = this.now() + delay;
    };
  }

  /** Drops the account used longest ago, preferring one that is not blocked. */
  private forgetOne(): void {
    let oldest: string | undefined;
    for (const [key, { blockedUntil }] of this.accounts) {
      oldest ??= key;
      if (blockedUntil > this.now()) continue;
      this.accounts.delete(key);
      return;
    }
    if (oldest !== undefined) this.accounts.delete(oldest);
  }
}

/**
 * The same key for all spellings of a host (127.1, a trailing dot, an IPv6 address with leading zeros) and of
 * a user, because many servers ignore case.
 */
function keyOf(host: string, username: string): string {
  return JSON.stringify([usualHost(host.trim().toLowerCase()), username.trim().toLowerCase()]);
}

function usualHost(host: string): string {
  const bare = host.replace(/^\[|\]$/g, '');
  try {
    return new URL(`http://${bare.includes(':') ? `[${bare}]` : bare}`).hostname.replace(/\.$/, '');
  } catch {
    // A URL host cannot have an IPv6 zone.
    return bare;
  }
}
