// The lines of a recorder's journal, and how they are read: nothing is taken from one that is torn, or that
// names a file outside the folder.

import type { TimeSource } from '../../codec/unit.js';
import { pathOf } from './below.js';
import type { Alarm, ClipInfo, KeptMessage } from './types.js';

/** What a clip's message tells, the names of the files apart. */
export type Story = Omit<ClipInfo, 'file' | 'thumbnail'>;

/** A file that is being written. Paths are from the folder, with / between levels. */
export interface OpenEntry {
  readonly file: string;
  /** Epoch ms. */
  readonly start: number;
  readonly reason: string;
  readonly codec: string;
  readonly width: number;
  readonly height: number;
  readonly timeSource?: TimeSource;
  /** The case it belongs to, if any. */
  readonly id?: string;
  /** To be kept when it is finished. */
  readonly kept?: true;
}

/** What a file is once it has been thinned. */
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
  /** What no running flow has been told yet. */
  readonly untold?: Story;
  /** What has been told, its lists cut short. */
  readonly story?: Story;
  /** Retention leaves it alone. */
  readonly kept?: true;
  /** It is about to be replaced by its keyframes, which are this. */
  readonly thinning?: Thinned;
}

/**
 * An alarm that has not had its last word: its clip is recorded, or to be told, or to be fetched. Times are
 * epoch ms.
 */
export interface CaseEntry {
  readonly id: string;
  readonly reason: string;
  /** The first alarm minus the pre-roll. */
  readonly from: number;
  /** The end of the post-roll as far as it is known. */
  readonly to: number;
  readonly alarms: readonly Alarm[];
  /** The first alarm's message, for a clip that is told when nobody holds it any more. */
  readonly message?: KeptMessage;
  /** Its recording is over, and this much of it, in ms, is missing; to be fetched, since then. */
  readonly missing?: { readonly ms: number; readonly since: number };
}

/** The case of the alarms in a continuous segment: they are listed, and no clip is owed to them. */
export const SEGMENT = 'segment';
/** What a time-lapse's files have in place of a case. */
export const LAPSE = 'lapse';

export type Line =
  /** What the journal's recorder records. */
  | { readonly op: 'of'; readonly camera: string }
  | ({ readonly op: 'open' } & OpenEntry)
  | ({ readonly op: 'done' } & DoneEntry)
  | { readonly op: FileWord; readonly file: string }
  | ({ readonly op: 'thin'; readonly file: string } & Thinned)
  | ({ readonly op: 'alarm' } & CaseEntry)
  | { readonly op: 'more'; readonly id: string; readonly to: number; readonly alarm?: Alarm }
  | { readonly op: 'missing'; readonly id: string; readonly ms: number; readonly since: number }
  | { readonly op: 'over'; readonly id: string };

/** `thinned` ends what `thin` began; `whole` takes it back. */
const FILE_WORDS = ['told', 'gone', 'keep', 'release', 'thinned', 'whole'] as const;
export type FileWord = (typeof FILE_WORDS)[number];

const MAX_ID = 100;
/** Of a file that has been told, there may be very many. */
const LISTED_ALARMS = 20;
const LISTED_SPANS = 100;
const NONE: readonly never[] = [];

/** What is remembered of a file that has been told. */
export function shortStory(story: Story): Story {
  const cut = <T>(list: readonly T[] | undefined, length: number): readonly T[] =>
    list === undefined || list.length === 0 ? NONE : list.slice(0, length);
  return {
    ...story,
    alarms: cut(story.alarms, LISTED_ALARMS),
    gaps: cut(story.gaps, LISTED_SPANS),
    damagedSpans: cut(story.damagedSpans, LISTED_SPANS),
  };
}

/** Undefined for what is no line of ours. `root`: of the folder. */
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
    ...(isObject(untold) && { untold: untold as unknown as Story }),
    ...(isObject(story) && { story: story as unknown as Story }),
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
