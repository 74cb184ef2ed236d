// Parses rtsp:// and rtsps:// URIs. `new URL` is not used: it takes `video:1` for absolute and throws on a
// `#` in a password.

import { NvrError } from '../errors.js';

export const RTSP_PORT = 554;
const RTSPS_PORT = 322;

export interface RtspUri {
  tls: boolean;
  /** Without the brackets of an IPv6 address. */
  host: string;
  port: number;
  /** Path and query; begins with `/`. */
  path: string;
  username?: string;
  password?: string;
}

/**
 * RFC 2326 3.2. Credentials are percent-decoded. Throws EINPUT with a message that quotes no part of the URI.
 */
export function parseRtspUri(uri: string): RtspUri {
  // eslint-disable-next-line no-control-regex -- a request line cannot hold them
  if (/[\x00-\x20\x7f]/.test(uri))
    throw new NvrError('EINPUT', 'The URI must not hold white space or control characters.');
  const scheme = /^(rtsps?):\/\//i.exec(uri);
  if (scheme === null) throw new NvrError('EINPUT', 'The URI must begin with rtsp:// or rtsps://.');
  const tls = scheme[1]!.toLowerCase() === 'rtsps';
  const rest = uri.slice(scheme[0].length);

  // The credentials end at the last `@` before the path, so a password may contain `@`, `#` or `:`; a `/` in
  // it must be percent-encoded.
  const slash = rest.search(/[/?]/);
  const head = slash === -1 ? rest : rest.slice(0, slash);
  const at = head.lastIndexOf('@');
  const authority = head.slice(at + 1);
  const tail = slash === -1 ? '' : rest.slice(slash);
  const path = tail.startsWith('/') ? tail : `/${tail}`;
  const result: RtspUri = { tls, port: tls ? RTSPS_PORT : RTSP_PORT, ...parseAuthority(authority), path };
  if (at !== -1) {
    const account = head.slice(0, at);
    const colon = account.indexOf(':');
    result.username = decode(colon === -1 ? account : account.slice(0, colon));
    result.password = colon === -1 ? '' : decode(account.slice(colon + 1));
  }
  return result;
}

/** Parses `host`, `host:port`, `[v6]:port` or a bare IPv6 address, which keeps its zone. Throws EINPUT. */
export function parseAuthority(authority: string): { host: string; port?: number } {
  const bracketed = /^\[([0-9a-f:.]+(?:%[\w.~-]+)?)\](?::(\d*))?$/i.exec(authority);
  const plain = /^([^:[\]\s]+)(?::(\d*))?$/.exec(authority);
  const found = bracketed ?? plain;
  if (found === null) {
    if (/^[0-9a-f.]*:[0-9a-f:.]*:[0-9a-f.]*(?:%[\w.~-]+)?$/i.test(authority))
      return { host: withZone(authority) };
    throw new NvrError('EINPUT', 'The URI names no host that can be read.');
  }
  const host = withZone(found[1]!);
  if (found[2] === undefined || found[2] === '') return { host };
  const port = Number(found[2]);
  if (port < 1 || port > 65_535) throw new NvrError('EINPUT', 'The port must be from 1 to 65535.');
  return { host, port };
}

/** In a URI the `%` of an IPv6 zone is written `%25` (RFC 6874 2). */
function withZone(host: string): string {
  return host.includes(':') ? host.replace('%25', '%') : host;
}

/**
 * The authority to send to a server, without an IPv6 zone, which only has a meaning on this machine (RFC 6874
 * 1).
 */
export function authorityOnWire(host: string, port: number, usualPort: number): string {
  const plain = host.includes(':') ? `[${host.split('%', 1)[0]!}]` : host;
  return port === usualPort ? plain : `${plain}:${port}`;
}

/**
 * The URI for a request line: without credentials, which belong in `Authorization`, and without the default
 * port.
 */
export function requestUri({
  tls,
  host,
  port,
  path,
}: Pick<RtspUri, 'tls' | 'host' | 'port' | 'path'>): string {
  return `${tls ? 'rtsps' : 'rtsp'}://${authorityOnWire(host, port, tls ? RTSPS_PORT : RTSP_PORT)}${path}`;
}

/** For use on this machine, with the IPv6 zone; servers are sent `requestUri`. */
export function formatRtspUri(uri: Pick<RtspUri, 'tls' | 'host' | 'port' | 'path'>): string {
  const host = uri.host.includes(':') ? `[${uri.host}]` : uri.host;
  const port = uri.port === (uri.tls ? RTSPS_PORT : RTSP_PORT) ? '' : `:${uri.port}`;
  return `${uri.tls ? 'rtsps' : 'rtsp'}://${host}${port}${uri.path}`;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
