// Prevents downgrades: decides which of a server's challenges may be answered, given what it offered before
// and whether the connection can be overheard.

import type { Challenge } from './challenge.js';

/** The service an account logs in to. An NVR's RTSP server and web server may offer different algorithms. */
export type LoginService = 'rtsp' | 'http';

/**
 * What earlier log-ins of one account at one host have shown. Shared by its RTSP sessions, HTTP tunnels and
 * the key service.
 */
export class LoginMemory {
  /** The server has offered Digest before, so Basic, which reveals the password, would be a downgrade. */
  digestSeen = false;
  /** Character set in which this server accepted a non-ASCII name or password. */
  charset: 'utf8' | 'latin1' | undefined;
  /** Strongest challenge answered so far, per service. */
  readonly strongest = new Map<LoginService, number>();

  /**
   * For a host other than the one the account belongs to: nothing is known about it, and it must not get the
   * password in clear text.
   */
  static elsewhere(): LoginMemory {
    const memory = new LoginMemory();
    memory.digestSeen = true;
    return memory;
  }
}

export interface LoginRules {
  readonly memory: LoginMemory;
  readonly service: LoginService;
  /** The connection cannot be overheard or impersonated: TLS with a verified certificate. */
  readonly isPrivate: boolean;
  /** The user permits sending the password in clear text to any server that asks. */
  readonly allowBasic: boolean;
}

type Choice =
  | { readonly challenge: Challenge; readonly inClear: boolean }
  /** `none`: no challenge is supported; `weaker`: answering would be a downgrade. */
  | { readonly refused: 'none' | 'weaker' };

const BASIC = 1;

/** Strength of a challenge; 0 if it is not supported. */
function strengthOf({ scheme, nonce, qop, algorithm }: Challenge): number {
  if (scheme === 'basic') return BASIC;
  if (nonce === undefined) return 0;
  if (qop !== undefined && qop.length > 0 && !qop.includes('auth')) return 0;
  switch ((algorithm ?? 'MD5').toUpperCase().replace(/-SESS$/, '')) {
    case 'MD5':
      return 2;
    case 'SHA-256':
      return 3;
    default:
      return 0;
  }
}

/** The strongest challenge, if it may be answered. Records in `rules.memory` what was offered. */
export function choose(challenges: readonly Challenge[], rules: LoginRules | undefined): Choice {
  let best: Challenge | undefined;
  let strength = 0;
  for (const challenge of challenges) {
    const its = strengthOf(challenge);
    if (its > strength) [best, strength] = [challenge, its];
  }
  if (rules !== undefined && challenges.some(({ scheme }) => scheme === 'digest'))
    rules.memory.digestSeen = true;
  if (best === undefined) return { refused: 'none' };
  if (rules === undefined) return { challenge: best, inClear: false };
  const { memory, service, isPrivate, allowBasic } = rules;
  if (!isPrivate) {
    const isStepDown =
      strength === BASIC ? memory.digestSeen && !allowBasic : strength < (memory.strongest.get(service) ?? 0);
    if (isStepDown) return { refused: 'weaker' };
  }
  if (strength > (memory.strongest.get(service) ?? 0)) memory.strongest.set(service, strength);
  return { challenge: best, inClear: strength === BASIC && !isPrivate && !allowBasic };
}
