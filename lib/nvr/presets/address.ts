// What people paste as a camera's address: an IP address, a host, `host:port`, or a whole URL, split into the
// settings that it means.

import { parseAuthority, parseRtspUri } from '../../rtsp/uri.js';
import type { Preset } from './makers.js';
import { literally, recognise } from './recognise.js';

/** What an address says; what it does not say is absent. */
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
 * Undefined where it is no address. Of `http://` the host alone is meant: a browser's address is what many
 * copy.
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
    const known = recognise(path, port);
    if (known === undefined) return { ...base, template: literally(path) };
    const { channel, stream, ...rest } = known;
    return {
      ...{ ...base, ...rest },
      ...(channel === undefined ? {} : { channel }),
      ...(stream === undefined ? {} : { stream }),
    };
  } catch {
    return undefined;
  }
}
