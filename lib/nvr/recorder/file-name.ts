// Where a clip goes: a template below the folder, filled with names that no file system and no attacker can
// make more of.

import { DateTime } from 'luxon';
import { NvrError } from '../../errors.js';

export interface NameFields {
  readonly nvr: string;
  readonly channel: string;
  readonly stream: string;
  readonly reason: string;
  /** Epoch ms. */
  readonly time: number;
}

export const DEFAULT_FILE_NAME = '{nvr}/{channel}/{yyyy}-{MM}-{dd}/{HHmmss}-{reason}.mp4';

const MAX_LEVELS = 16;
/** Bytes of one name; file systems allow 255, and a suffix comes on top. */
const MAX_NAME_BYTES = 180;
/** Names that Windows keeps for devices, whatever follows a dot. */
const RESERVED = /^(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])$/i;
const TIME = /^[yMdHmsS]+(?:[-_.][yMdHmsS]+)*$/;
const TEXTS = ['nvr', 'channel', 'stream', 'reason'] as const;

/**
 * The template's levels, filled, without the last one's ending. Throws EINPUT for a template that leaves the
 * folder or names what is unknown.
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

/** Throws EINPUT that says what is wrong with a template. */
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

/** One level of a path, of any text. */
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

/** White space and dots around a name are lost on some systems: three of them at most become `_`. */
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
