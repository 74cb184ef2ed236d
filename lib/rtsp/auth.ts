// Digest and Basic authentication (RFC 2617, 7616, 2069), for RTSP and for the key service's HTTP alike.

import { createHash, randomBytes } from 'node:crypto';

type HashName = 'md5' | 'sha256';

export interface Challenge {
  scheme: 'digest' | 'basic';
  realm: string;
  nonce?: string;
  opaque?: string;
  /** As sent, for the echo: `MD5`, `SHA-256`, `MD5-sess` … Absent means MD5. */
  algorithm?: string;
  /** Absent: the RFC 2069 form, the usual one in RTSP. */
  qop?: string[];
  stale?: boolean;
}

const MAX_CHALLENGES = 16;

/** The challenges of all WWW-Authenticate lines; one line may hold several. Those of unknown schemes are left out. */
export function parseChallenges(values: readonly string[]): Challenge[] {
  const challenges: Challenge[] = [];
  for (const value of values) {
    for (const { scheme, parameters } of splitChallenges(value)) {
      if (challenges.length >= MAX_CHALLENGES) return challenges;
      const lower = scheme.toLowerCase();
      if (lower !== 'digest' && lower !== 'basic') continue;
      const challenge: Challenge = { scheme: lower, realm: parameters.get('realm') ?? '' };
      const nonce = parameters.get('nonce');
      if (nonce !== undefined) challenge.nonce = nonce;
      const opaque = parameters.get('opaque');
      if (opaque !== undefined) challenge.opaque = opaque;
      const algorithm = parameters.get('algorithm');
      if (algorithm !== undefined) challenge.algorithm = algorithm;
      const qop = parameters.get('qop');
      if (qop !== undefined)
        challenge.qop = qop
          .split(/[,\s]+/)
          .map((one) => one.toLowerCase())
          .filter((one) => one !== '');
      if (parameters.get('stale')?.toLowerCase() === 'true') challenge.stale = true;
      challenges.push(challenge);
    }
  }
  return challenges;
}

/** A scheme is a word that is not followed by `=`; everything up to the next one is its parameters. */
function splitChallenges(value: string): { scheme: string; parameters: Map<string, string> }[] {
  const found: { scheme: string; parameters: Map<string, string> }[] = [];
  // A quote that never ends holds the rest: no byte is looked at twice.
  const token = /([!#$%&'*+.^_`|~\w-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.|\\$)*)(?:"|$)|([^\s,"]*)))?/gs;
  for (const [, name, quoted, bare] of value.matchAll(token)) {
    if (quoted === undefined && bare === undefined) {
      found.push({ scheme: name!, parameters: new Map() });
    } else {
      const parameters = found.at(-1)?.parameters;
      const key = name!.toLowerCase();
      if (parameters?.has(key) === false)
        parameters.set(key, quoted === undefined ? bare! : quoted.replace(/\\(.)/g, '$1'));
    }
  }
  return found;
}

/** How strong a challenge is; 0: we cannot answer it. */
function strength(challenge: Challenge): number {
  if (challenge.scheme === 'basic') return 1;
  if (challenge.nonce === undefined) return 0;
  if (challenge.qop !== undefined && challenge.qop.length > 0 && !challenge.qop.includes('auth')) return 0;
  const hash = hashOf(challenge.algorithm);
  return hash === undefined ? 0 : hash === 'sha256' ? 3 : 2;
}

function hashOf(algorithm = 'MD5'): HashName | undefined {
  switch (algorithm.toUpperCase().replace(/-SESS$/, '')) {
    case 'MD5':
      return 'md5';
    case 'SHA-256':
      return 'sha256';
    default:
      return undefined;
  }
}

export interface AuthenticatorOptions {
  /** A client nonce; random unless a test says otherwise. */
  cnonce?: () => string;
}

/** The credentials of one connection, and the challenge they answer. */
export class Authenticator {
  /** What the digest is computed over: the request URI, or the base URI where a server checks that (quirk 10). */
  digestUri: 'request' | 'base' = 'request';
  baseUri?: string;

  private challenge: Challenge | undefined;
  /** The present challenge has been answered. */
  private answered = false;
  private nonceCount = 0;
  private readonly cnonce: () => string;

  constructor(
    private readonly credentials: { username: string; password: string },
    options: AuthenticatorOptions = {},
  ) {
    this.cnonce = options.cnonce ?? (() => randomBytes(16).toString('hex'));
  }

  /**
   * Takes the challenges of a 401: the strongest that we can answer counts. True: a request with a new Authorization is
   * worth sending. False: none can be answered, or the same challenge came back after an answer, so the credentials are refused.
   */
  accept(wwwAuthenticate: readonly string[]): boolean {
    let best: Challenge | undefined;
    for (const challenge of parseChallenges(wwwAuthenticate)) {
      if (strength(challenge) > (best === undefined ? 0 : strength(best))) best = challenge;
    }
    if (best === undefined) return false;
    const before = this.challenge;
    const isSame =
      before?.scheme === best.scheme && before.nonce === best.nonce && before.realm === best.realm;
    const refused = this.answered && isSame && best.stale !== true;
    if (!isSame) this.nonceCount = 0;
    this.challenge = best;
    this.answered = false;
    return !refused;
  }

  /** The Authorization of a request; undefined before any challenge. */
  authorize(method: string, requestUri: string): string | undefined {
    const { challenge } = this;
    if (challenge === undefined) return undefined;
    this.answered = true;
    if (challenge.scheme === 'basic') {
      return `Basic ${Buffer.from(`${this.credentials.username}:${this.credentials.password}`, 'utf8').toString('base64')}`;
    }
    return this.digest(
      challenge,
      method,
      this.digestUri === 'base' ? (this.baseUri ?? requestUri) : requestUri,
    );
  }

  private digest(challenge: Challenge, method: string, uri: string): string {
    const { username, password } = this.credentials;
    const { realm, nonce = '', opaque, algorithm } = challenge;
    const hash = (text: string): string =>
      createHash(hashOf(algorithm) ?? 'md5')
        .update(text, 'utf8')
        .digest('hex');
    const withQop = challenge.qop?.includes('auth') === true;
    const session = /-sess$/i.test(algorithm ?? '');
    const cnonce = withQop || session ? this.cnonce() : '';
    const count = (++this.nonceCount).toString(16).padStart(8, '0');

    let ha1 = hash(`${username}:${realm}:${password}`);
    if (session) ha1 = hash(`${ha1}:${nonce}:${cnonce}`);
    const ha2 = hash(`${method}:${uri}`);
    const response = hash(
      withQop ? `${ha1}:${nonce}:${count}:${cnonce}:auth:${ha2}` : `${ha1}:${nonce}:${ha2}`,
    );

    const fields = [
      `username=${quote(username)}`,
      `realm=${quote(realm)}`,
      `nonce=${quote(nonce)}`,
      `uri=${quote(uri)}`,
      `response="${response}"`,
    ];
    if (algorithm !== undefined) fields.push(`algorithm=${algorithm}`);
    if (opaque !== undefined) fields.push(`opaque=${quote(opaque)}`);
    if (withQop) fields.push('qop=auth', `nc=${count}`);
    if (withQop || session) fields.push(`cnonce="${cnonce}"`);
    return `Digest ${fields.join(', ')}`;
  }
}

function quote(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}
