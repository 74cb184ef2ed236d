// Fills in the placeholders of a URI template, for requests and for the dialog's preview of them.

import { NvrError } from '../errors.js';

/** The URI templates of MOBOTIX's recorders. */
export const STYLES: Readonly<Record<'move' | 'legacy', { live: string; playback: string }>> = {
  move: {
    live: '/live?ch={ch:4}&stype={stream}',
    playback: '/playback?ch={ch:4}&stype={stream}&pbkey={pbkey}',
  },
  legacy: { live: '/CH{ch:2}{stream}', playback: '' },
};

/** The signs that a path may hold as they are (RFC 3986 3.3), except `;` and `&`, which end a parameter. */
const PLAIN = /%(?:24|2B|2C|3A|3D|40)/g;

/**
 * `wire` replaces `{ch}` and `{ch:n}` (n digits), `code` replaces `{stream}`. The further `values` are
 * percent-encoded. Throws EINPUT for an unknown placeholder.
 */
export function fillTemplate(
  template: string,
  wire: number,
  code: string,
  values: Readonly<Record<string, (format: string) => string>> = {},
): string {
  const filled = template
    .trim()
    .replace(/\{([a-z]+)(?::([^{}]*))?\}/gi, (whole, name: string, format: string | undefined) => {
      if (name === 'ch')
        return String(wire).padStart(Math.min(Number.parseInt(format ?? '1', 10) || 1, 9), '0');
      if (name === 'stream') return code;
      const value = Object.hasOwn(values, name) ? values[name] : undefined;
      if (value === undefined)
        throw new NvrError('EINPUT', `The URI template has an unknown placeholder ${whole}.`);
      const encoded = encodeURIComponent(value(format ?? ''));
      // Cameras that read the account from the path may not decode what a path can hold as it is.
      return name === 'password' || name === 'username'
        ? encoded.replace(PLAIN, decodeURIComponent)
        : encoded;
    });
  return filled.startsWith('/') ? filled : `/${filled}`;
}
