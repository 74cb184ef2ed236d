// Splits what people paste as a camera's address (an IP address, a host, `host:port`, or a whole URL) into
// settings.

import { parseAuthority, parseRtspUri } from '../../rtsp/uri.js';
import { asTemplate } from './account-in-path.js';
import type { Preset } from './makers.js';
import { accountIn, isPlainAddress, urlIn } from './pasted-text.js';
import { recognise, recogniseStyle } from './recognise.js';

/** The parts of an address; those that it does not contain are undefined. */
export interface SplitAddress {
  readonly host: string;
  readonly port?: number;
  readonly tls?: boolean;
  /** Of an address that was copied from a browser. */
  readonly httpPort?: number;
  readonly httpTls?: boolean;
  readonly username?: string;
  readonly password?: string;
  /** The URI style of a MOBOTIX recorder; then there is no template. */
  readonly style?: 'move' | 'legacy';
  /** Path and query as a template. */
  readonly template?: string;
  readonly preset?: Preset;
  readonly channel?: number;
  readonly stream?: 'main' | 'dual';
}

/**
 * Returns undefined if the text is no address. Of an `http://` or `onvif://` URL the path is not used: many
 * people copy the address from a browser.
 */
export function splitAddress(text: string): SplitAddress | undefined {
  const typed = urlIn(text);
  try {
    const [, scheme, rest = ''] = /^([a-z][a-z+]{0,20}):\/\/(.*)$/i.exec(typed) ?? [];
    // Pasted behind a scheme that was in the field already.
    if (/^(?:rtsps?|https?|onvif):\/\//i.test(rest)) return splitAddress(rest);
    switch (scheme?.toLowerCase()) {
      case undefined:
        return splitWithoutScheme(typed);
      case 'http':
      case 'onvif':
        return splitWebAddress(rest, false);
      case 'https':
        return splitWebAddress(rest, true);
      // In GStreamer's URLs another letter names the transport: `rtspt` is TCP, `rtspu` UDP, `rtsph` HTTP.
      case 'rtsp':
      case 'rtspt':
      case 'rtspu':
      case 'rtsph':
        return splitRtsp('rtsp', rest);
      case 'rtsps':
      case 'rtspst':
      case 'rtspsu':
      case 'rtspsh':
        return splitRtsp('rtsps', rest);
      default:
        return undefined;
    }
  } catch {
    return undefined;
  }
}

/** Splits an address without a scheme. Undefined for a word and a path, such as `cam/stream1`. */
function splitWithoutScheme(typed: string): SplitAddress | undefined {
  if (!/[\s/@?#]/.test(typed)) return parseAuthority(typed);
  const { after } = accountIn(typed);
  const [head = ''] = after.split(/[/?]/, 1);
  if (!isPlainAddress(head.slice(head.lastIndexOf('@') + 1))) return undefined;
  // A page of the camera's own web server.
  if (/\.(?:asp|aspx|cgi|htm|html|php|shtml)(?:$|[?#])/i.test(after)) return splitWebAddress(typed, false);
  return splitRtsp('rtsp', typed);
}

function splitWebAddress(rest: string, tls: boolean): SplitAddress {
  const { account, after } = accountIn(rest);
  const [head = ''] = after.split(/[/?\s]/, 1);
  const { username, password } = account ?? parseRtspUri(`rtsp://${head}`);
  const [authority = ''] = head.slice(head.lastIndexOf('@') + 1).split('#', 1);
  const { host, port } = parseAuthority(authority);
  return {
    host,
    ...(port !== undefined && { httpPort: port }),
    ...(tls && { httpTls: true, httpPort: port ?? 443 }),
    ...(username !== undefined && username !== '' && { username, password: password ?? '' }),
  };
}

function splitRtsp(scheme: string, rest: string): SplitAddress | undefined {
  const { account, after } = accountIn(rest);
  const { path, tls, host, port, ...login } = parseRtspUri(`${scheme}://${after}`);
  // Several URLs that were pasted as one line.
  if (/rtsps?:\/\//i.test(path)) return undefined;
  const { template, account: inPath } = asTemplate(path);
  const base = { tls, host, port, ...(inPath ?? account ?? login) };
  if (path === '/') return base;
  return { ...base, ...defined(recogniseStyle(path) ?? recognise(path, port) ?? { template }) };
}

/** Without the properties that are undefined. */
function defined(parts: {
  readonly [K in keyof SplitAddress]?: SplitAddress[K] | undefined;
}): Partial<SplitAddress> {
  const entries = Object.entries(parts).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries);
}
