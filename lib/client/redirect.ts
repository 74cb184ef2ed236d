// Where a redirect (RFC 2326 11.2) may lead, and whether the account goes along: a camera must not send us,
// or our password, where it likes.

import { NvrError } from '../errors.js';
import { printable } from '../text.js';

/**
 * `same`: to the same host only. `any`: the user's word that the server may name any host, and that the
 * account is good there.
 */
export type RedirectSetting = 'same' | 'any';

export interface Origin {
  readonly tls: boolean;
  readonly host: string;
  readonly port: number;
}

export interface RedirectRules {
  /** Absent: anywhere, but the account stays. */
  readonly redirects?: RedirectSetting | undefined;
  /** Certificates are checked. */
  readonly checksTls: boolean;
}

/** The EPROTOCOL of a Location that is none. */
export function notALocation(location: string, cause: unknown): NvrError {
  const text = `The server redirects to something that is no URI it could serve ("${printable(location)}").`;
  return new NvrError('EPROTOCOL', text, { cause });
}

export function isSameHost(one: Pick<Origin, 'host'>, other: Pick<Origin, 'host'>): boolean {
  return one.host.toLowerCase() === other.host.toLowerCase();
}

/**
 * Whether the account given for `given` goes along from `here` to `next`: to the same host and port, and from
 * plain to checked TLS on the same host; anywhere else by the setting alone. Throws ETLS for a way out of
 * TLS, EUNSUPPORTED for another host that the setting does not allow.
 */
export function accountGoesAlong(given: Origin, here: Origin, next: Origin, rules: RedirectRules): boolean {
  if (here.tls && !next.tls)
    throw new NvrError(
      'ETLS',
      'The server redirects to a connection without TLS; switch TLS off if that is what you want.',
    );
  if (!isSameHost(given, next) && rules.redirects === 'same')
    throw new NvrError(
      'EUNSUPPORTED',
      `The server redirects to another host ("${printable(next.host, 80)}"), which is not followed: give that host in the NVR’s settings, or let them follow redirects to any host.`,
    );
  if (rules.redirects === 'any') return true;
  if (!isSameHost(given, next)) return false;
  return given.tls === next.tls ? given.port === next.port : next.tls && rules.checksTls;
}
