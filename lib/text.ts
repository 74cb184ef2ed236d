// Text from servers and cameras: kept as bytes (one Latin-1 character each) as received, and made readable
// here, and only here.

import { secrets } from './secrets.js';

/** The most characters of server text that an error, an event or a badge shows. */
const SHOWN_CHARS = 200;

/**
 * Secrets are struck out of this many characters before the text is cut, so that a secret across the cut is
 * struck out as a whole.
 */
const LOOKED_AT_CHARS = 4096;

const WHITE = ' \t\r\n\v\f';

/**
 * Characters that are invisible or change how their neighbours are shown: controls, format characters
 * (bidirectional marks and overrides, zero widths, the byte order mark), line and paragraph separators,
 * unpaired surrogates, and the replacement character.
 */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029\ufffd]/gu;

/** Encodes a user's text for the wire: the bytes of its UTF-8 (or Latin-1), one character each. */
export function byteString(text: string, encoding: 'utf8' | 'latin1' = 'utf8'): string {
  return isAscii(text) ? text : Buffer.from(text, encoding).toString('latin1');
}

/**
 * Decodes bytes as UTF-8 if they are valid, else as Latin-1, else keeps only their ASCII. Text that already
 * has characters beyond Latin-1 is returned unchanged.
 */
export function textOfBytes(text: string): string {
  if (isAscii(text) || !isBytes(text)) return text;
  const decoded = Buffer.from(text, 'latin1').toString('utf8');
  if (!decoded.includes('\ufffd')) return decoded;
  // Control characters show that this is another character set, or noise: Latin-1 has no letters there.
  return /[\x00-\x08\x0e-\x1f\x7f-\x9f]/.test(text) ? text.replace(/[^\x00-\x7f]/g, '\ufffd') : text; // eslint-disable-line no-control-regex -- the ones that text does not hold
}

/**
 * Makes server text fit for an error, an event or a badge: decodes it, strikes out secrets, replaces
 * invisible characters, and cuts it after `max` characters.
 */
export function printable(text: string, max = SHOWN_CHARS): string {
  const seen = withoutUnseen(secrets.strike(textOfBytes(text.slice(0, LOOKED_AT_CHARS))));
  return withoutUnseen(seen.slice(0, max));
}

/** Trims white space. Unlike `trim` it keeps the byte A0, which may be part of a letter in UTF-8. */
export function trimBytes(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && WHITE.includes(text[start]!)) start++;
  while (end > start && WHITE.includes(text[end - 1]!)) end--;
  return text.slice(start, end);
}

/** Replaces invisible characters by `?`. */
export function withoutUnseen(text: string): string {
  return text.replace(UNSEEN, '?');
}

function isAscii(text: string): boolean {
  return !/[^\x00-\x7f]/.test(text); // eslint-disable-line no-control-regex -- all of ASCII
}

/** Whether every character fits into one byte. */
export function isBytes(text: string): boolean {
  return !/[^\x00-\xff]/.test(text); // eslint-disable-line no-control-regex -- all that a byte can hold
}
