// The simulator's door: challenges and the check of what answers them (RFC 2617, RFC 2069 without qop, RFC 7616 SHA-256).

import { createHash, randomBytes } from 'node:crypto';
import type { Settings } from './options.js';

const REALM = 'RTSP Server';

export class Guard {
  /** Answers that held a wrong password or name. */
  failedLogins = 0;
  private readonly nonces = new Set<string>();

  constructor(private readonly settings: Settings) {}

  /** Undefined: come in. Else the WWW-Authenticate of a 401. */
  check(method: string, authorization: string | undefined): string | undefined {
    if (this.settings.username === '' || this.settings.auth === 'none') return undefined;
    if (authorization !== undefined) {
      if (this.isRight(method, authorization)) return undefined;
      this.failedLogins++;
    }
    return this.challenge();
  }

  /** Forgets every nonce handed out: the next request gets a 401 with `stale`-less new one. */
  expireNonces(): void {
    this.nonces.clear();
  }

  private challenge(): string {
    if (this.settings.auth === 'basic') return `Basic realm="${REALM}"`;
    const nonce = randomBytes(16).toString('hex');
    this.nonces.add(nonce);
    const qop = this.settings.auth === 'digest-qop' ? ', qop="auth"' : '';
    const algorithm = this.settings.auth === 'digest-sha256' ? ', algorithm=SHA-256, qop="auth"' : '';
    return `Digest realm="${REALM}", nonce="${nonce}"${qop}${algorithm}`;
  }

  private isRight(method: string, authorization: string): boolean {
    const { username, password, auth } = this.settings;
    if (auth === 'basic') {
      return authorization === `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
    }
    const field = (name: string): string =>
      new RegExp(`\\b${name}="?([^",]*)"?`).exec(authorization)?.[1] ?? '';
    const hash = (text: string): string =>
      createHash(auth === 'digest-sha256' ? 'sha256' : 'md5')
        .update(text)
        .digest('hex');
    const nonce = field('nonce');
    if (!this.nonces.has(nonce) || field('username') !== username) return false;
    const ha1 = hash(`${username}:${REALM}:${password}`);
    const ha2 = hash(`${method}:${/\buri="([^"]*)"/.exec(authorization)?.[1] ?? ''}`);
    const expected =
      auth === 'digest'
        ? hash(`${ha1}:${nonce}:${ha2}`)
        : hash(`${ha1}:${nonce}:${field('nc')}:${field('cnonce')}:auth:${ha2}`);
    return field('response') === expected;
  }
}
