// Builds a track's URI from the session's base URI and the track's `a=control` (RFC 2326 C.1.1), including
// the deviations that servers need.

import { trimBytes } from '../text.js';

/**
 * How a relative `a=control` joins the base: 'append' for LIVE555 and the MOVE NVR, 'resolve' (RFC 3986) for
 * GStreamer behind a proxy, 'query-last' for servers that read a query only at the very end.
 */
export type ControlUriPolicy = 'append' | 'resolve' | 'query-last';

interface ControlBaseSources {
  requestUri: string;
  contentBase?: string | undefined;
  contentLocation?: string | undefined;
  /** `a=control` of the session level. */
  sessionControl?: string | undefined;
}

/**
 * The aggregate URI: an absolute session-level control, else Content-Base, else Content-Location, else the
 * request URI. Host and port are always those of the connection.
 */
export function controlBase({
  requestUri,
  contentBase,
  contentLocation,
  sessionControl,
}: ControlBaseSources): string {
  const origin = originOf(requestUri);
  if (sessionControl !== undefined && isAbsolute(sessionControl))
    return origin + pathOf(wireSafe(sessionControl));
  for (const header of [contentBase, contentLocation]) {
    const value = trimBytes(header ?? '');
    if (value !== '') return origin + pathOf(wireSafe(value));
  }
  return requestUri;
}

/** The URI for a track's SETUP. `base` comes from `controlBase`. */
export function trackUri(base: string, control: string | undefined, policy: ControlUriPolicy): string {
  const value = wireSafe(trimBytes(control ?? ''));
  if (value === '' || value === '*') return base;
  const origin = originOf(base);
  if (isAbsolute(value)) return origin + pathOf(value);
  const basePath = base.slice(origin.length);
  const query = basePath.indexOf('?');
  switch (policy) {
    case 'append':
      return `${origin}${basePath.replace(/\/$/, '')}/${value.replace(/^\//, '')}`;
    case 'resolve': {
      if (value.startsWith('/')) return origin + value;
      const path = query === -1 ? basePath : basePath.slice(0, query);
      return `${origin}${path.slice(0, path.lastIndexOf('/') + 1) || '/'}${value}`;
    }
    case 'query-last': {
      const path = query === -1 ? basePath : basePath.slice(0, query);
      const rest = query === -1 ? '' : basePath.slice(query).replace(/\/$/, '');
      return `${origin}${path.replace(/\/$/, '')}/${value.replace(/^\//, '')}${rest}`;
    }
  }
}

/**
 * Percent-encodes white space and control characters, which a request line cannot hold: `a=control:track 1`.
 */
function wireSafe(uri: string): string {
  // eslint-disable-next-line no-control-regex -- the characters to encode
  return uri.replace(/[\x00-\x20\x7f]/g, encodeURIComponent);
}

/** Decided by the scheme alone: `new URL('video:1')` would count as absolute too. */
function isAbsolute(value: string): boolean {
  return /^rtsps?:\/\//i.test(value);
}

/** Scheme and authority of an absolute URI. */
function originOf(uri: string): string {
  return /^[a-z]+:\/\/[^/?]*/i.exec(uri)?.[0] ?? '';
}

/**
 * Path and query of a URI that may have one scheme, two schemes, an authority without a scheme, or none of
 * these.
 */
function pathOf(value: string): string {
  let rest = value;
  let hadScheme = false;
  for (let scheme = /^rtsps?:\/\//i.exec(rest); scheme !== null; scheme = /^rtsps?:\/\//i.exec(rest)) {
    rest = rest.slice(scheme[0].length);
    hadScheme = true;
  }
  // `192.168.0.1:554/live/`: an authority without a scheme, recognised by its port, dots or brackets.
  const authority = hadScheme || /^(\[[0-9a-f:.]+\]|[^/?]*:\d+|\d+\.\d+\.\d+\.\d+)([/?]|$)/i.test(rest);
  if (authority) rest = rest.slice(rest.search(/[/?]|$/));
  return rest.startsWith('/') ? rest : `/${rest}`;
}
