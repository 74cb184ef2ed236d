// The path of a clip: fills a template with names that are safe on every file system and cannot lead out of
// the folder.

import { DateTime } from 'luxon';
import { NvrError } from '../../errors.js';

interface NameFields {
  readonly nvr: string;
  readonly channel: string;
  readonly stream: string;
  readonly reason: string;
  /** Epoch ms. */
  readonly time: number;
}

export const DEFAULT_FILE_NAME = '{nvr}/{channel}/{yyyy}-{MM}-{dd}/{HHmmss}-{reason}.mp4';

const MAX_LEVELS = 16;
/** The most bytes of one name: file systems permit 255, and a suffix is added. */
const MAX_NAME_BYTES = 180;
/** Names that Windows reserves for devices, with any extension. */
const RESERVED = /^(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])$/i;
const TIME = /^[yMdHmsS]+(?:[-_.][yMdHmsS]+)*$/;
const TEXTS = ['nvr', 'channel', 'stream', 'reason'] as const;

/**
 * The filled levels of the template, without the file's extension. Throws EINPUT for a template that leaves
 * the folder or has an unknown placeholder.
 */
export function clipPath(template: string, fields: NameFields, timeZone: string): string[] {
  const levels = checkTemplate(template);
  const at = DateTime.fromMillis(fields.time, { zone: timeZone === '' ? 'utc' : timeZone, locale: 'en' });
  return levels.map((level) =>
    safeName(
      level.replace(/\{([^{}]*)\}/g, (_whole, key: string) => {
        const text = TEXTS.find((name) => name === key);
        return text === undefined ? at.toFormat(key) : safeName(fields[text]);
      }),
    ),
  );
}

/** Throws EINPUT that says what is wrong with a template; returns its levels. */
export function checkTemplate(template: string): string[] {
  const levels = template.replace(/\.(mp4|mov)$/i, '').split('/');
  const refuse = (rule: string): never => {
    throw new NvrError('EINPUT', `The setting "fileName" ${rule}`);
  };
  if (levels.length > MAX_LEVELS) refuse(`must have at most ${MAX_LEVELS} levels.`);
  for (const level of levels) {
    if (level.trim() === '' || /^\.+$/.test(level) || /^[a-z]:$/i.test(level) || level.includes('\\'))
      refuse('must be a path below the folder, with / between its levels and none of them empty or "..".');
    for (const [, key = ''] of level.matchAll(/\{([^{}]*)\}/g)) {
      if (!TEXTS.some((name) => name === key) && !TIME.test(key))
        refuse(
          `names {${key.slice(0, 20)}}, which is neither ${TEXTS.join(', ')} nor a time such as yyyy, MM, dd, HHmmss.`,
        );
    }
  }
  return levels;
}

/** Makes a safe name for one level of a path from any text. */
export function safeName(text: string): string {
  const plain = text
    .normalize('NFC')
    .replace(/\p{Surrogate}/gu, '_')
    // eslint-disable-next-line no-control-regex -- no file name holds them everywhere
    .replace(/[\x00-\x1f\x7f-\x9f<>:"/\\|?*\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '_');
  const short = withoutEdges(shorten(plain));
  if (short === '') return '_';
  return RESERVED.test(short.split('.')[0]!.trim()) ? `_${short}` : short;
}

/** Some systems drop white space and dots at the ends of a name: up to three of them become `_`. */
function withoutEdges(name: string): string {
  const filler = (length: number): string => '_'.repeat(Math.min(length, 3));
  const start = name.search(/[^\s.]/);
  if (start === -1) return filler(name.length);
  let end = name.length;
  while (/[\s.]/.test(name[end - 1]!)) end--;
  return filler(start) + name.slice(start, end) + filler(name.length - end);
}

function shorten(text: string): string {
  let bytes = 0;
  let short = '';
  for (const character of text) {
    bytes += Buffer.byteLength(character);
    if (bytes > MAX_NAME_BYTES) break;
    short += character;
  }
  return short;
}
