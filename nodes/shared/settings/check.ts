// The check of a setting's value, used by the runtime at the start of the flow and by the editor while
// typing. The build puts the compiled file into the editor's pages, so it imports only types and uses only
// what Node.js and browsers have in common.

import type { Setting, TextRule, TextSetting } from './setting.js';

/** What is wrong with a value: the key of a sentence, and the values to fill in. */
interface Problem {
  readonly sentence: keyof typeof SENTENCES;
  readonly words?: Readonly<Record<string, number | string>>;
}

/**
 * The sentences in English; each follows the setting's name. The German catalog has the same keys. `__x__` is
 * a placeholder.
 */
export const SENTENCES = {
  number: 'must be a number from __min__ to __max__.',
  integer: 'must be a whole number from __min__ to __max__.',
  boolean: 'must be true or false.',
  choice: 'must be one of __values__.',
  text: 'must be text.',
  long: 'must have at most __max__ characters.',
  required: 'must not be empty.',
  nvr: 'names no NVR; choose one.',
  address: 'must be a host name or an IP address.',
  addressParts: 'must be a host name or an IP address alone, without a scheme, a path or an account.',
  folder: 'must be an absolute path.',
  fileName: 'must be a path below the folder, with / between its levels.',
  path: 'must begin with /, go on with a name, and hold no spaces, no ? and no #.',
  timeZone: 'must be an IANA name such as Europe/Berlin.',
  origins: 'must list origins such as https://example.org, separated by spaces or commas.',
  moment: 'must be epoch milliseconds, ISO 8601 such as 2026-03-29T14:02:00, or a span from now such as -5m.',
  span: 'must be seconds, or text such as 90s, 20m or 1h.',
  channel: 'must be a number from 1 to 9999, or a name of the NVR’s channel table.',
  channelList: 'must be channel numbers, ranges or names such as 1-4,7, or * for all.',
  msg: 'must name a property of the message, such as payload.camera.',
  env: 'must name an environment variable.',
  template: 'must be a path; a camera’s URL belongs in the address of the NVR.',
  url: 'must be a number or a name; a camera’s URL belongs in the address of the NVR.',
  channels: 'must pair numbers from 1 to 9999 with names.',
  keyPattern: 'must be a name, or the text around the key with one * for it.',
  fileMode: 'must be permissions such as 0640, which let the owner read and write.',
  codes: 'must map main and dual to the codes that the NVR knows.',
} as const;

/** What a check may use besides the value. */
export interface CheckContext {
  /** The NVR's channel table, if known. */
  readonly channels?: readonly { readonly channel: number; readonly name: string }[];
  /** The node's other settings. */
  readonly values?: Readonly<Record<string, unknown>>;
}

const MAX_TEXT = 1024;
const MAX_CHANNEL = 9999;
const MAX_NAME = 200;

/** Whether a value is empty, which means the default. */
export function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || (typeof value === 'string' && value.trim() === '');
}

/** Whether a value contains `${…}`, which Node-RED replaces by an environment variable. */
export function isVariable(value: unknown): boolean {
  return typeof value === 'string' && /\$\{[^{}]*\}/.test(value);
}

