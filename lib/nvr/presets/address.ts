// Splits what people paste as a camera's address (an IP address, a host, `host:port`, or a whole URL) into
// settings.

import { parseAuthority, parseRtspUri } from '../../rtsp/uri.js';
import type { Preset } from './makers.js';
import { accountIn, isPlainAddress, urlIn } from './pasted-text.js';
import { literally, recognise } from './recognise.js';

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
    const [, scheme, rest] = /^([a-z][a-z+]{0,20}):\/\/(.*)$/i.exec(typed) ?? [];
    switch (scheme?.toLowerCase()) {
      case undefined:
        return splitWithoutScheme(typed);
      case 'http':
      case 'https':
        return splitWebAddress(typed);
      case 'onvif':
        return splitWebAddress(`http://${rest!}`);
      // GStreamer's schemes for one transport or another.
      case 'rtspt':
      case 'rtspu':
      case 'rtsph':
        return splitRtsp('rtsp', rest!);
      case 'rtsp':
      case 'rtsps':
        return splitRtsp(scheme, rest!);
      default:
        return undefined;
    }
  } catch {
    return undefined;
  }
}

/** What is copied without its scheme; a word and a path alone are none, such as `cam/stream1`. */
function splitWithoutScheme(typed: string): SplitAddress | undefined {
  if (!/[\s/@?#]/.test(typed)) return parseAuthority(typed);
  const { after } = accountIn(typed);
  const [head = ''] = after.split(/[/?]/, 1);
  if (!isPlainAddress(head.slice(head.lastIndexOf('@') + 1))) return undefined;
  // A page of the camera's own web server.
  if (/\.(?:asp|aspx|cgi|htm|html|php|shtml)(?:$|[?#])/i.test(after))
    return splitWebAddress(`http://${typed}`);
  return splitRtsp('rtsp', typed);
}

function splitWebAddress(typed: string): SplitAddress {
  const { protocol, hostname, port, username, password } = new URL(typed);
  const tls = protocol === 'https:';
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    ...(port !== '' && { httpPort: Number(port) }),
    ...(tls && { httpTls: true, httpPort: Number(port || '443') }),
    ...(username !== '' && {
      username: decodeURIComponent(username),
      password: decodeURIComponent(password),
    }),
  };
}

function splitRtsp(scheme: string, rest: string): SplitAddress | undefined {
  const { account, after } = accountIn(rest);
  const { path, tls, host, port, ...login } = parseRtspUri(`${scheme}://${after}`);
  // Several URLs that were pasted as one line.
  if (/rtsps?:\/\//i.test(path)) return undefined;
  const base = { tls, host, port, ...(account ?? login) };
  if (path === '/') return base;
  const recognised = recognise(path, port);
  if (recognised === undefined) return { ...base, template: literally(path) };
  const { channel, stream, ...settings } = recognised;
  return {
    ...{ ...base, ...settings },
    ...(channel === undefined ? {} : { channel }),
    ...(stream === undefined ? {} : { stream }),
  };
}
