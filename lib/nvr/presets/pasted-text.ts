// Pasted text as people have it: from a manual, a chat, a command line, with a password that was never
// percent-encoded.

import { parseAuthority } from '../../rtsp/uri.js';

/** The ports that RTSP servers use. */
const RTSP_PORTS = [554, 322, 8554];

/** What stands around a URL in a chat, a manual or a command line. */
const OPENING = '"\'`<([“”„‘’‚«»';
const CLOSING = '"\'`“”‘’«».,;';
const BRACKETS: Readonly<Record<string, string>> = { ')': '(', ']': '[', '>': '<' };

/**
 * Strips quotes, brackets and punctuation around the text, and invisible characters. Of a longer text, such
 * as a command line, returns only the RTSP URL in it.
 */
export function urlIn(text: string): string {
  const seen = text
    .replace(/\p{Cf}/gu, '')
    .replaceAll('&amp;', '&')
    .trim();
  if (!seen.includes('://')) return seen;
  const bare = unwrapped(seen);
  if (/^[a-z][a-z+]{0,20}:\/\//i.test(bare)) return bare;
  return unwrapped(/rtsps?:\/\/[^\s"'`<>]+/i.exec(bare)?.[0] ?? bare);
}

function unwrapped(text: string): string {
  let from = 0;
  while (from < text.length && isSpaceOr(text[from]!, OPENING)) from++;
  let to = text.length;
  while (to > from && (isSpaceOr(text[to - 1]!, CLOSING) || closesNothing(text, from, to))) to--;
  return text.slice(from, to);
}

function isSpaceOr(letter: string, signs: string): boolean {
  return signs.includes(letter) || letter.trim() === '';
}

/** Whether the text ends with a bracket that was not opened in it. */
function closesNothing(text: string, from: number, to: number): boolean {
  const opening = BRACKETS[text[to - 1]!];
  return opening !== undefined && !text.slice(from, to).includes(opening);
}

interface FoundAccount {
  /** Set only if the account has characters that a URL cannot hold: it is not percent-encoded then. */
  readonly account?: { readonly username: string; readonly password: string };
  /** What is left to parse. */
  readonly after: string;
}

/**
 * Finds an account with `/`, `?` or spaces in it, as people type their passwords, in what follows the scheme.
 * A URL's host would end at the first of them.
 */
export function accountIn(rest: string): FoundAccount {
  const end = rest.search(/[/?\s]/);
  const head = end === -1 ? rest : rest.slice(0, end);
  const authority = head.slice(head.lastIndexOf('@') + 1);
  const isReadable = isAuthority(authority);
  if (end === -1 || (isReadable && isPlainAddress(authority))) return { after: rest };
  // A camera in the local network has a name without a dot, but then its port is RTSP's.
  for (let at = rest.indexOf('@', end); at !== -1; at = rest.indexOf('@', at + 1)) {
    const [candidate = ''] = rest.slice(at + 1).split(/[/?\s]/, 1);
    if (isReadable ? !head.includes(':') || !isPlainAddress(candidate) : !isAuthority(candidate)) continue;
    const colon = rest.slice(0, at).indexOf(':');
    const account =
      colon === -1
        ? { username: rest.slice(0, at), password: '' }
        : { username: rest.slice(0, colon), password: rest.slice(colon + 1, at) };
    return { account, after: rest.slice(at + 1) };
  }
  return { after: rest };
}

/**
 * Whether a text is an address beyond doubt: an IP address, a name with a dot, or a name with RTSP's port.
 */
export function isPlainAddress(authority: string): boolean {
  if (!isAuthority(authority)) return false;
  const { host, port } = parseAuthority(authority);
  return /[.:]/.test(host) || (port !== undefined && RTSP_PORTS.includes(port));
}

function isAuthority(text: string): boolean {
  if (text.includes('@')) return false;
  try {
    parseAuthority(text);
    return true;
  } catch {
    return false;
  }
}
