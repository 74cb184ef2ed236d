// The register of live secrets: each is struck out of errors, traces and log lines, wherever a server repeats
// it.

const STRUCK = '***';
/** Shorter secrets are ignored: they would match in half of all text. */
const MIN_CHARS = 3;
/**
 * A secret with such a character, and UNLIKE_CHARS or longer, cannot be mistaken for a word in one of our own
 * sentences.
 */
const UNLIKE_WORDS = /[^A-Za-z]/;
const UNLIKE_CHARS = 6;
/** The number of digest responses and playback keys that are remembered; the oldest are forgotten first. */
const RESPONSES = 4096;
const KEYS = 1024;
/**
 * A secret that a server chose is recognised by this many characters at its start, and struck out up to the
 * next delimiter: a thousand keys with the same start cost no more than one.
 */
const MARK_CHARS = 16;
/** Ends a secret that a server chose: no key contains white space. */
const DELIMITER = /\s/;

/** Secrets that a server chose, each by its first characters (its mark). */
interface Marks {
  /** How many holders each mark has. */
  readonly counts: Map<string, number>;
  /** How many holders the marks of each length have. There are at most MARK_CHARS - MIN_CHARS + 1 lengths. */
  readonly lengths: Map<number, number>;
}

export class SecretRegister {
  /** Secrets by their first characters, so that the cost of a line does not depend on their number. */
  private readonly byStart = new Map<string, Map<string, number>>();
  private readonly marks: Marks = { counts: new Map(), lengths: new Map() };

  /** Strikes out text that begins like one of these, up to a delimiter. The returned function ends that. */
  holdForeign(forms: Iterable<string>): () => void {
    const long = [...forms].filter((form) => form.length >= MIN_CHARS);
    const held = [...new Set(long.map((form) => form.slice(0, MARK_CHARS)))];
    for (const mark of held) this.countMark(mark, 1);
    return once(() => {
      for (const mark of held) this.countMark(mark, -1);
    });
  }

  /**
   * Strikes these out until the returned function is called. Holding a secret several times requires as many
   * releases.
   */
  hold(forms: Iterable<string>): () => void {
    const held = [...new Set(forms)].filter((form) => form.length >= MIN_CHARS);
    for (const form of held) this.count(form, 1);
    return once(() => {
      for (const form of held) this.count(form, -1);
    });
  }

  /**
   * Replaces every secret in `text` by `***`, the longest first. `inOwnWords`: the text is our own sentence,
   * so only secrets that cannot be one of our words are replaced.
   */
  strike(text: string, inOwnWords = false): string {
    if (this.byStart.size === 0 && this.marks.counts.size === 0) return text;
    let out = '';
    let kept = 0;
    for (let at = 0; at + MIN_CHARS <= text.length;) {
      const bucket = this.byStart.get(text.slice(at, at + MIN_CHARS));
      const exact = bucket === undefined ? 0 : longest(bucket, text, at, inOwnWords);
      const length = Math.max(exact, this.markedAt(text, at, inOwnWords));
      if (length > 0) {
        out += text.slice(kept, at) + STRUCK;
        kept = at += length;
      } else at++;
    }
    return kept === 0 ? text : out + text.slice(kept);
  }

  /** The number of characters at `at` that belong to a mark and the text joined to it; 0 if there is none. */
  private markedAt(text: string, at: number, inOwnWords: boolean): number {
    let most = 0;
    for (const length of this.marks.lengths.keys()) {
      if (length <= most) continue;
      const mark = text.slice(at, at + length);
      // None of our own words is as long as a whole mark.
      const isTold = !inOwnWords || length === MARK_CHARS || isUnlikeWords(mark);
      if (isTold && this.marks.counts.has(mark)) most = length;
    }
    if (most < MARK_CHARS) return most;
    while (at + most < text.length && !DELIMITER.test(text[at + most]!)) most++;
    return most;
  }

  private countMark(mark: string, by: number): void {
    const { counts, lengths } = this.marks;
    const holders = (counts.get(mark) ?? 0) + by;
    if (holders > 0) counts.set(mark, holders);
    else counts.delete(mark);
    const many = (lengths.get(mark.length) ?? 0) + by;
    if (many > 0) lengths.set(mark.length, many);
    else lengths.delete(mark.length);
  }

  private count(form: string, by: number): void {
    const start = form.slice(0, MIN_CHARS);
    const bucket = this.byStart.get(start) ?? new Map<string, number>();
    const holders = (bucket.get(form) ?? 0) + by;
    if (holders > 0) bucket.set(form, holders);
    else bucket.delete(form);
    if (bucket.size > 0) this.byStart.set(start, bucket);
    else this.byStart.delete(start);
  }
}

/** The most recent secrets of a kind whose end of validity is unknown. */
class Recent {
  private readonly releases: (() => void)[] = [];
  private next = 0;

  constructor(
    private readonly register: SecretRegister,
    private readonly size: number,
  ) {}

  add(forms: Iterable<string>): void {
    this.releases[this.next]?.();
    this.releases[this.next] = this.register.holdForeign(forms);
    this.next = (this.next + 1) % this.size;
  }
}

export const secrets = new SecretRegister();
const responses = new Recent(secrets, RESPONSES);
const keys = new Recent(secrets, KEYS);

