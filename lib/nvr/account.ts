// What all streams of one NVR and account share: the limit on set-ups, the gate against wrong passwords, and
// what was learnt about the server.

import { createHash } from 'node:crypto';
import { SECOND_LOGIN_MS, WRONG_PASSWORD } from '../client/backoff.js';
import type { LoginGate } from '../client/login-gate.js';
import { ServerMemory } from '../client/quirks.js';
import { NvrError } from '../errors.js';
import { LoginMemory } from '../rtsp/login-rules.js';
import { holdAccount } from '../secrets.js';
import { Slots } from './slots.js';
import type { NvrSettings } from './types.js';

/** The most session set-ups at the same time on one NVR and account; the others queue. */
const MAX_SETUPS = 4;

/**
 * After a log-in has succeeded, others may run in parallel for this long (ms); then a single one goes first
 * again.
 */
const TRUST_MS = 60_000;

/**
 * Guards the account of one NVR against wrong passwords: 32 channels with a wrong password would otherwise
 * make 32 log-ins, which lock it. One log-in goes first and the others wait for its result; after a refusal
 * there is no log-in for 5 min, doubling to 1 h. If the NVR has accepted the password before, it may be
 * booting, so it is asked once more after 10 s. A log-in enters the gate only after the server has asked for
 * credentials, so that an unreachable host blocks nobody. `now` returns monotonic ms.
 */
export class PasswordGate implements LoginGate {
  private trustedUntil = 0;
  private blockedUntil = 0;
  private refusals = 0;
  /** The NVR has accepted the password before: after the next refusal it is asked once more. */
  private hasOneRetry = false;
  private first: Promise<void> | undefined;

  constructor(private readonly now: () => number) {}

  /** Milliseconds until the next log-in is permitted; 0 if it is now. */
  get waitMs(): number {
    return Math.max(0, this.blockedUntil - this.now());
  }

  async run<T extends { status: number }>(login: () => Promise<T>): Promise<T> {
    while (this.first !== undefined) await this.first;
    if (this.waitMs > 0) {
      const seconds = Math.ceil(this.waitMs / 1000);
      const span = seconds > 60 ? `${Math.ceil(seconds / 60)} min` : `${seconds} s`;
      throw new NvrError(
        'EAUTH',
        `The NVR refused the user name or the password; to keep the account from being locked, no log-in is tried for ${span}, or until the credentials change.`,
        { status: 401 },
      );
    }
    if (this.now() < this.trustedUntil) return this.judge(await login());

    let done: () => void = () => undefined;
    this.first = new Promise<void>((resolve) => {
      done = resolve;
    });
    try {
      return this.judge(await login());
    } finally {
      this.first = undefined;
      done();
    }
  }

  private judge<T extends { status: number }>(answer: T): T {
    if (answer.status !== 401) {
      this.refusals = 0;
      this.hasOneRetry = true;
      this.trustedUntil = this.now() + TRUST_MS;
    } else if (this.waitMs === 0) {
      this.trustedUntil = 0;
      if (this.hasOneRetry) {
        this.hasOneRetry = false;
        this.blockedUntil = this.now() + SECOND_LOGIN_MS;
        return answer;
      }
      const delay = Math.min(WRONG_PASSWORD.firstMs * 2 ** this.refusals, WRONG_PASSWORD.maxMs);
      this.refusals = Math.min(this.refusals + 1, 16);
      this.blockedUntil = this.now() + delay;
    }
    return answer;
  }
}

/** Shared by every `Nvr` with the same host, port, user and password. */
export class Account {
  readonly slots = new Slots(MAX_SETUPS);
  /** The most health checks at the same time, each with at most one connection. */
  readonly probes = new Slots(MAX_SETUPS);
  /**
   * Recordings that are being fetched into files. An NVR allows four playback runs; this leaves one for
   * playback by users.
   */
  readonly fetches = new Slots(3);
  /**
   * Of those, the ones that fill up alarm clips: after an outage every camera may have such a clip, and
   * users' own exports must not wait for all of them.
   */
  readonly missed = new Slots(1);
  readonly memory: ServerMemory;
  readonly gate: PasswordGate;

  constructor(now: () => number, login = new LoginMemory()) {
    this.memory = new ServerMemory(now, login);
    this.gate = new PasswordGate(now);
  }
}

interface Share {
  readonly account: Account;
  readonly forget: () => void;
  /** The settings under which the server's policies were learnt. */
  readonly settings: Set<string>;
  users: number;
}

const accounts = new Map<string, Share>();

/** Which log-in methods servers offered, kept across deploys: a later log-in must not become weaker. */
const logins = new Map<string, LoginMemory>();
const MOST_LOGINS = 1000;

function loginOf(key: string): LoginMemory {
  const login = logins.get(key) ?? new LoginMemory();
  logins.set(key, login);
  if (logins.size > MOST_LOGINS) logins.delete(logins.keys().next().value!);
  return login;
}

/**
 * Shares the account with other users of the same NVR. The account is forgotten when the last one calls
 * `release`.
 */
export function shareAccount(
  settings: NvrSettings,
  now: () => number,
): { account: Account; release: () => void } {
  // Hashed, so that the password is not kept in the key.
  const identity = JSON.stringify([
    settings.host.toLowerCase(),
    settings.rtspPort,
    settings.username,
    settings.password,
  ]);
  const key = createHash('sha256').update(identity).digest('base64');
  const entry = accounts.get(key) ?? {
    account: new Account(now, loginOf(key)),
    forget: holdAccount(settings),
    settings: new Set(),
    users: 0,
  };
  accounts.set(key, entry);
  entry.users++;
  const fingerprint = policyKey(settings);
  if (!entry.settings.has(fingerprint)) entry.account.memory.forgetAll();
  entry.settings.add(fingerprint);
  let released = false;
  return {
    account: entry.account,
    release: () => {
      if (released) return;
      released = true;
      if (--entry.users > 0) return;
      accounts.delete(key);
      entry.forget();
    },
  };
}

/**
 * The settings that determine which policies a server needs, as text: if it changes, what was learnt is
 * forgotten.
 */
function policyKey(settings: NvrSettings): string {
  const { transport, tls, uriStyle, liveTemplate, playbackTemplate, streamCodes, firstChannel, audio } =
    settings;
  const paths = [uriStyle, liveTemplate, playbackTemplate, streamCodes, firstChannel];
  return JSON.stringify([transport, tls, audio, ...paths]);
}
