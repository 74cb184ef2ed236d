// Authentication of the NVR written from the manual.

import crypto from 'node:crypto';

export const ACCOUNT = { username: 'operator', password: 'manual-pw-7' } as const;

export const REALM = 'RTSP Server';

export class ManualLogin {
  private readonly nonces = new Set<string>();

  nonce(): string {
    const nonce = crypto.randomBytes(16).toString('hex');
    this.nonces.add(nonce);
    return nonce;
  }

  /** RFC 2617 without qop, over the request URI or, as in the manual's examples, the base URI. */
  isAllowed(method: string, uri: string, authorization: string | undefined): boolean {
    if (authorization === undefined || !/^Digest /i.test(authorization)) return false;
    const fields = new Map(
      [...authorization.matchAll(/(\w+)="?([^",]*)"?/g)].map(([, name, value]) => [name, value]),
    );
    const given = fields.get('uri') ?? '';
    const md5 = (text: string): string => crypto.createHash('md5').update(text).digest('hex');
    const { username, password } = ACCOUNT;
    const response = md5(
      `${md5(`${username}:${REALM}:${password}`)}:${fields.get('nonce')}:${md5(`${method}:${given}`)}`,
    );
    return (
      fields.get('username') === username &&
      this.nonces.has(fields.get('nonce') ?? '') &&
      (given === uri || uri.startsWith(given.replace(/\/$/, '')) || uri.endsWith(given)) &&
      fields.get('response') === response
    );
  }
}
