// Recognises words that a reply may contain in place of a key, and what they mean: "not logged in" is not "no
// recording".

import type { NvrErrorCode } from '../../errors.js';

export interface Refusal {
  readonly code: Extract<NvrErrorCode, 'EAUTH' | 'EFORBIDDEN' | 'ENORECORDING' | 'EPLAYBACKKEY'>;
  /** The word from the reply; safe to quote. */
  readonly word: string;
}

/** Each of these words says on its own that something was refused. */
const REFUSING = set(
  'error errors err fail failed failure denied deny invalid forbidden unauthorized unauthorised unauthenticated none null nok no not false undefined nan',
  'wrong bad missing expired refused rejected illegal exception unknown unsupported unavailable busy timeout overload exceeded empty cannot abort aborted',
  'notlogin nologin needlogin loginfailed loginrequired notloggedin norecord norecords norecording notfound nodata noauth nopermission noprivilege accessdenied disabled',
);
/**
 * Words that may accompany them. A word such as `NotLogin` is split only if all its pieces are in these
 * lists.
 */
const BESIDE = set(
  'login logon logged in log record records recording recordings data found user username name password passwd account access permission permissions privilege privileges right rights',
  'param params parameter parameters argument group time session auth authorized authenticated authentication authorization request value token key channel support supported',
  'exist exists allowed system server service device stream such range of is required need to the a code by start end playback file',
);
const GOOD = set('ok okay success successful succeeded true yes done none null noerror good');
const LOGIN =
  /^(?:login|logon|logged|log|user|username|password|passwd|account|session|auth|authenticat|unauth|notlog|nolog|needlog|noauth)/;
const PRIVILEGE = /^(?:permission|privilege|forbidden|right|nopermission|noprivilege|accessdenied)/;
const RECORD = /^(?:record|norecord|nodata|data$)/;

/** True for a value of `error`, `result`, `code` and similar members that reports success or nothing. */
export function isGood(value: string): boolean {
  const text = value.trim().toLowerCase();
  return text === '' || /^(?:0+|200|201|-?0x0+|false)$/.test(text) || GOOD.has(text.replace(/[ _.!-]/g, ''));
}

/** The refusal that a value expresses; undefined if it may be a key. */
export function refusalOf(value: string): Refusal | undefined {
  const text = value.trim();
  if (/^-\d{1,10}$/.test(text) || /^0+$/.test(text)) return { code: 'EPLAYBACKKEY', word: text.slice(0, 12) };
  const pieces = piecesOf(text.slice(0, 400));
  const refusing = pieces.findIndex((piece) => REFUSING.has(piece.toLowerCase()));
  if (refusing === -1) return undefined;
  return { code: codeOf(pieces.map((piece) => piece.toLowerCase())), word: pieces[refusing]! };
}

/** Whether a word is in these lists, so that it may be shown. */
export function isKnownWord(word: string): boolean {
  const low = word.toLowerCase();
  return REFUSING.has(low) || BESIDE.has(low) || GOOD.has(low);
}

function codeOf(pieces: readonly string[]): Refusal['code'] {
  if (pieces.some((piece) => PRIVILEGE.test(piece))) return 'EFORBIDDEN';
  if (pieces.includes('access') && pieces.includes('denied')) return 'EFORBIDDEN';
  if (pieces.some((piece) => LOGIN.test(piece))) return 'EAUTH';
  if (pieces.some((piece) => RECORD.test(piece))) return 'ENORECORDING';
  return 'EPLAYBACKKEY';
}

/** The words of a text; none if it does not look like words, since a key mixes digits and capitals. */
function piecesOf(text: string): string[] {
  const pieces = text.split(/[ \t\r\n_.,:;!?()'"/-]/).filter((piece) => piece !== '');
  if (pieces.length === 1) {
    const camel = pieces[0]!.split(/(?=[A-Z][a-z])/);
    return camel.length > 1 && camel.every((piece) => isKnownWord(piece)) ? camel : pieces;
  }
  return pieces.every((piece) => /^(?:[a-z]+|[A-Z][a-z]*|[A-Z]+|\d{1,5})$/.test(piece))
    ? pieces
    : pieces.slice(0, 1).filter(() => /[ \t:]/.test(text));
}

function set(...lines: string[]): ReadonlySet<string> {
  return new Set(lines.flatMap((line) => line.split(' ')));
}
