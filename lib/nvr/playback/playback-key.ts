// Finds the playback key in a reply of the NVR's key service, whose format no manual describes: it accepts
// many formats, rejects others with a clear error, and never takes an error text for a key.

import { NvrError } from '../../errors.js';
import { printable } from '../../text.js';
import { plainName, readMembers, type ReplyContent } from './key-members.js';
import {
  isGood,
  isKnownWord,
  isOnlyWords,
  refusalOf,
  meaningOf,
  statusRefusal,
  type Refusal,
} from './key-refusals.js';
import { textOf, type Member } from './key-text.js';

export const MAX_REPLY_BYTES = 64 * 1024;
const MAX_KEY_CHARS = 1024;

/** Names of members that hold the key, the most certain first. */
const KEY_NAMES = [
  ...['pbkey', 'playbackkey', 'pbauthkey', 'playbackauthkey', 'authoritykey', 'authkey', 'playkey', 'key'],
  ...['pbtoken', 'playbacktoken', 'playtoken', 'token', 'keyvalue', 'keystr', 'keystring'],
];
/** Names of members that may hold either the key or a status. */
const VAGUE_NAMES = ['result', 'data', 'value', 'response', 'reply', 'content', 'string'];
const ERROR_NAME =
  /^(?:err|error|errors|errno|errcode|errorcode|errmsg|errormsg|errormessage|errorstring|fault|faultstring|exception)$/;
const STATUS_NAME =
  /^(?:result|resultcode|ret|retcode|returncode|rc|code|status|statuscode|state|success|ok)$/;
