// The lines of a recorder's journal and their parser, which ignores a line that is damaged or names a file
// outside the folder.

import type { TimeSource } from '../../codec/unit.js';
import { pathOf } from './below.js';
import type { Alarm, ClipInfo, KeptMessage } from './types.js';

/** What a clip's message says, without the names of its files. */
export type ClipReport = Omit<ClipInfo, 'file' | 'thumbnail'>;

/** A file that is being written. Paths are from the folder, with / as separator. */
export interface OpenEntry {
  readonly file: string;
  /** Epoch ms. */
  readonly start: number;
  readonly reason: string;
  readonly codec: string;
  readonly width: number;
  readonly height: number;
  readonly timeSource?: TimeSource;
  /** The alarm that it belongs to, if any. */
  readonly id?: string;
  /** To be protected from retention once it is finished. */
  readonly kept?: true;
}

/** The properties of a file after it has been thinned. */
export interface Thinned {
  readonly bytes: number;
  readonly sha256: string;
  readonly frames: number;
}

/** A finished file. */
export interface DoneEntry {
  readonly file: string;
  /** Epoch ms. */
  readonly end: number;
  readonly bytes: number;
  readonly thumbnail?: string;
  readonly id?: string;
  /** The message that no running flow has received yet. */
  readonly undelivered?: ClipReport;
  /** The message that was delivered, with shortened lists. */
  readonly delivered?: ClipReport;
  /** Protected from retention. */
  readonly kept?: true;
  /** The file is being replaced by its keyframes, which have these properties. */
  readonly thinning?: Thinned;
}

/**
 * An alarm that is not done: its clip is being recorded, to be reported, or to be fetched. Times are epoch
 * ms.
 */
export interface CaseEntry {
  readonly id: string;
  readonly reason: string;
  /** The first alarm minus the pre-roll. */
  readonly from: number;
  /** The end of the post-roll as known so far. */
  readonly to: number;
  readonly alarms: readonly Alarm[];
  /** The first alarm's message, for a clip that is reported after a restart. */
  readonly message?: KeptMessage;
  /** The recorded camera, as its owner names it: the recorder may be set to another one meanwhile. */
  readonly camera?: string;
  /** Its recording has ended with this many ms missing, which are to be fetched; `since` is that time. */
  readonly missing?: { readonly ms: number; readonly since: number };
}

/** The id of alarms in a continuous segment: they are listed with it and get no clip of their own. */
export const SEGMENT = 'segment';
/** The id that files of a time-lapse have in place of an alarm's. */
export const LAPSE = 'lapse';

export type Line =
  /** The camera that the journal's recorder records. */
  | { readonly op: 'of'; readonly camera: string }
  | ({ readonly op: 'open' } & OpenEntry)
  | ({ readonly op: 'done' } & DoneEntry)
  | { readonly op: FileWord; readonly file: string }
  | ({ readonly op: 'thin'; readonly file: string } & Thinned)
  | ({ readonly op: 'alarm' } & CaseEntry)
  | { readonly op: 'more'; readonly id: string; readonly to: number; readonly alarm?: Alarm }
  | { readonly op: 'missing'; readonly id: string; readonly ms: number; readonly since: number }
  | { readonly op: 'over'; readonly id: string };

/**
 * The words are those of existing journals. `told`: the file's message was delivered. `gone`: the file was
 * deleted, or never finished. `keep` and `release`: its protection from retention. `thin` begins a
 * replacement by keyframes, `thinned` ends it, `whole` cancels it.
 */
const FILE_WORDS = ['told', 'gone', 'keep', 'release', 'thinned', 'whole'] as const;
export type FileWord = (typeof FILE_WORDS)[number];

const MAX_ID = 100;
/** Shorter limits for reported files, of which there may be very many. */
const LISTED_ALARMS = 20;
const LISTED_SPANS = 100;
const NONE: readonly never[] = [];

/** The file's message, delivered or not; undefined in the journal of an earlier version. */
export function reportOf({ undelivered, delivered }: DoneEntry): ClipReport | undefined {
  return undelivered ?? delivered;
}

/** Shortens the message of a delivered file for keeping. */
export function shortReport(report: ClipReport): ClipReport {
  const cut = <T>(list: readonly T[] | undefined, length: number): readonly T[] =>
    list === undefined || list.length === 0 ? NONE : list.slice(0, length);
  return {
    ...report,
    alarms: cut(report.alarms, LISTED_ALARMS),
    gaps: cut(report.gaps, LISTED_SPANS),
    damagedSpans: cut(report.damagedSpans, LISTED_SPANS),
  };
}

