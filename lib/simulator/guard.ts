// Authentication: sends challenges and checks the answers (RFC 2617, RFC 2069 without qop, RFC 7616 SHA-256).

import { createHash, randomBytes } from 'node:crypto';
import type { Settings } from './options.js';

const MAX_NONCES = 1000;

export class Guard {
  /** Number of answers with a wrong name or password. */
  failedLogins = 0;
  private readonly nonces = new Set<string>();

  constructor(private readonly settings: Settings) {}

  /** Undefined if access is granted, else the WWW-Authenticate header of a 401. */
  check(method: string, uri: string, authorization: string | undefined): string | undefined {
    const { username, auth } = this.settings;
    if (username === '' || auth === 'none') return undefined;
    if (authorization === undefined) return this.challenge(false);
    const verdict =
      auth === 'basic' ? this.checkBasic(authorization) : this.checkDigest(method, uri, authorization);
    if (verdict === 'right') return undefined;
    if (verdict === 'wrong') this.failedLogins++;
    return this.challenge(verdict === 'stale');
  }

  /** Invalidates all nonces: the next request is answered 401 with `stale=true` and a new nonce. */
  expireNonces(): void {
    this.nonces.clear();
  }

  private challenge(stale: boolean): string {
    const { auth, realm } = this.settings;
    if (auth === 'basic') return `Basic realm="${realm}"`;
    const nonce = randomBytes(16).toString('hex');
    this.nonces.add(nonce);
    if (this.nonces.size > MAX_NONCES) this.nonces.delete(this.nonces.values().next().value!);
    const algorithm = auth === 'digest-sha256' ? ', algorithm=SHA-256' : '';
    const qop = auth === 'digest' ? '' : ', qop="auth"';
    return `Digest realm="${realm}", nonce="${nonce}"${algorithm}${qop}${stale ? ', stale=true' : ''}`;
  }

  private checkBasic(authorization: string): 'right' | 'wrong' {
    const { username, password } = this.settings;
    const expected = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
    return authorization === expected ? 'right' : 'wrong';
  }

  private checkDigest(
    method: string,
    uri: string,
    authorization: string,
  ): 'right' | 'wrong' | 'stale' | 'other' {
    const { username, password, auth, realm } = this.settings;
    const field = (name: string): string =>
      new RegExp(`\\b${name}=(?:"([^"]*)"|([^",\\s]*))`).exec(authorization)?.slice(1).find(Boolean) ?? '';
    const hash = (text: string): string =>
      createHash(auth === 'digest-sha256' ? 'sha256' : 'md5')
        .update(text)
        .digest('hex');
    const nonce = field('nonce');
    const ha1 = hash(`${username}:${realm}:${password}`);
    const ha2 = hash(`${method}:${field('uri')}`);
    const middle = auth === 'digest' ? '' : `${field('nc')}:${field('cnonce')}:auth:`;
    const isSolved = field('response') === hash(`${ha1}:${nonce}:${middle}${ha2}`);
    if (field('username') !== username || !isSolved) return 'wrong';
    if (!this.nonces.has(nonce)) return 'stale';
    return this.accepts(field('uri'), uri) ? 'right' : 'other';
  }

  /** According to the golden vectors of the MOVE NVR, SETUP's digest covers the base URI. */
  private accepts(digestUri: string, requestUri: string): boolean {
    const { digestUri: policy } = this.settings;
    if (policy !== 'base' && digestUri === requestUri) return true;
    const base = requestUri.replace(/(?:\/track\d)?\/?$/, '');
    return policy !== 'request' && (digestUri === base || digestUri === `${base}/`);
  }
}
