// Parses a key service's reply into pairs of name and value, whatever format it is in. Takes linear time and
// never throws.

import { fromText, isPage, readPage, unescapeXml, unwrapped, wordsOf, type Member } from './key-text.js';

type ReplyForm = 'JSON' | 'XML' | 'HTML' | 'text';

export interface ReplyContent {
  readonly form: ReplyForm;
  /** In the order of the text; outer members of JSON first. */
  readonly members: Member[];
  /** The words of a text, or of what an HTML page shows. */
  readonly words: string[];
  /** Of an HTML page. */
  readonly title?: string;
  /** The reply begins like JSON, but is not valid. */
  readonly isBroken: boolean;
}

const MAX_MEMBERS = 1000;
const MAX_DEPTH = 8;
const MAX_NAME_CHARS = 64;
/** What converters from XML call the text of an element. */
const TEXT_OF_OUTER = /^(?:#text|#cdata|\$t|_)$/;
/** The first line of an INI file. */
const SECTION = /^\[[A-Za-z][\w -]{0,40}\]\r?\n/;

type Json = string | number | boolean | null | Json[] | { [name: string]: Json };

interface NamedValue {
  readonly name: string;
  readonly value: Json;
}

export function readMembers(reply: string, contentType: string): ReplyContent {
  if (isPage(reply)) {
    const { title, shown } = readPage(reply);
    return { form: 'HTML', title, members: fromText(shown, false), words: wordsOf(shown), isBroken: false };
  }
  const text = unwrapped(reply);
  const isSection = SECTION.test(text);
  if (text.startsWith('{') || (text.startsWith('[') && !isSection)) return fromJson(text);
  if (text.startsWith('"') && text.endsWith('"') && text.indexOf('"', 1) === text.length - 1)
    return fromJson(text);
  if (text.startsWith('<')) return { form: 'XML', members: fromXml(text), words: [], isBroken: false };
  // `callback({...});` and `callback("...");`
  for (const [first, last] of [
    ['({', '})'],
    ['("', '")'],
  ] as const) {
    const [open, close] = [text.indexOf(first), text.lastIndexOf(last)];
    if (open !== -1 && open < MAX_NAME_CHARS && close > open)
      return fromJson(text.slice(open + 1, close + 1));
  }
  const lines = text.replace(/<br ?\/?>/gi, '\n');
  const isForm = contentType.toLowerCase().includes('x-www-form-urlencoded');
  return { form: 'text', members: fromText(lines, isForm), words: wordsOf(lines), isBroken: false };
}

/**
 * Normalises a name: without prefixes such as `root.`, `ns:`, `X-` and `g_`, without `_` and `-`, in lower
 * case.
 */
export function plainName(name: string): string {
  const last = name.slice(Math.max(name.lastIndexOf('.'), name.lastIndexOf(':')) + 1);
  return last
    .replace(/^[a-z][_-]/i, '')
    .replace(/[_-]/g, '')
    .toLowerCase();
}

function fromJson(text: string): ReplyContent {
  let parsed: Json;
  try {
    parsed = JSON.parse(text) as Json;
  } catch {
    return fromScript(text);
  }
  if (typeof parsed === 'string') return fromWords(parsed);
  // `["OK", "…"]`
  if (Array.isArray(parsed) && parsed.every((item) => typeof item === 'string' || typeof item === 'number'))
    return fromWords(parsed.join(' '));
  const members: Member[] = [];
  let level: NamedValue[] = [{ name: '', value: parsed }];
  for (let depth = 0; depth < MAX_DEPTH && level.length > 0; depth++) {
    const next: NamedValue[] = [];
    for (const { name: outer, value } of level.slice(0, MAX_MEMBERS)) {
      if (typeof value !== 'object' || value === null) continue;
      // The items of a list have its name.
      const entries: [string, Json][] = Array.isArray(value)
        ? value.slice(0, MAX_MEMBERS).map((item) => [outer, item])
        : Object.entries(value);
      for (const [own, member] of entries) {
        const name = TEXT_OF_OUTER.test(own) ? outer : own;
        if (typeof member === 'object' && member !== null) next.push({ name, value: member });
        else if (members.length < MAX_MEMBERS)
          members.push({ name, value: member === null ? '' : String(member) });
      }
      addNamed(members, new Map(entries.map(([name, member]) => [name.toLowerCase(), member])));
    }
    level = next;
  }
  return { form: 'JSON', members, words: [], isBroken: false };
}

/** `{pbkey: 'aB3'}` and other text in brackets that is no JSON, but whose pairs can be read. */
function fromScript(text: string): ReplyContent {
  const isWhole = text.endsWith('}') || text.endsWith(']');
  const members = isWhole ? fromText(text.replace(/[{}[\]]/g, '\n'), false) : [];
  return { form: 'JSON', members, words: [], isBroken: members.length === 0 };
}

function fromWords(text: string): ReplyContent {
  return { form: 'text', members: [], words: wordsOf(text), isBroken: false };
}

/** `{"name": "pbkey", "value": "…"}` and `<item name="pbkey" value="…"/>`. */
function addNamed(members: Member[], entries: ReadonlyMap<string, unknown>, text = ''): void {
  const name = entries.get('name') ?? entries.get('id');
  const value = entries.get('value') ?? entries.get('val') ?? text;
  if (typeof name === 'string' && typeof value === 'string' && value !== '' && members.length < MAX_MEMBERS)
    members.push({ name, value });
}

function fromXml(text: string): Member[] {
  const members: Member[] = [];
  let at = text.indexOf('<');
  while (at !== -1 && members.length < MAX_MEMBERS) {
    const special = [
      ['<!--', '-->'],
      ['<?', '?>'],
      ['<!', '>'],
    ].find(([start]) => text.startsWith(start!, at));
    if (special !== undefined || text[at + 1] === '/') {
      const end = text.indexOf(special?.[1] ?? '>', at + 2);
      if (end === -1) break;
      at = text.indexOf('<', end);
      continue;
    }
    const tag = readTag(text, at + 1);
    if (tag === undefined) break;
    const content = tag.isEmpty ? { text: '', end: tag.end } : readContent(text, tag.end);
    if (content.text !== '') members.push({ name: tag.name, value: content.text });
    for (const [name, value] of tag.attributes)
      members.push({ name: name === 'value' || name === 'val' ? tag.name : name, value });
    addNamed(members, tag.attributes, content.text);
    at = text.indexOf('<', content.end);
  }
  return members;
}

interface Tag {
  name: string;
  attributes: Map<string, string>;
  isEmpty: boolean;
  end: number;
}

/** Reads a start tag, from after its `<`; undefined if it never ends. */
function readTag(text: string, from: number): Tag | undefined {
  let at = from;
  while (at < text.length && !' \t\r\n/>'.includes(text[at]!)) at++;
  const name = localName(text.slice(from, at));
  const attributes = new Map<string, string>();
  let word = '';
  for (; at < text.length; at++) {
    const char = text[at]!;
    if (char === '>') return { name, attributes, isEmpty: text[at - 1] === '/', end: at + 1 };
    if (char === '"' || char === "'") {
      const end = text.indexOf(char, at + 1);
      if (end === -1) return undefined;
      if (word.endsWith('='))
        attributes.set(localName(word.slice(0, -1)), unescapeXml(text.slice(at + 1, end)).trim());
      word = '';
      at = end;
    } else if (!' \t\r\n/'.includes(char)) word = (word + char).slice(-MAX_NAME_CHARS);
    else if (!word.endsWith('=') && text[at + 1] !== '=' && !' \t\r\n'.includes(text[at + 1] ?? ''))
      word = '';
  }
  return undefined;
}

/** Reads text and CDATA up to the next tag. */
function readContent(text: string, from: number): { text: string; end: number } {
  const CDATA = '<![CDATA[';
  const next = text.indexOf('<', from);
  const end = next === -1 ? text.length : next;
  const plain = unescapeXml(text.slice(from, end)).trim();
  if (!text.startsWith(CDATA, end)) return { text: plain, end };
  const close = text.indexOf(']]>', end);
  const last = close === -1 ? text.length : close;
  return { text: plain + text.slice(end + CDATA.length, last).trim(), end: last };
}

function localName(name: string): string {
  return name
    .slice(name.lastIndexOf(':') + 1)
    .slice(0, MAX_NAME_CHARS)
    .toLowerCase();
}
