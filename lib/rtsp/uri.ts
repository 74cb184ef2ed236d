// rtsp:// and rtsps:// URIs, read by hand: `new URL` takes `video:1` for absolute and throws on a `#` in a password.

import { NvrError } from '../errors.js';

export const RTSP_PORT = 554;
export const RTSPS_PORT = 322;

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

/** RFC 2326 3.2; credentials are percent-decoded. Throws EINPUT with a message that quotes nothing of the URI. */
export function parseRtspUri(uri: string): RtspUri {
  // eslint-disable-next-line no-control-regex -- a request line cannot hold them
  if (/[\x00-\x20\x7f]/.test(uri))
    throw new NvrError('EINPUT', 'The URI must not hold white space or control characters.');
  const scheme = /^(rtsps?):\/\//i.exec(uri);
  if (scheme === null) throw new NvrError('EINPUT', 'The URI must begin with rtsp:// or rtsps://.');
  const tls = scheme[1]!.toLowerCase() === 'rtsps';
  const rest = uri.slice(scheme[0].length);

  // The last `@` before the path ends the credentials, so that a password may hold `@`, `#` or `:`; a `/` in one is percent-encoded.
  const slash = rest.search(/[/?]/);
  const head = slash === -1 ? rest : rest.slice(0, slash);
  const at = head.lastIndexOf('@');
  const authority = head.slice(at + 1);
  const tail = slash === -1 ? '' : rest.slice(slash);
  const path = tail.startsWith('/') ? tail : `/${tail}`;
  const result: RtspUri = { tls, ...parseAuthority(authority, tls), path };
  if (at !== -1) {
    const account = head.slice(0, at);
    const colon = account.indexOf(':');
    result.username = decode(colon === -1 ? account : account.slice(0, colon));
    result.password = colon === -1 ? '' : decode(account.slice(colon + 1));
  }
  return result;
}

/** `host`, `host:port`, `[v6]:port` or a bare IPv6 address. */
function parseAuthority(authority: string, tls: boolean): { host: string; port: number } {
  const usual = tls ? RTSPS_PORT : RTSP_PORT;
  const bracketed = /^\[([0-9a-f:.%a-z]+)\](?::(\d*))?$/i.exec(authority);
  const plain = /^([^:[\]\s]+)(?::(\d*))?$/.exec(authority);
  const bare = /^[0-9a-f.]*:[0-9a-f:.]*:[0-9a-f.]*$/i.test(authority);
  const found = bracketed ?? plain;
  if (found === null) {
    if (bare) return { host: authority, port: usual };
    throw new NvrError('EINPUT', 'The URI names no host that can be read.');
  }
  const port = found[2] === undefined || found[2] === '' ? usual : Number(found[2]);
  if (port < 1 || port > 65_535) throw new NvrError('EINPUT', 'The port must be from 1 to 65535.');
  return { host: found[1]!, port };
}

/** Never with credentials: on the wire they travel in `Authorization` alone. The default port is left out. */
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
