// Digest and Basic authentication (RFC 2617, 7616, 2069), for RTSP and for the HTTP key service. Strings here
// hold one byte per character, so that a realm is echoed and hashed exactly as it arrived, whatever its
// character set.

import { createHash, randomBytes } from 'node:crypto';
import { NvrError } from '../errors.js';
import { rememberResponse } from '../secrets.js';
import { byteString, printable } from '../text.js';
import { parseChallenges, splitChallenges, type Challenge } from './challenge.js';
import { choose, type LoginRules } from './login-rules.js';

/** Whether a challenge asks for UTF-8, the only charset that can be declared (RFC 7616 4, RFC 7617 2.1). */
function declareUtf8(values: readonly string[]): boolean {
  return values.some((value) =>
    splitChallenges(value).some(({ parameters }) => /^utf-?8$/i.test(parameters.get('charset') ?? '')),
  );
}

interface AuthenticatorOptions {
  /** Makes a client nonce; random by default, fixed in tests. */
  cnonce?: () => string;
  /** Which challenges may be answered; all by default. */
  rules?: LoginRules | undefined;
}

/** The credentials of one connection, and the challenge they currently answer. */
export class Authenticator {
  /**
   * URI that the digest covers: the request URI, or the base URI for servers that check that (quirk:
   * digest-over-base-uri).
   */
  digestUri: 'request' | 'base' = 'request';
  baseUri?: string;
  /** The password is sent in clear text, because the server never offered anything stronger. */
  inClear = false;

  private challenge: Challenge | undefined;
  /** The current challenge has been answered. */
  private answered = false;
  private nonceCount = 0;
  private charset: 'utf8' | 'latin1';
  /** The server has accepted an answer, so the character set is the right one. */
  private proven = false;
  private triedLatin1 = false;
  private readonly cnonce: () => string;
  private readonly rules: LoginRules | undefined;

  constructor(
    private readonly credentials: { username: string; password: string },
    options: AuthenticatorOptions = {},
  ) {
    this.cnonce = options.cnonce ?? (() => randomBytes(16).toString('hex'));
    this.rules = options.rules;
    this.charset = options.rules?.memory.charset ?? 'utf8';
  }

  /**
   * Takes the challenges of a 401 and picks the strongest supported one. True: repeat the request with a new
   * Authorization. False: no challenge can be answered, or the same one came back after an answer, so the
   * credentials are wrong.
   */
  accept(wwwAuthenticate: readonly string[]): boolean {
    const choice = choose(parseChallenges(wwwAuthenticate), this.rules);
    if ('refused' in choice) return false;
    const best = choice.challenge;
    this.inClear = choice.inClear;
    const before = this.challenge;
    const isSame =
      before?.scheme === best.scheme && before.nonce === best.nonce && before.realm === best.realm;
    const refused = this.answered && isSame && best.stale !== true;
    if (!isSame) this.nonceCount = 0;
    this.challenge = best;
    this.answered = false;
    return !refused;
  }

  /**
   * Why a 401 cannot be answered at all, as EUNSUPPORTED quoting its challenges. Undefined if it can, or if
   * the 401 refused an earlier answer without a new challenge.
   */
  obstacle(wwwAuthenticate: readonly string[], what: string): NvrError | undefined {
    const choice = choose(parseChallenges(wwwAuthenticate), this.rules);
    if (!('refused' in choice)) return undefined;
    if (wwwAuthenticate.length === 0) {
      if (this.answered) return undefined;
      return unsupported(
        `${what} was answered 401 without a challenge (WWW-Authenticate): the server does not say how to log in.`,
      );
    }
    const quoted = `${what} was answered 401 with "${printable(wwwAuthenticate.join(', '))}"`;
    return unsupported(
      choice.refused === 'none'
        ? `${quoted}: this way to log in is not supported; choose Digest with MD5 or SHA-256 on the device.`
        : `${quoted}: that is weaker than what the server asked for before, and somebody between may be asking, so nothing was sent. If it is right, allow Basic in the NVR’s settings, or deploy them anew.`,
    );
  }

  /**
   * After a refusal: whether to try the same name and password once more in Latin-1. Only if one of them is
   * not ASCII, the server declares no charset, and it has never accepted them in UTF-8.
   */
  acceptInLatin1(wwwAuthenticate: readonly string[]): boolean {
    const text = this.credentials.username + this.credentials.password;
    // eslint-disable-next-line no-control-regex -- the characters of Latin-1
    const isLatin1 = /[^\x00-\x7f]/.test(text) && !/[^\x00-\xff]/.test(text);
    if (!isLatin1 || this.proven || this.triedLatin1 || declareUtf8(wwwAuthenticate)) return false;
    this.triedLatin1 = true;
    if (this.charset === 'latin1') return false;
    this.charset = 'latin1';
    this.accept(wwwAuthenticate);
    return true;
  }

  /** If only the nonce had expired (`stale`), takes the new challenges and returns true. */
  acceptIfStale(wwwAuthenticate: readonly string[]): boolean {
    const isStale = parseChallenges(wwwAuthenticate).some(({ stale }) => stale === true);
    return isStale && this.accept(wwwAuthenticate);
  }

  /** Records whether the server accepted the last answer, or refused for good. */
  recordOutcome(taken: boolean): void {
    const memory = this.rules?.memory;
    if (taken && this.answered) {
      this.proven = true;
      if (memory !== undefined) memory.charset = this.charset;
    } else if (!taken && !this.proven) {
      this.charset = 'utf8';
      if (memory !== undefined) memory.charset = undefined;
    }
  }

  /** The Authorization header of a request; undefined before any challenge. */
  authorize(method: string, requestUri: string): string | undefined {
    const { challenge } = this;
    if (challenge === undefined) return undefined;
    this.answered = true;
    const { username, password } = this.credentials;
    if (challenge.scheme === 'basic')
      return `Basic ${Buffer.from(`${username}:${password}`, this.charset).toString('base64')}`;
    return this.digest(
      challenge,
      method,
      this.digestUri === 'base' ? (this.baseUri ?? requestUri) : requestUri,
    );
  }

  private digest(challenge: Challenge, method: string, uri: string): string {
    const username = byteString(this.credentials.username, this.charset);
    const password = byteString(this.credentials.password, this.charset);
    const { realm, nonce = '', opaque, algorithm } = challenge;
    const name = /^SHA-256/i.test(algorithm ?? '') ? 'sha256' : 'md5';
    const hash = (bytes: string): string => createHash(name).update(bytes, 'latin1').digest('hex');
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
    rememberResponse(response);

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

function unsupported(message: string): NvrError {
  return new NvrError('EUNSUPPORTED', message, { status: 401 });
}

function quote(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}