/** The problem with a value from the editor or a flow file; undefined if it is valid. */
export function problemOf(setting: Setting, value: unknown, context: CheckContext = {}): Problem | undefined {
  const source = sourceIn(setting, context);
  if (source === 'msg' || source === 'env')
    return /^\S.{0,199}$/.test(textOf(value)) ? undefined : { sentence: source };
  if (isEmpty(value)) {
    if (setting.kind === 'config' && setting.required === true) return { sentence: 'nvr' };
    return setting.kind === 'text' && isRequired(setting, context) ? { sentence: 'required' } : undefined;
  }
  switch (setting.kind) {
    case 'number':
      return numberProblem(setting, value);
    case 'boolean':
      return [true, false, 'true', 'false'].includes(value as never) ? undefined : { sentence: 'boolean' };
    case 'choice': {
      const values = Object.keys(setting.options);
      return values.includes(textOf(value))
        ? undefined
        : { sentence: 'choice', words: { values: values.join(', ') } };
    }
    case 'channel':
      return channelProblem(setting, value, context);
    case 'channels':
      return Array.isArray(value) && value.every(isChannelRow) ? undefined : { sentence: 'channels' };
    case 'codes':
      return isCodes(value) ? undefined : { sentence: 'codes' };
    case 'config':
      return typeof value === 'string' ? undefined : { sentence: 'nvr' };
    case 'time':
    case 'text': {
      if (typeof value !== 'string' && typeof value !== 'number') return { sentence: 'text' };
      const text = String(value).trim();
      const max = setting.kind === 'text' ? (setting.maxLength ?? MAX_TEXT) : MAX_TEXT;
      if (text.length > max) return { sentence: 'long', words: { max } };
      if (setting.kind === 'time')
        return TIMES[setting.form].test(text) ? undefined : { sentence: setting.form };
      return setting.rule === undefined ? undefined : TEXT_RULES[setting.rule](text);
    }
  }
}

/**
 * Where a setting's value comes from, according to the node's other settings. Values from messages are
 * checked when the message arrives.
 */
function sourceIn(setting: Setting, { values = {} }: CheckContext): unknown {
  const name = setting.kind === 'channel' || setting.kind === 'time' ? setting.source : undefined;
  return name === undefined ? undefined : values[name];
}

/** A problem's sentence with its placeholders filled in. */
export function sentenceOf({ sentence, words = {} }: Problem): string {
  let text: string = SENTENCES[sentence];
  for (const [name, word] of Object.entries(words)) text = text.split(`__${name}__`).join(String(word));
  return text;
}

/** A name in a channel list may contain this many commas. */
const MAX_COMMAS = 8;

/** The parts of a channel list, which commas separate; those in a name of the table do not. */
export function listParts(text: string, isName: (part: string) => boolean): string[] {
  const pieces = text.split(',');
  const parts: string[] = [];
  let at = 0;
  while (at < pieces.length) {
    let end = Math.min(pieces.length, at + MAX_COMMAS + 1);
    while (end > at + 1 && !isName(pieces.slice(at, end).join(','))) end--;
    parts.push(pieces.slice(at, end).join(','));
    at = end;
  }
  return parts;
}

/** The numbers and ranges of a channel list; undefined if it is not one. */
export function channelRanges(text: string): [from: number, to: number][] | undefined {
  const ranges: [number, number][] = [];
  for (const part of text.split(',')) {
    const range = /^\s{0,9}(\d{1,4})\s{0,9}(?:-\s{0,9}(\d{1,4})\s{0,9})?$/.exec(part);
    const from = Number(range?.[1] ?? 0);
    const to = Number(range?.[2] ?? range?.[1] ?? 0);
    if (from < 1 || to < from) return undefined;
    ranges.push([from, to]);
  }
  return ranges;
}

function isRequired({ required, requiredWhen }: TextSetting, { values = {} }: CheckContext): boolean {
  if (requiredWhen === undefined) return required === true;
  return Object.entries(requiredWhen).every(([name, those]) => those.includes(textOf(values[name])));
}

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value).trim()
    : '';
}

function numberProblem(
  { min, max, integer = false }: { min: number; max: number; integer?: boolean },
  value: unknown,
): Problem | undefined {
  const number = typeof value === 'number' ? value : typeof value === 'string' ? Number(value.trim()) : NaN;
  if (number >= min && number <= max && (!integer || Number.isInteger(number))) return undefined;
  return { sentence: integer ? 'integer' : 'number', words: { min, max } };
}

