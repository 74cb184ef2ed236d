// The recordings of one recorder, read from its journal: finds them by time or by file, and protects them
// from retention.

import path from 'node:path';
import { NvrError } from '../../errors.js';
import { below, openBelow } from './below.js';
import { codeOf, writeError } from './disk.js';
import { reportOf, type DoneEntry, type Journal, type OpenEntry } from './journal.js';
import { PART } from './part-file.js';
import type { ClipInfo, RecorderDeps, RecorderFs, RecorderOptions } from './types.js';

/** Epoch ms; an undefined end is unbounded. */
export interface TimeSpan {
  readonly from?: number;
  readonly to?: number;
}

/** One file, named as in `clip.file`, or all files that overlap a span. */
export interface ClipChoice extends TimeSpan {
  readonly file?: string;
}

export interface ClipList {
  /** Sorted by start, the oldest first. */
  readonly clips: readonly ClipInfo[];
  /** There are more clips than are listed: continue from the last one's `end`. */
  readonly more: boolean;
}

/** A file that is being written: when it began, and why. */
export interface WrittenFile {
  readonly file: string;
  /** Epoch ms. */
  readonly start: number;
  readonly reason: string;
}

/** The most clips in one list. */
export const MAX_LISTED = 1000;

export class Catalog {
  /** @internal */
  constructor(
    private readonly options: Pick<RecorderOptions, 'folder'>,
    private readonly deps: Pick<RecorderDeps, 'fs' | 'now'>,
    private readonly load: () => Promise<Journal>,
  ) {}

  /** Rejects with EINPUT, or with EDISK if the folder cannot be read. */
  async list(span: TimeSpan): Promise<ClipList> {
    checkSpan(span, this.deps.now());
    return listClips(await this.journal(), this.options.folder, span);
  }

  /**
   * Files that are being written, which can be read up to their present end. `file` is the name on the disk
   * now. Rejects with EDISK.
   */
  async writing(): Promise<WrittenFile[]> {
    const { unfinished } = await this.journal();
    const full = (file: string): string => path.join(this.options.folder, file + PART);
    return unfinished.map(({ file, start, reason }) => ({ file: full(file), start, reason }));
  }

  /**
   * The real path of a file in the folder, with links resolved, for reading. Rejects with ENORECORDING if
   * there is no such file.
   */
  async locate(file: string): Promise<string> {
    const { root } = await this.journal();
    const gone = (): never => {
      throw new NvrError('ENORECORDING', 'That clip is gone: its file has been deleted.');
    };
    const place = await openBelow(this.deps.fs, root, below(this.options.folder, file)).catch(gone);
    return (await place.file()) === undefined ? gone() : place.full;
  }

  /**
   * Protects clips from retention, or ends that; returns their files. Rejects with EINPUT, ENORECORDING or
   * EDISK.
   */
  async keep(choice: ClipChoice, kept: boolean): Promise<string[]> {
    checkSpan(choice, this.deps.now());
    const { folder } = this.options;
    return keepClips(this.deps.fs, await this.journal(), folder, choice, kept).catch((cause: unknown) => {
      throw writeError(cause, folder);
    });
  }

  /** Rejects with EDISK. @internal */
  journal(): Promise<Journal> {
    return this.load().catch((cause: unknown) => {
      throw writeError(cause, this.options.folder);
    });
  }
}

/** Throws EINPUT for a span in the future or of no length. */
export function checkSpan({ from, to }: TimeSpan, now: number): void {
  if (from !== undefined && from > now)
    throw new NvrError('EINPUT', '"from" lies in the future: nothing is recorded there yet.');
  if (from !== undefined && to !== undefined && to <= from)
    throw new NvrError('EINPUT', '"to" must be later than "from".');
}

/** `folder` is the path as users see it. */
function listClips(journal: Journal, folder: string, span: TimeSpan): ClipList {
  const found = entriesOf(journal, span);
  const clips = found.slice(0, MAX_LISTED).map((entry) => clipInfo(entry, folder));
  return { clips, more: found.length > clips.length };
}

