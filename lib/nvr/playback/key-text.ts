// Plain text around a playback key: its character set, wrappers that services put in front of it, pairs of
// name and value in lines, and what an HTML page shows.

export interface Member {
  readonly name: string;
  readonly value: string;
}

const MAX_PAIRS = 1000;
/** Guards against the theft of JSON by script tags; they come before the reply proper. */
const GUARDS = [")]}',", ")]}'", 'for(;;);', 'for (;;);', 'while(1);', 'while(true);', '/**/'];
const PAGE = [
  '<html',
  '<!doctype html',
  '<title',
  '<form',
  '<input',
  '<script',
  '<meta ',
  '<pre',
  '<div',
  '<body',
];
/** A page with one of these is a form, a script or a redirect, so its text is not taken for a key. */
const INTERACTIVE = ['<form', '<input', '<script', '<meta '];

/** The text of a body in UTF-8 or UTF-16, without white space, NULs and the byte order mark around it. */
export function textOf(body: Buffer): string {
  const text = decode(body);
  let [start, end] = [0, text.length];
  while (start < end && isBlank(text, start)) start++;
  while (end > start && isBlank(text, end - 1)) end--;
  return text.slice(start, end);
}

const isBlank = (text: string, at: number): boolean =>
  '\0\ufeff'.includes(text[at]!) || text[at]!.trim() === '';

function decode(body: Buffer): string {
  const [first, second, third, fourth] = body;
  const isBig = (first === 0xfe && second === 0xff) || (first === 0 && second !== 0 && third === 0);
  const isLittle = (first === 0xff && second === 0xfe) || (first !== 0 && second === 0 && fourth === 0);
  const even = body.subarray(0, body.length & ~1);
  if (isBig) return Buffer.from(even).swap16().toString('utf16le');
  return isLittle ? even.toString('utf16le') : body.toString('utf8');
}

/** The reply without a second HTTP head, which some scripts send as part of the body, and without guards. */
export function unwrapped(text: string): string {
  let rest = text;
  const head = /^HTTP\/\d\.\d 2\d\d/.test(rest) ? /\r?\n\r?\n/.exec(rest) : null;
  if (head !== null) rest = rest.slice(head.index + head[0].length).trim();
  const guard = GUARDS.find((start) => rest.startsWith(start));
  return guard === undefined ? rest : rest.slice(guard.length).trim();
}

export function isPage(text: string): boolean {
  const head = text.slice(0, 1024).toLowerCase();
  return (
    head.includes('<html') || head.includes('<!doctype html') || PAGE.some((tag) => head.startsWith(tag))
  );
}

/** An HTML page's title, and the text that it shows; none if the page is a form or a script. */
export function readPage(text: string): { title: string; shown: string } {
  const low = text.toLowerCase();
  const title = titleOf(text, low);
  if (title !== '' || INTERACTIVE.some((tag) => low.includes(tag))) return { title, shown: '' };
  let shown = '';
  for (let at = 0; at < text.length;) {
    const tag = text.indexOf('<', at);
    shown += `${text.slice(at, tag === -1 ? text.length : tag)}\n`;
    const end = tag === -1 ? -1 : text.indexOf('>', tag);
    if (end === -1) break;
    at = end + 1;
  }
  return { title, shown: unescapeXml(shown).trim() };
}

function titleOf(text: string, low: string): string {
  const start = low.indexOf('<title');
  const open = start === -1 ? -1 : text.indexOf('>', start);
  if (open === -1) return '';
  const end = text.indexOf('<', open);
  return text.slice(open + 1, end === -1 ? open + 200 : end).trim();
}

export function unescapeXml(text: string): string {
  const named: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
  return text.replace(/&(?:#x([0-9a-f]{1,6})|#([0-9]{1,7})|([a-z]{2,4}));/gi, (whole, hex, decimal, name) => {
    if (name !== undefined) return named[String(name).toLowerCase()] ?? whole;
    const code = hex === undefined ? Number(decimal) : Number.parseInt(String(hex), 16);
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

/** The pairs of name and value in lines of text. */
export function fromText(text: string, isForm: boolean): Member[] {
  const members: Member[] = [];
  for (const line of text.split(/[\r\n]/)) {
    for (const piece of piecesOf(line)) {
      if (members.length >= MAX_PAIRS) return members;
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
  const mayBePairs = pieces.length > 1 && pieces.length <= MAX_PAIRS;
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
  return /^=+$/.test(value) ? undefined : { name, value };
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

export function wordsOf(text: string): string[] {
  return text.split(/[ \t\r\n]/).filter((word) => word !== '');
}
