// Splits what people paste as a camera's address (an IP address, a host, `host:port`, or a whole URL) into
// settings.

import { parseAuthority, parseRtspUri } from '../../rtsp/uri.js';
import type { Preset } from './makers.js';
import { literally, recognise } from './recognise.js';

/** The parts of an address; those that it does not contain are undefined. */
export interface SplitAddress {
  readonly host: string;
  readonly port?: number;
  readonly tls?: boolean;
  readonly username?: string;
  readonly password?: string;
  /** Path and query as a template. */
  readonly template?: string;
  readonly preset?: Preset;
  readonly channel?: number;
  readonly stream?: 'main' | 'dual';
}

/**
 * Returns undefined if the text is no address. Of an `http://` URL only the host is used: many people copy
 * the address from a browser.
 */
export function splitAddress(text: string): SplitAddress | undefined {
  const typed = text.trim();
  try {
    if (/^https?:\/\//i.test(typed)) {
      const { hostname } = new URL(typed);
      return { host: hostname.replace(/^\[|\]$/g, '') };
    }
    if (!/^rtsps?:\/\//i.test(typed)) return /[\s/@?#]/.test(typed) ? undefined : parseAuthority(typed);
    const { path, username, password, tls, host, port } = parseRtspUri(typed);
    const account = username === undefined ? {} : { username, password: password ?? '' };
    const base = { tls, host, port, ...account };
    if (path === '/') return base;
    const recognised = recognise(path, port);
    if (recognised === undefined) return { ...base, template: literally(path) };
    const { channel, stream, ...rest } = recognised;
    return {
      ...{ ...base, ...rest },
      ...(channel === undefined ? {} : { channel }),
      ...(stream === undefined ? {} : { stream }),
    };
  } catch {
    return undefined;
  }
}
