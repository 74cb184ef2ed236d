// Extracts the SDP lines that are used, and normalises them to RFC 4566: cameras write negative ports, double
// spaces, tabs and capitals.

import { trimBytes } from '../text.js';

/** Replaces an SRTP key: only its presence matters. */
const KEYED = 'a=crypto:1 x x';
/**
 * Most lines of one kind per media section; further ones are left out. A payload type needs one of each, or a
 * few.
 */
const MAX_OF_A_KIND = 64;

/** Normalises an attribute's value; undefined if it cannot be read. */
const ATTRIBUTES: Readonly<Record<string, (value: string) => string | undefined>> = {
  rtpmap: (value) => withPayloadType(value, (rest) => joinSlashes(wordsOf(rest))[0]),
  fmtp: (value) => withPayloadType(value, (rest) => rest.replaceAll('\t', ' ')),
  control: unquoted,
  range: (value) => value,
  framerate: (value) => value.replace(',', '.'),
  'x-dimensions': (value) => value,
  framesize: (value) => withPayloadType(value, (rest) => rest),
};
const DIRECTIONS: ReadonlySet<string> = new Set(['sendonly', 'recvonly', 'sendrecv', 'inactive']);
const KEYS: ReadonlySet<string> = new Set(['crypto', 'fingerprint']);

/** Undefined if no line identifies this as a session description. */
export function usedLines(text: string): string[] | undefined {
  const used: string[] = [];
  let isSdp = false;
  let counts = new Map<string, number>();
  for (const raw of text.split(/[\r\n]/)) {
    const line = trimBytes(raw.startsWith('\u00ef\u00bb\u00bf') ? raw.slice(3) : raw);
    const equals = line.indexOf('=');
    if (equals === -1 || trimBytes(line.slice(0, equals)).length !== 1) continue;
    const letter = line[0]!.toLowerCase();
    const value = trimBytes(line.slice(equals + 1));
    if (letter === 'v') isSdp = true;
    else if (letter === 's') used.push(`s=${value}`);
    else if (letter === 'm') {
      isSdp = true;
      counts = new Map();
      used.push(mediaLine(value));
    } else if (letter === 'a') {
      const { name, rest } = nameOf(value);
      const count = (counts.get(name) ?? 0) + 1;
      counts.set(name, count);
      const attribute = count > MAX_OF_A_KIND ? undefined : attributeLine(name, rest);
      if (attribute !== undefined) used.push(attribute);
    }
  }
  return isSdp ? used : undefined;
}

/**
 * Rebuilds `video 0 RTP/AVP 96` from a line with missing, wrong or oddly spaced parts. The port is not used.
 */
function mediaLine(value: string): string {
  const [type = '', ...words] = joinSlashes(wordsOf(value));
  const at = words.findIndex((word) => /^[A-Za-z]/.test(word));
  const protocol = at === -1 ? 'RTP/AVP' : words[at]!.replace(/[^\w/]/g, '');
  // Without a protocol, the first of several numbers is the port.
  const numbers = at === -1 ? words.slice(words.length > 1 ? 1 : 0) : words.slice(at + 1);
  const payloads = numbers.filter((word) => /^\d{1,3}$/.test(word));
  return [
    'm=',
    type.toLowerCase().replace(/\W/g, ''),
    ' 0 ',
    protocol,
    ...payloads.map((one) => ` ${one}`),
  ].join('');
}

/** `rtpmap:96 …`, `rtpmap : 96 …`, `rtpmap=96 …` and `rtpmap 96 …` mean the same. */
function nameOf(attribute: string): { name: string; rest: string } {
  const name = /^[\w-]*/.exec(attribute)![0];
  const rest = trimBytes(attribute.slice(name.length));
  const isSeparated = rest.startsWith(':') || rest.startsWith('=');
  return { name: name.toLowerCase(), rest: isSeparated ? trimBytes(rest.slice(1)) : rest };
}

function attributeLine(name: string, rest: string): string | undefined {
  if (KEYS.has(name)) return KEYED;
  if (DIRECTIONS.has(name)) return `a=${name}`;
  const value = Object.hasOwn(ATTRIBUTES, name) ? ATTRIBUTES[name]!(rest) : undefined;
  return value === undefined ? undefined : `a=${name}:${value}`;
}

function withPayloadType(value: string, read: (rest: string) => string | undefined): string | undefined {
  const type = /^\d{1,3}(?!\d)/.exec(value)?.[0];
  if (type === undefined) return undefined;
  const rest = trimBytes(value.slice(type.length));
  const parameters = read(rest.startsWith(':') || rest.startsWith(';') ? trimBytes(rest.slice(1)) : rest);
  return parameters === undefined ? undefined : `${type} ${parameters}`;
}

function unquoted(value: string): string {
  return value.length > 1 && value.startsWith('"') && value.endsWith('"')
    ? trimBytes(value.slice(1, -1))
    : value;
}

function wordsOf(text: string): string[] {
  return text.split(/[ \t,]/).filter((word) => word !== '');
}

/** Joins `H264 / 90000` into one word. */
function joinSlashes(words: readonly string[]): string[] {
  const joined: string[] = [];
  for (const word of words) {
    const before = joined.at(-1);
    if (before !== undefined && (before.endsWith('/') || word.startsWith('/')))
      joined[joined.length - 1] = before + word;
    else joined.push(word);
  }
  return joined;
}
