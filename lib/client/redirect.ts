// Where a redirect (RFC 2326 11.2) may lead, and whether the credentials are sent there: a camera must not
// direct our connections or our password to hosts of its choice.

import { NvrError } from '../errors.js';
import { quotable } from '../redact.js';
import { printable } from '../text.js';

/**
 * `same`: only to the same host. `any`: the user trusts the server to name any host, and the credentials are
 * sent there.
 */
export type RedirectSetting = 'same' | 'any';

export interface Origin {
  readonly tls: boolean;
  readonly host: string;
  readonly port: number;
}

export interface RedirectRules {
  /** Undefined: follow to any host, but without the credentials. */
  readonly redirects?: RedirectSetting | undefined;
  /** Certificates are checked. */
  readonly checksTls: boolean;
}

/** The error for a Location that is not a valid URI. */
export function notALocation(location: string, cause: unknown): NvrError {
  const text = `The server redirects to "${quotable(location)}", which is not a valid address for this service.`;
  return new NvrError('EPROTOCOL', text, { cause });
}

export function isSameHost(one: Pick<Origin, 'host'>, other: Pick<Origin, 'host'>): boolean {
  return one.host.toLowerCase() === other.host.toLowerCase();
}

/**
 * Whether the credentials given for `given` are sent after a redirect from `here` to `next`: yes for the same
 * host and port, and for a change from plain to verified TLS on the same host; otherwise only with the
 * setting `any`. Throws ETLS if the redirect leaves TLS, and EUNSUPPORTED if it leads to another host and the
 * setting forbids that.
 */
export function redirectKeepsAccount(
  given: Origin,
  here: Origin,
  next: Origin,
  rules: RedirectRules,
): boolean {
  if (here.tls && !next.tls)
    throw new NvrError(
      'ETLS',
      'The server redirects to a connection without TLS; switch TLS off if that is what you want.',
    );
  if (!isSameHost(given, next) && rules.redirects === 'same')
    throw new NvrError(
      'EUNSUPPORTED',
      `The server redirects to another host ("${printable(next.host, 80)}"), which is not followed: enter that host in the NVR’s settings, or set "Redirects" there to any host.`,
    );
  if (rules.redirects === 'any') return true;
  if (!isSameHost(given, next)) return false;
  return given.tls === next.tls ? given.port === next.port : next.tls && rules.checksTls;
}
