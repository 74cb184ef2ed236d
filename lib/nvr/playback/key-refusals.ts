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
  'offline locked unauthorised relogin nil',
);
/**
 * Words that may stand beside those of `REFUSING` in an error text. A word such as `NotLogin` is split only
 * if all its pieces are in these lists.
 */
const BESIDE = set(
  'login logon logged in log record records recording recordings data found user username name password passwd account access permission permissions privilege privileges right rights',
  'param params parameter parameters argument group time session auth authorized authenticated authentication authorization request value token key channel support supported',
  'exist exists allowed system server service device stream such range of is required need to the a code by start end playback file',
  'pbkey please first again try later page index html out operation request internal memory disk hdd',
);
const GOOD = set(
  'ok okay success successful succeeded true yes done none null noerror good erfolg erfolgreich keinfehler 成功 操作成功 请求成功',
);
/** German and Chinese words that say that something was refused. Chinese has no spaces between words. */
const REFUSING_FOREIGN =
  /fehler|fehlgeschlagen|verweigert|unbekannt|ung(?:ü|ue)ltig|abgelaufen|erforderlich|gesperrt|\b(?:nicht|keine?|falsche[rs]?)\b|错误|錯誤|失败|失敗|无|無|未|没有|沒有|过期|拒绝|禁止|不/i;
/** What a German or Chinese refusal is about. */
const FOREIGN_SUBJECTS: readonly (readonly [about: RegExp, code: Refusal['code']])[] = [
  [/berechtig|zugriff|rechte|权限|權限|授权|禁止/i, 'EFORBIDDEN'],
  [/anmeld|angemeldet|kennwort|passwort|benutzer|sitzung|登录|登錄|登陆|登入|密码|密碼|用户|会话/i, 'EAUTH'],
  [/aufzeichnung|aufnahme|录像|錄影|錄像|数据/i, 'ENORECORDING'],
];
const LOGIN =
  /^(?:(?:re)?login|logon|logged|log|user|username|password|passwd|account|session|auth|authenticat|unauth|notlog|nolog|needlog|noauth)/;
const PRIVILEGE = /^(?:permission|privilege|forbidden|right|nopermission|noprivilege|accessdenied)/;
const RECORD = /^(?:record|norecord|nodata|data$)/;

/** True for a value of `error`, `result`, `code` and similar members that reports success or nothing. */
export function isGood(value: string): boolean {
  const text = value.trim().toLowerCase();
  return (
    text === '' || /^(?:e?0+|200|201|-?0x0+|false)$/.test(text) || GOOD.has(text.replace(/[ _.!-]/g, ''))
  );
}

/** The refusal that a value expresses; undefined if it may be a key. */
export function refusalOf(value: string): Refusal | undefined {
  const text = value.trim();
  if (/^-\d{1,10}$/.test(text) || /^(?:0+|n\/a)$/i.test(text))
    return { code: 'EPLAYBACKKEY', word: text.slice(0, 12) };
  if (/^-?0x[0-9a-f]{1,8}$|^(?:err|error)[_-]?\d{1,6}$|^E\d{3,4}$/i.test(text))
    return { code: 'EPLAYBACKKEY', word: text };
  const foreign = foreignRefusal(text.slice(0, 400));
  if (foreign !== undefined) return foreign;
  const pieces = piecesOf(text.slice(0, 400));
  const refusing = pieces.findIndex((piece) => REFUSING.has(piece.toLowerCase()));
  if (refusing === -1) return undefined;
  return { code: codeOf(pieces.map((piece) => piece.toLowerCase())), word: pieces[refusing]! };
}

/** The refusal that a status of HTTP's in a reply expresses. */
export function statusRefusal(value: string): Refusal | undefined {
  const word = value.trim();
  if (word === '401') return { code: 'EAUTH', word };
  return word === '403' ? { code: 'EFORBIDDEN', word } : undefined;
}

/** Whether a text is made of nothing but known words, so that it is no key, whatever it means. */
export function isOnlyWords(text: string): boolean {
  const pieces = text
    .slice(0, 400)
    .split(/[ \t\r\n_.,:;!?-]/)
    .filter((piece) => piece !== '');
  return pieces.length > 0 && pieces.every((piece) => isKnownWord(piece));
}

/** What a text of nothing but known words is about. */
export function meaningOf(text: string): Refusal['code'] {
  return codeOf(piecesOf(text.slice(0, 400).toLowerCase()));
}

function foreignRefusal(text: string): Refusal | undefined {
  // A text of letters, with digits at its end at most: a key has digits between its letters.
  if (isGood(text) || !/^[\p{L}\s.,:;!?()_-]+[\d\s:.]{0,12}$/u.test(text)) return undefined;
  const word = REFUSING_FOREIGN.exec(text)?.[0];
  if (word === undefined) return undefined;
  return { code: FOREIGN_SUBJECTS.find(([about]) => about.test(text))?.[1] ?? 'EPLAYBACKKEY', word };
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
    const isWords =
      camel.every((piece) => isKnownWord(piece)) ||
      // `OperationFailed`: words of some length, the last of which refuses.
      (camel.every((piece) => /^[A-Z][a-z]{3,15}$/.test(piece)) && REFUSING.has(camel.at(-1)!.toLowerCase()));
    return camel.length > 1 && isWords ? camel : pieces;
  }
  return pieces.every((piece) => /^(?:[a-z]+|[A-Z][a-z]*|[A-Z]+|\d{1,5})$/.test(piece))
    ? pieces
    : pieces.slice(0, 1).filter(() => /[ \t:]/.test(text));
}

function set(...lines: string[]): ReadonlySet<string> {
  return new Set(lines.flatMap((line) => line.split(' ')));
}
