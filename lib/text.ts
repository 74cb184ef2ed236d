// Text of others: kept as bytes on the wire (one character each, Latin-1), and made fit to be read by people
// here, and only here.

import { secrets } from './secrets.js';

/** Characters, at most, of server text that an error, an event or a badge shows. */
export const SHOWN_CHARS = 200;

/** Looked at before the cut: a secret that lies across it is struck out whole. */
const LOOKED_AT_CHARS = 4096;

const WHITE = ' \t\r\n\v\f';

/**
 * What cannot be seen, or changes how its neighbours are seen: controls, format characters (bidirectional
 * marks and overrides, zero widths, the byte order mark), line and paragraph separators, halves of surrogate
 * pairs, and what stands for undecodable bytes.
 */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029\ufffd]/gu;

/** A user's own text as it goes on the wire: the bytes of its UTF-8 (or Latin-1), one character each. */
export function byteString(text: string, encoding: 'utf8' | 'latin1' = 'utf8'): string {
  return isAscii(text) ? text : Buffer.from(text, encoding).toString('latin1');
}

/**
 * Bytes as text: UTF-8 where they are that, else Latin-1, else what of it is ASCII. Text with other
 * characters is left as it is.
 */
export function textOfBytes(text: string): string {
  if (isAscii(text) || !isBytes(text)) return text;
  const decoded = Buffer.from(text, 'latin1').toString('utf8');
  if (!decoded.includes('\ufffd')) return decoded;
  // Another character set, or noise: Latin-1 has no letters there.
  return /[\x00-\x08\x0e-\x1f\x7f-\x9f]/.test(text) ? text.replace(/[^\x00-\x7f]/g, '\ufffd') : text; // eslint-disable-line no-control-regex -- the ones that text does not hold
}

/**
 * Text of a server's, fit for an error, an event or a badge: decoded, secrets and what cannot be seen struck
 * out, `max` characters at most.
 */
export function printable(text: string, max = SHOWN_CHARS): string {
  const seen = withoutUnseen(secrets.strike(textOfBytes(text.slice(0, LOOKED_AT_CHARS))));
  return withoutUnseen(seen.slice(0, max));
}

/**
 * Without white space at its ends. Unlike `trim` it leaves the byte A0, a piece of a letter in UTF-8, where
 * it is.
 */
export function trimBytes(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && WHITE.includes(text[start]!)) start++;
  while (end > start && WHITE.includes(text[end - 1]!)) end--;
  return text.slice(start, end);
}

/** What cannot be seen becomes `?`. */
export function withoutUnseen(text: string): string {
  return text.replace(UNSEEN, '?');
}

function isAscii(text: string): boolean {
  return !/[^\x00-\x7f]/.test(text); // eslint-disable-line no-control-regex -- all of ASCII
}

/** Whether it can be bytes, one character each. */
export function isBytes(text: string): boolean {
  return !/[^\x00-\xff]/.test(text); // eslint-disable-line no-control-regex -- all that a byte can hold
}
