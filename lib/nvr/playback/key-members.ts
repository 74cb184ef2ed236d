// Parses a key service's reply into pairs of name and value, whatever format it is in. Takes linear time and
// never throws.

export interface Member {
  readonly name: string;
  readonly value: string;
}

export type ReplyForm = 'JSON' | 'XML' | 'HTML' | 'text';

export interface ReplyContent {
  readonly form: ReplyForm;
  /** In the order of the text; outer members of JSON first. */
  readonly members: Member[];
  /** The words of a text; the title of an HTML page. */
  readonly words: string[];
  /** The reply begins like JSON, but is not valid. */
  readonly isBroken: boolean;
}

const MAX_MEMBERS = 1000;
const MAX_DEPTH = 8;
const MAX_NAME_CHARS = 64;

export function readMembers(text: string, contentType: string): ReplyContent {
  const head = text.slice(0, 1024).toLowerCase();
  if (head.includes('<html') || head.includes('<!doctype html'))
    return { form: 'HTML', members: [], words: [titleOf(text)], isBroken: false };
  if (text.startsWith('{') || text.startsWith('[')) return fromJson(text);
  if (text.startsWith('"') && text.endsWith('"')) return fromJson(text);
  if (text.startsWith('<')) return { form: 'XML', members: fromXml(text), words: [], isBroken: false };
  // `callback({...});`
  const [open, close] = [text.indexOf('({'), text.lastIndexOf('})')];
  if (open !== -1 && open < MAX_NAME_CHARS && close > open) return fromJson(text.slice(open + 1, close + 1));
  const isForm = contentType.toLowerCase().includes('x-www-form-urlencoded');
  return { form: 'text', members: fromText(text, isForm), words: wordsOf(text), isBroken: false };
}

/** Normalises a name: without prefixes such as `root.` and `ns:`, without `_` and `-`, in lower case. */
export function plainName(name: string): string {
  const last = name.slice(Math.max(name.lastIndexOf('.'), name.lastIndexOf(':')) + 1);
  return last.replace(/[_-]/g, '').toLowerCase();
}

function fromJson(text: string): ReplyContent {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return { form: 'JSON', members: [], words: [], isBroken: true };
  }
  if (typeof parsed === 'string')
    return { form: 'text', members: [], words: wordsOf(parsed), isBroken: false };
  const members: Member[] = [];
  let level: unknown[] = [parsed];
  for (let depth = 0; depth < MAX_DEPTH && level.length > 0; depth++) {
    const next: unknown[] = [];
    for (const value of level.slice(0, MAX_MEMBERS)) {
      if (Array.isArray(value)) next.push(...(value as unknown[]).slice(0, MAX_MEMBERS));
      else if (typeof value === 'object' && value !== null) {
        const entries = Object.entries(value);
        for (const [name, member] of entries) {
          if (typeof member === 'object' && member !== null) next.push(member);
          else if (members.length < MAX_MEMBERS)
            members.push({ name, value: member === null ? '' : String(member) });
        }
        addNamed(members, new Map(entries.map(([name, member]) => [name.toLowerCase(), member])));
      }
    }
    level = next;
  }
  return { form: 'JSON', members, words: [], isBroken: false };
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

function unescapeXml(text: string): string {
  const named: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
  return text.replace(/&(?:#x([0-9a-f]{1,6})|#([0-9]{1,7})|([a-z]{2,4}));/gi, (whole, hex, decimal, name) => {
    if (name !== undefined) return named[String(name).toLowerCase()] ?? whole;
    const code = hex === undefined ? Number(decimal) : Number.parseInt(String(hex), 16);
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

function fromText(text: string, isForm: boolean): Member[] {
  const members: Member[] = [];
  for (const line of text.split(/[\r\n]/)) {
    for (const piece of piecesOf(line)) {
      if (members.length >= MAX_MEMBERS) return members;
      const member = pairOf(piece);
      if (member !== undefined)
        members.push(isForm ? { ...member, value: decodeForm(member.value) } : member);
    }
  }
  return members;
}

/**
 * Splits a line such as `error=0&pbkey=…`, also at spaces, commas or semicolons, but only if every piece is a
 * pair.
 */
function piecesOf(line: string): string[] {
  const pieces = line.split(/[&;, \t]/).filter((piece) => piece !== '');
  const mayBePairs = pieces.length > 1 && pieces.length <= MAX_MEMBERS;
  return mayBePairs && pieces.every((piece) => pairOf(piece) !== undefined) ? pieces : [line];
}

/**
 * Reads a pair such as `pbkey=…`, `key: …`, `root.pbkey=…` or `var pbkey = "…";`. The padding of base64 is
 * not taken for a value.
 */
function pairOf(text: string): Member | undefined {
  const separator = text.search(/[=:]/);
  if (separator === -1) return undefined;
  const name = text
    .slice(0, separator)
    .trim()
    .replace(/^(?:var|let|const) /i, '')
    .replace(/^["']|["']$/g, '')
    .trim();
  if (!/^[A-Za-z][\w.-]{0,63}$/.test(name)) return undefined;
  const raw = text.slice(separator + 1).trim();
  const quote = raw.startsWith('"') || raw.startsWith("'") ? raw[0] : undefined;
  const closing = quote === undefined ? -1 : raw.indexOf(quote, 1);
  const value = closing === -1 ? withoutEnd(raw) : raw.slice(1, closing);
  return /^=*$/.test(value) && raw.includes('=') ? undefined : { name, value };
}

function withoutEnd(text: string): string {
  let end = text.length;
  while (end > 0 && ';,'.includes(text[end - 1]!)) end--;
  return text.slice(0, end).trim();
}

function decodeForm(value: string): string {
  try {
    return decodeURIComponent(value.replaceAll('+', ' '));
  } catch {
    return value;
  }
}

function wordsOf(text: string): string[] {
  return text.split(/[ \t\r\n]/).filter((word) => word !== '');
}

function titleOf(text: string): string {
  const start = text.toLowerCase().indexOf('<title');
  const open = start === -1 ? -1 : text.indexOf('>', start);
  if (open === -1) return '';
  const end = text.indexOf('<', open);
  return text.slice(open + 1, end === -1 ? open + 200 : end).trim();
}