function channelProblem(
  { list }: { list?: boolean },
  value: unknown,
  { channels = [] }: CheckContext,
): Problem | undefined {
  const text = textOf(value);
  if (text.includes('://')) return { sentence: 'url' };
  const isName = (part: string): boolean =>
    channels.some(({ name }) => name.trim().toLowerCase() === part.trim().toLowerCase());
  const isKnown = (part: string): boolean =>
    isName(part) || (/^\d{1,4}$/.test(part.trim()) && Number(part) > 0);
  if (isKnown(text)) return undefined;
  if (list !== true) return { sentence: 'channel' };
  const fits = (part: string): boolean => isKnown(part) || channelRanges(part) !== undefined;
  return text === '*' || listParts(text, isName).every(fits) ? undefined : { sentence: 'channelList' };
}

function isChannelRow(row: unknown): boolean {
  if (typeof row !== 'object' || row === null) return false;
  const { channel, name } = row as { channel?: unknown; name?: unknown };
  const number = Number(channel);
  return (
    Number.isInteger(number) &&
    number >= 1 &&
    number <= MAX_CHANNEL &&
    typeof name === 'string' &&
    name.length <= MAX_NAME
  );
}

function isCodes(value: unknown): boolean {
  if (typeof value === 'object') return !Array.isArray(value);
  try {
    const parsed: unknown = JSON.parse(textOf(value));
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
  } catch {
    return false;
  }
}

/**
 * A host name in any script or an IP address, with or without a port. What manuals write for one, such as
 * `<ip>` and `192.168.1.x`, is none.
 */
function isAddress(text: string): boolean {
  if (/^\[?[0-9a-f]*:[0-9a-f]*:/i.test(text)) return true;
  const [host = '', port, more] = text.split(':');
  if (more !== undefined || (port !== undefined && !(Number(port) >= 1 && Number(port) <= 65_535)))
    return false;
  if (!/^[\p{L}\p{N}_][\p{L}\p{N}\p{M}_.-]*$/u.test(host) || host.includes('..')) return false;
  const labels = host.split('.');
  if (/^\d+$/.test(labels.at(-1)!))
    return labels.length === 4 && labels.every((label) => Number(label) <= 255);
  return !/^(\d+\.){1,3}x+$/i.test(host);
}

/** The form of a time. Whether the date exists is checked on use. */
const TIMES: Readonly<Record<'moment' | 'span', RegExp>> = {
  moment: /^(now|[+-]\d{1,15}(\.\d{1,15})?\s?(ms|s|m|min|h|d)|\d{12,14}|\d{4}-?\d{2}.*)$/i,
  span: /^\+?\d{1,15}(\.\d{1,15})?\s?(ms|s|m|min|h|d)?$/i,
};

/** The checks of text settings. */
const TEXT_RULES: Readonly<Record<TextRule, (text: string) => Problem | undefined>> = {
  address: (text) => {
    if (/[\s/@?#]/.test(text)) return { sentence: 'addressParts' };
    return isAddress(text) ? undefined : { sentence: 'address' };
  },
  folder: (text) => (/^(\/|[a-z]:[\\/]|\\\\)/i.test(text) ? undefined : { sentence: 'folder' }),
  fileName: (text) =>
    !text.includes('\\') && text.split('/').every((level) => level.trim() !== '' && !/^\.+$/.test(level))
      ? undefined
      : { sentence: 'fileName' },
  template: (text) => (/^[a-z]+:\/\//i.test(text) ? { sentence: 'template' } : undefined),
  path: (text) => (/^\/[^\s?#/][^\s?#]*$/.test(text) ? undefined : { sentence: 'path' }),
  timeZone: (text) => {
    try {
      new Intl.DateTimeFormat('en', { timeZone: text });
      return undefined;
    } catch {
      return { sentence: 'timeZone' };
    }
  },
  keyPattern: (text) =>
    text !== '*' && text.split('*').length <= 2 ? undefined : { sentence: 'keyPattern' },
  // Clips are not executable, and must stay writable for their owner until they are finished.
  fileMode: (text) => (/^0?6[0246]{2}$/.test(text) ? undefined : { sentence: 'fileMode' }),
  origins: (text) =>
    text.split(/[\s,]/).every((origin) => origin === '' || /^https?:\/\/[^/\s,]+$/.test(origin))
      ? undefined
      : { sentence: 'origins' },
};