/** Finished files that overlap a span, the oldest first. */
export function entriesOf(journal: Journal, { from = -Infinity, to = Infinity }: TimeSpan): DoneEntry[] {
  const found = [...journal.finished].filter((entry) => startOf(entry) < to && entry.end > from);
  return found.sort((a, b) => startOf(a) - startOf(b));
}

/** The contents of the clip's message. */
export function clipInfo(entry: DoneEntry, folder: string): ClipInfo {
  const { file, end, bytes, thumbnail, kept } = entry;
  const full = (name: string): string => path.join(folder, name);
  return {
    ...(reportOf(entry) ?? emptyInfo(end)),
    ...{ file: full(file), end, bytes },
    ...(thumbnail !== undefined && { thumbnail: full(thumbnail) }),
    ...(kept && { kept }),
  };
}

/**
 * Protects files from retention, or ends that; returns their paths. Rejects with ENORECORDING if there are
 * none, and with EINPUT if the choice names none.
 */
async function keepClips(
  fs: RecorderFs,
  journal: Journal,
  folder: string,
  choice: ClipChoice,
  kept: boolean,
): Promise<string[]> {
  const { file, from, to = Infinity } = choice;
  let names: string[];
  if (file !== undefined) {
    names = [await nameOf(fs, journal, folder, file)];
  } else {
    if (from === undefined)
      throw new NvrError('EINPUT', 'Name the clip by "clip.file", or a span by "from" and "to".');
    const open = journal.unfinished.filter((entry) => entry.start < to).map((entry) => entry.file);
    names = [...entriesOf(journal, choice).map((entry) => entry.file), ...open];
    if (names.length === 0) throw new NvrError('ENORECORDING', 'Nothing is recorded in that span.');
    names = await existing(fs, journal, names);
    if (names.length === 0)
      throw new NvrError('ENORECORDING', 'The clips of that span are gone: someone has deleted their files.');
  }
  for (const name of names) await journal.keep(name, kept);
  return names.map((name) => path.join(folder, name));
}

/** The name in the journal of a file that exists. */
async function nameOf(fs: RecorderFs, journal: Journal, folder: string, file: string): Promise<string> {
  const name = path.isAbsolute(file) ? below(folder, file) : file;
  const entry = journal.find(name);
  if (entry === undefined)
    throw new NvrError('ENORECORDING', 'That file is no clip of this node, or has been deleted.');
  if (!isOpen(entry) && !(await isThere(fs, journal, name))) {
    await journal.removed(name);
    throw new NvrError('ENORECORDING', 'That clip is gone: someone has deleted its file.');
  }
  return name;
}

/** The files that exist or are being written. */
async function existing(fs: RecorderFs, journal: Journal, names: readonly string[]): Promise<string[]> {
  const there: string[] = [];
  for (const name of names) {
    const entry = journal.find(name);
    if (entry !== undefined && (isOpen(entry) || (await isThere(fs, journal, name)))) there.push(name);
  }
  return there;
}

/** False, too, if its folder is gone, or leads out of the clip folder. */
async function isThere(fs: RecorderFs, journal: Journal, name: string): Promise<boolean> {
  try {
    return (await (await openBelow(fs, journal.root, name)).file()) !== undefined;
  } catch (error) {
    if (error instanceof NvrError || codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

function isOpen(entry: DoneEntry | OpenEntry): entry is OpenEntry {
  return !('bytes' in entry);
}

/** The journal of an earlier version holds only a file's end. */
function startOf(entry: DoneEntry): number {
  return reportOf(entry)?.start ?? entry.end;
}

/** The info of a clip of which the journal of an earlier version holds only the end, in epoch ms. */
function emptyInfo(end: number): Omit<ClipInfo, 'file' | 'bytes'> {
  return {
    ...{ start: end, end, durationMs: 0, frames: 0, codec: '', width: 0, height: 0, audio: false },
    ...{ preRollMs: 0, reason: '', alarms: [], damaged: 0, damagedSpans: [], coverage: 0, gaps: [] },
    ...{ source: 'live', timeSource: 'arrival' },
  };
}
