// Logging in never gets weaker: which of a server's challenges may be answered, given what it offered before
// and who may be listening.

import type { Challenge } from './challenge.js';

/** Where an account logs in: an NVR's RTSP and its web server may offer different algorithms. */
export type LoginService = 'rtsp' | 'http';

/**
 * What is known of the log-ins of one account at one host: shared by its RTSP sessions, its tunnels and the
 * key service.
 */
export class LoginMemory {
  /** Digest was offered once: Basic, which tells the password, is then a step down. */
  digestSeen = false;
  /** How this server reads names and passwords beyond ASCII, once it has taken one. */
  charset: 'utf8' | 'latin1' | undefined;
  /** The strongest answered, by service. */
  readonly strongest = new Map<LoginService, number>();

  /**
   * Of a host that the account was not given for: nothing is known of it, and it gets no password in clear.
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
  /** Nobody can listen or take the server's place: TLS with the certificate checked. */
  readonly isPrivate: boolean;
  /** The user's word that the password may be told to whoever asks. */
  readonly allowBasic: boolean;
}

export type Choice =
  | { readonly challenge: Challenge; readonly inClear: boolean }
  /** `none`: there is none that we can answer; `weaker`: that would be a step down. */
  | { readonly refused: 'none' | 'weaker' };

const BASIC = 1;

/** How strong a challenge is; 0: we cannot answer it. */
export function strengthOf({ scheme, nonce, qop, algorithm }: Challenge): number {
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

/** The strongest challenge, if it may be answered; what is offered is remembered. */
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