/** Writes a line. Existing journals name a report `untold` until it is delivered, and `story` after that. */
export function lineText(line: Line): string {
  if (line.op !== 'done') return `${JSON.stringify(line)}\n`;
  const { undelivered: untold, delivered: story, ...entry } = line;
  return `${JSON.stringify({ ...entry, untold, story })}\n`;
}

/** Parses a line, the reverse of `lineText`; undefined if it is not valid. `root` is the folder. */
export function readLine(text: string, root: string): Line | undefined {
  if (text === '') return undefined;
  try {
    const line = JSON.parse(text) as Record<string, unknown>;
    switch (line.op) {
      case 'of':
        return { op: 'of', camera: textOf(line.camera) };
      case 'alarm':
      case 'more':
      case 'missing':
      case 'over':
        return caseLine(line);
      default:
        return fileLine(line, root);
    }
  } catch {
    return undefined;
  }
}

function fileLine(line: Record<string, unknown>, root: string): Line | undefined {
  const { op, file, end, bytes, thumbnail, untold, story, start, reason, codec, width, height } = line;
  if (typeof file !== 'string') return undefined;
  pathOf(root, file);
  const word = FILE_WORDS.find((one) => one === op);
  if (word !== undefined) return { op: word, file };
  const marks = {
    ...(typeof line.id === 'string' && { id: line.id.slice(0, MAX_ID) }),
    ...(line.kept === true && { kept: true as const }),
  };
  if (op === 'open' && typeof start === 'number') {
    const picture = { codec: textOf(codec), width: Number(width) || 0, height: Number(height) || 0 };
    const source = typeof line.timeSource === 'string' && { timeSource: line.timeSource as TimeSource };
    return { op, file, start, reason: textOf(reason), ...picture, ...source, ...marks };
  }
  if (op === 'thin') {
    const thinned = thinnedOf(line);
    return thinned && { op, file, ...thinned };
  }
  if (op !== 'done' || typeof end !== 'number' || typeof bytes !== 'number') return undefined;
  const thinning = isObject(line.thinning) ? thinnedOf(line.thinning) : undefined;
  if (typeof thumbnail === 'string') pathOf(root, thumbnail);
  return {
    op,
    file,
    end,
    bytes,
    ...marks,
    ...(typeof thumbnail === 'string' && { thumbnail }),
    ...(isObject(untold) && { undelivered: untold as unknown as ClipReport }),
    ...(isObject(story) && { delivered: story as unknown as ClipReport }),
    ...(thinning !== undefined && { thinning }),
  };
}

function thinnedOf({ bytes, sha256, frames }: Record<string, unknown>): Thinned | undefined {
  const isWhole = typeof bytes === 'number' && typeof sha256 === 'string' && typeof frames === 'number';
  return isWhole ? { bytes, sha256, frames } : undefined;
}

function caseLine(line: Record<string, unknown>): Line | undefined {
  const { op, reason, from, to, ms, since, message } = line;
  if (typeof line.id !== 'string') return undefined;
  const id = line.id.slice(0, MAX_ID);
  if (op === 'over') return { op, id };
  if (op === 'missing')
    return typeof ms === 'number' && typeof since === 'number' ? { op, id, ms, since } : undefined;
  if (typeof to !== 'number') return undefined;
  if (op === 'more') {
    const [alarm] = alarmsOf([line.alarm]);
    return { op, id, to, ...(alarm !== undefined && { alarm }) };
  }
  if (typeof from !== 'number') return undefined;
  const missing = isObject(line.missing) ? line.missing : undefined;
  const isMissing = typeof missing?.ms === 'number' && typeof missing.since === 'number';
  return {
    op: 'alarm',
    id,
    reason: textOf(reason),
    from,
    to,
    alarms: alarmsOf(line.alarms),
    ...(isObject(message) && { message }),
    ...(typeof line.camera === 'string' && { camera: line.camera }),
    ...(isMissing && { missing: { ms: missing.ms as number, since: missing.since as number } }),
  };
}

function alarmsOf(value: unknown): Alarm[] {
  const listed: unknown[] = Array.isArray(value) ? value : [];
  return listed.flatMap((one) =>
    isObject(one) && typeof one.time === 'number' ? [{ time: one.time, reason: textOf(one.reason) }] : [],
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