/** Registers an account's secrets in every form in which they travel. The returned function releases them. */
export function holdAccount({ username, password }: { username: string; password: string }): () => void {
  if (password === '') return () => undefined;
  return secrets.hold([...formsOf(password), ...base64Of(`${username}:${password}`)]);
}

/** Registers a digest response: together with the nonce, an attacker can guess the password offline. */
export function rememberResponse(response: string): void {
  responses.add([response]);
}

export function rememberKey(key: string): void {
  // Only the first characters of a form are looked at, and no form is shorter than the key.
  keys.add(formsOf(key.slice(0, MARK_CHARS)));
}

/**
 * The forms in which a secret may appear: as it is, quoted, percent-encoded (twice too), escaped for JSON and
 * XML, and in base64; in UTF-8 and in Latin-1.
 */
export function formsOf(secret: string): string[] {
  return [
    secret,
    Buffer.from(secret, 'utf8').toString('latin1'),
    secret.replace(/["\\]/g, '\\$&'),
    ...jsonOf(secret),
    ...xmlOf(secret),
    ...percentOf(secret),
    ...base64Of(secret),
  ];
}

/** Encoders differ in what they leave as it is, in the case of the digits, and in what a space becomes. */
function percentOf(secret: string): string[] {
  const encoded = encode(secret);
  const strict = encoded.replace(/[!'()*]/g, percentByte);
  const all = Buffer.from(secret, 'utf8').toString('latin1').replace(/[^]/g, percentByte);
  const once = [encoded, strict, strict.replaceAll('~', '%7E'), encodeLatin1(secret), all];
  const either = once.flatMap((form) => [form, inLowerCase(form)]);
  const withPlus = either.map((form) => form.replaceAll('%20', '+'));
  return [...either, ...withPlus, ...either.map((form) => form.replaceAll('%', '%25'))];
}

/** What JSON allows to be escaped: `/` (PHP), all beyond ASCII (Python), or every character. */
function jsonOf(secret: string): string[] {
  const json = JSON.stringify(secret).slice(1, -1);
  const inAscii = [json, json.replaceAll('/', '\\/')].flatMap((form) => [
    form,
    form.replace(/[^\x20-\x7e]/g, jsonUnit),
  ]);
  const all = secret.replace(/[^]/g, jsonUnit);
  return [...inAscii, all].flatMap((form) => [
    form,
    form.replace(/\\u[0-9a-f]{4}/g, (unit) => `\\u${unit.slice(2).toUpperCase()}`),
  ]);
}

const XML: Readonly<Record<string, string>> = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot', "'": 'apos' };

/** XML with names or numbers for its own characters, and with numbers for what is beyond ASCII. */
function xmlOf(secret: string): string[] {
  const named = secret.replace(/[&<>"']/g, (one) => `&${XML[one]!};`);
  const numbers = [
    (one: string) => `&#${one.codePointAt(0)!};`,
    (one: string) => `&#x${one.codePointAt(0)!.toString(16)};`,
    (one: string) => `&#x${one.codePointAt(0)!.toString(16).toUpperCase()};`,
  ];
  return [
    named,
    ...numbers.flatMap((number) => [
      named.replace(/[^\x00-\x7f]/gu, number), // eslint-disable-line no-control-regex -- all of ASCII
      named.replaceAll('&apos;', number("'")),
      named.replaceAll('&apos;', number("'")).replace(/[^\x00-\x7f]/gu, number), // eslint-disable-line no-control-regex -- all of ASCII
      secret.replace(/[&<>"']|[^\x00-\x7f]/gu, number), // eslint-disable-line no-control-regex -- all of ASCII
    ]),
  ];
}

function percentByte(one: string): string {
  return `%${one.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}

function inLowerCase(percent: string): string {
  return percent.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase());
}

function jsonUnit(one: string): string {
  return `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** Base64 without its padding, which a server may leave out; percent-encoded too, as in a query. */
function base64Of(text: string): string[] {
  return (['utf8', 'latin1'] as const).flatMap((encoding) => {
    const bytes = Buffer.from(text, encoding);
    const plain = bytes.toString('base64').replace(/={1,2}$/, '');
    const inQuery = encodeURIComponent(plain);
    return [plain, inQuery, inLowerCase(inQuery), bytes.toString('base64url')];
  });
}

/** Replaces unpaired surrogates, for which `encodeURIComponent` throws. */
function encode(text: string): string {
  return encodeURIComponent(Buffer.from(text, 'utf8').toString('utf8'));
}

function encodeLatin1(text: string): string {
  return text.replace(/[^A-Za-z0-9._~-]/g, (one) => {
    return one.charCodeAt(0) > 0xff ? one : percentByte(one);
  });
}

function longest(bucket: ReadonlyMap<string, number>, text: string, at: number, inOwnWords: boolean): number {
  let length = 0;
  for (const form of bucket.keys()) {
    if (form.length <= length || !text.startsWith(form, at)) continue;
    if (inOwnWords && !isUnlikeWords(form)) continue;
    length = form.length;
  }
  return length;
}

function isUnlikeWords(form: string): boolean {
  return form.length >= UNLIKE_CHARS && UNLIKE_WORDS.test(form);
}

function once(run: () => void): () => void {
  let done = false;
  return () => {
    if (!done) run();
    done = true;
  };
}