const WORDS_NAME = /^(?:message|msg|reason|description|detail|statusstring)$/;
/** With `false` as its value, a member of this name says that the account is not logged in. */
const LOGIN_NAME = /^(?:login|islogin|loggedin|isloggedin|authenticated|isauthenticated|authorized)$/;
/** A key that is a parameter of a URI in the reply. */
const IN_URI = /[?&](?:amp;)?(?:pb_?key|playback_?key)=([^&\s"'<>;,]+)/i;
/** A reply of one word with one of these characters is a piece of a script or a path, not a key. */
const NOT_IN_BARE_KEY = /["'`<>(){}[\]?|\\^]/;
/** Only letters and punctuation, at least one of them not ASCII: a word of another language. */
const FOREIGN_WORD = /^(?=.{0,400}[^\0-\x7f])[\p{L}\p{M}\p{P}]+$/u;
/** `%s`, `%PBKEY%`, `${key}`, `{{key}}`: what a broken template leaves in the key's place. */
const PLACEHOLDER = /^(?:%[A-Za-z]{1,32}%?|\$\{.*|\{\{.*)$/;

const NOT_LOGGED_IN: Refusal = { code: 'EAUTH', word: 'not logged in' };

type Refuse = (why: string, word?: string, code?: Refusal['code']) => NvrError;

/**
 * Returns the key in a reply's body; `pattern` is the setting for unknown formats. Throws EPLAYBACKKEY, or
 * the reply's real meaning: EAUTH, EFORBIDDEN or ENORECORDING. The error names the content type, the length
 * and at most 80 characters of a title or of known error words, since a body may hold a key.
 */
export function readPlaybackKey(body: Buffer, contentType: string, pattern = ''): string {
  const refuse: Refuse = (why, word = '', code = 'EPLAYBACKKEY') =>
    new NvrError(
      code,
      `The key service ${why} (${contentType === '' ? 'no content type' : printable(contentType, 60)}, ${body.length} bytes${word === '' ? '' : `: "${printable(word, 80)}"`})${ADVICE[code]}`,
    );
  if (body.length > MAX_REPLY_BYTES) throw refuse(`sent more than ${MAX_REPLY_BYTES / 1024} KiB`);
  const text = textOf(body);
  if (text === '') throw refuse('sent an empty reply');
  const content = readMembers(text, contentType);
  if (pattern !== '') {
    const key = byPattern(text, content.members, pattern);
    if (key !== undefined) return accept(key, refuse);
  }
  if (content.form === 'HTML') return accept(keyOfPage(content, refuse), refuse);
  if (content.isBroken) throw refuse('sent JSON that cannot be read');
  refuseErrors(content, refuse);
  if (pattern !== '') throw refuse('sent a reply that the setting "keyPattern" does not fit');
  return accept(guess(content, text, refuse), refuse);
}

const ADVICE: Readonly<Record<Refusal['code'], string>> = {
  EPLAYBACKKEY: '.',
  EAUTH: ': it wants a log-in first; check the user name and the password.',
  EFORBIDDEN: ': on a MOVE NVR give the account the "remote" privilege.',
  ENORECORDING: ': nothing is recorded at that time.',
};

/** Whether a member of this name, or a header of the reply, holds the key and nothing else. */
export function isKeyName(name: string): boolean {
  const plain = plainName(name);
  return KEY_NAMES.includes(plain) || plain.endsWith('pbkey');
}

/** A page that shows nothing but a key, or a named one: some scripts put every reply into a page. */
function keyOfPage({ members, words, title = '' }: ReplyContent, refuse: Refuse): string {
  const found = members.find(({ name }) => isKeyName(name));
  if (found !== undefined) return firstWord(found.value, found, refuse);
  const [only = ''] = words;
  if (words.length === 1 && members.length === 0 && /^[\w+/=-]+$/.test(only) && /\d/.test(only)) return only;
  const shown = words.join(' ');
  const refusal = refusalOf(shown);
  throw refuse(
    'sent an HTML page',
    title === '' ? (refusal?.word ?? wordsOnly(shown)) : title,
    refusal?.code,
  );
}

/** Throws if the reply's members report an error. A value of 0, "none" or "success" is not an error. */
function refuseErrors({ form, members, words }: ReplyContent, refuse: Refuse): void {
  const named = members.map(({ name, value }) => ({ name: plainName(name), value }));
  const hasKey = named.some(({ name, value }) => isKeyName(name) && value !== '');
  const wrong = named.find(({ name, value }) => isWrong(name, value));
  if (wrong !== undefined) {
    // Words explain more than a number next to them.
    const beside = named.filter(({ name }) => WORDS_NAME.test(name) || ERROR_NAME.test(name));
    const refusals = [
      statusRefusal(wrong.value),
      LOGIN_NAME.test(wrong.name) ? NOT_LOGGED_IN : undefined,
      ...[wrong, ...beside].map(({ value }) => refusalOf(value)),
    ].filter((refusal) => refusal !== undefined);
    const refusal = refusals.find(({ code }) => code !== 'EPLAYBACKKEY');
    if (form === 'XML' && !hasKey)
      throw refuse('sent XML without a key', wordsOnly(wrong.value), refusal?.code);
    const word = (refusal ?? refusals[0])?.word ?? wordsOnly(wrong.value);
    throw refuse('reported an error', word, refusal?.code);
  }
  if (form !== 'text' || hasKey) return;
  const refusal = refusalOf(words.join(' '));
  if (refusal !== undefined) throw refuse('refused', refusal.word, refusal.code);
}

function isWrong(name: string, value: string): boolean {
  if (LOGIN_NAME.test(name)) return /^(?:false|no|0)$/i.test(value);
  if (ERROR_NAME.test(name)) return !isGood(value) || /^(?:true|yes)$/i.test(value);
  if ((name === 'success' || name === 'ok') && /^(?:false|no)$/i.test(value)) return true;
  return STATUS_NAME.test(name) && isRefusingStatus(value);
}

/** `result: 1` may mean success; `-1`, `404` and `fail` cannot. */
function isRefusingStatus(value: string): boolean {
  if (isGood(value)) return false;
  return /^-\d+$/.test(value.trim()) || /^[45]\d\d$/.test(value.trim()) || refusalOf(value) !== undefined;
}

function guess({ form, members, words }: ReplyContent, text: string, refuse: Refuse): string {
  for (const name of KEY_NAMES) {
    const found = members.find((member) => plainName(member.name) === name);
    if (found !== undefined) return firstWord(found.value, found, refuse);
  }
  const prefixed = members.find(({ name }) => isKeyName(name));
  if (prefixed !== undefined) return firstWord(prefixed.value, prefixed, refuse);
  const inUri = IN_URI.exec(text)?.[1];
  if (inUri !== undefined) return decoded(inUri);
  for (const name of VAGUE_NAMES) {
    const found = members.find((member) => plainName(member.name) === name && isLikely(member.value));
    if (found !== undefined) return firstWord(found.value, found, refuse);
  }
  if (form !== 'text') {
    const said = members.find(({ name, value }) => WORDS_NAME.test(plainName(name)) && refusalOf(value));
    const refusal = said === undefined ? undefined : refusalOf(said.value);
    throw refuse(`sent ${form} without a key`, refusal?.word, refusal?.code);
  }
  // The reply may be `OK`, followed by the key.
  const rest = [...words];
  while (rest.length > 1 && isGood(rest[0]!.replace(/^\+|[:,;]$/g, ''))) rest.shift();
  // `pbkey aB3`, `pbkey is aB3`
  if (rest.length > 1 && isKeyName(rest[0]!)) rest.shift();
  if (rest.length > 1 && /^(?:is|=|:)$/i.test(rest[0]!)) rest.shift();
  const [only] = rest;
  const all = words.join(' ');
  if (isOnlyWords(all) && !isGood(all)) throw refuse('sent no key', wordsOnly(all), meaningOf(all));
  if (rest.length !== 1 || only === undefined) throw refuse('sent text that is no key');
  const bare = withoutQuotes(only.replace(/^(?:\+?OK|SUCCESS|[01]|200)[:,;|=](?=[^=])/i, ''));
  if (members.length > 0 && bare === text)
    throw refuse('sent names and values, but no key under a known name');
  if (isGood(bare) || /^\d{1,3}$/.test(bare)) throw refuse('sent no key', bare, statusRefusal(bare)?.code);
  if (NOT_IN_BARE_KEY.test(bare)) throw refuse('sent text that is no key');
  return bare;
}

/** Whether the value of a member that need not hold the key looks like one. */
function isLikely(value: string): boolean {
  return (
    value.length >= 4 &&
    !isGood(value) &&
    !isOnlyWords(value) &&
    !/^\/|\.(?:html?|asp|php|cgi|jsp)\b/i.test(value) &&
    !/\s/.test(value) &&
    refusalOf(value) === undefined
  );
}

/** `'abc'`, and a C program's `abc;` */
function withoutQuotes(text: string): string {
  const bare = text.replace(/[;,]$/, '');
  const isQuoted = bare.length > 1 && '"\'`'.includes(bare[0]!) && bare.endsWith(bare[0]!);
  return isQuoted ? bare.slice(1, -1) : bare;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** `pbkey=abc expires=60` */
function firstWord(value: string, { name }: Member, refuse: Refuse): string {
  if (value === '') throw refuse('sent an empty key');
  const refusal = refusalOf(value);
  if (refusal !== undefined)
    throw refuse(`sent a refusal as "${printable(name, 40)}"`, refusal.word, refusal.code);
  return value.split(/\s/, 1)[0]!;
}

function accept(key: string, refuse: Refuse): string {
  const bare = withoutQuotes(key);
  if (bare === '') throw refuse('sent an empty key');
  const refusal = refusalOf(bare);
  if (refusal !== undefined) throw refuse('refused', refusal.word, refusal.code);
  if (isOnlyWords(bare)) throw refuse('refused', bare, meaningOf(bare));
  // Not white space within, only punctuation, a template's placeholder, or a word of another language.
  const isKey =
    !/\s/.test(bare) && /[A-Za-z0-9]/.test(bare) && !PLACEHOLDER.test(bare) && !FOREIGN_WORD.test(bare);
  if (!isKey) throw refuse('sent text that is no key');
  if (bare.length > MAX_KEY_CHARS) throw refuse(`sent a key of more than ${MAX_KEY_CHARS} characters`);
  // eslint-disable-next-line no-control-regex -- a key is put into a request line
  if (/[\x00-\x1f\x7f]/.test(bare)) throw refuse('sent a key with control characters');
  return bare;
}

/**
 * Finds the key by the setting `keyPattern`: a member's name, or the text around the key with one `*` in its
 * place.
 */
function byPattern(text: string, members: readonly Member[], pattern: string): string | undefined {
  const star = pattern.indexOf('*');
  if (star === -1) {
    const wanted = plainName(pattern);
    return members.find(({ name }) => plainName(name) === wanted)?.value;
  }
  const [before, behind] = [pattern.slice(0, star), pattern.slice(star + 1)];
  const start = text.indexOf(before);
  if (start === -1) return undefined;
  const from = start + before.length;
  const end = behind === '' ? text.slice(from).search(/\s|$/) : text.indexOf(behind, from) - from;
  return end < 0 ? undefined : text.slice(from, from + end).trim();
}

/** The part of an error text that may be quoted: its words and small numbers. */
function wordsOnly(text: string): string {
  return text
    .slice(0, 200)
    .split(/\s/)
    .map((word) => (/^[A-Za-z]{1,16}[.,:;!]?$/.test(word) || /^-?\d{1,5}$/.test(word) ? word : '…'))
    .join(' ');
}

/**
 * Describes the format of a reply for the trace: names, punctuation, and the length and kinds of characters
 * of everything else. Never the key.
 */
export function shapeOf(body: Buffer): string {
  const text = textOf(body.subarray(0, 4096));
  let shape = '';
  for (const { 0: token, index } of text.matchAll(/[^\s"'<>{}[\]()=:;,&|?!]+|[^]/g)) {
    if (shape.length > 1000) return `${shape}…`;
    if (/^[\s"'<>{}[\]()=:;,&|?!]$/.test(token)) shape += token;
    else shape += isKnownWord(token) || isName(text, token, index) ? token : classOf(token);
  }
  return shape;
}

/**
 * Whether a token is the name of a member: only letters, before a colon in JSON, in an XML tag, or at the
 * start of a line.
 */
function isName(text: string, token: string, index: number): boolean {
  if (!/^[A-Za-z_.]{1,24}$/.test(token)) return false;
  const before = text[index - 1] ?? '\n';
  const behind = text.slice(index + token.length, index + token.length + 8);
  if (text.startsWith('{') || text.startsWith('[')) return before === '"' && /^"\s{0,4}:/.test(behind);
  if (text.startsWith('<'))
    return before === '<' || (/\s/.test(before) && /^\s{0,2}=\s{0,2}["']/.test(behind));
  return '\r\n&'.includes(before) && /^\s{0,2}[=:]\s{0,2}[^=\s]/.test(behind);
}

function classOf(token: string): string {
  const classes = [
    [/[a-z]/, 'a-z'],
    [/[A-Z]/, 'A-Z'],
    [/[0-9]/, '0-9'],
    [/[^A-Za-z0-9]/, 'other'],
  ] as const;
  return `[${token.length} of ${classes.flatMap(([pattern, name]) => (pattern.test(token) ? [name] : [])).join(' ')}]`;
}
