// Deletes what is too old or too much: files of the journals of this process's recorders, and nothing else.

import { NvrError } from '../../errors.js';
import { openBelow, removeEmpty } from './below.js';
import { codeOf } from './disk.js';
import { freeBytes } from './disk-room.js';
import type { DoneEntry, Journal } from './journal.js';
import type { DeletedReason, RecorderFs } from './types.js';

export interface Deleted {
  readonly file: string;
  readonly bytes: number;
  readonly reason: DeletedReason;
}

/** None counts what is kept. */
export interface RetentionLimits {
  /** Days; 0: no limit. */
  readonly keepDays: number;
  /** GiB; 0: no limit. */
  readonly keepGiB: number;
  /** GiB of all recorders of this process in the folder; 0: no limit. */
  readonly keepFolderGiB?: number;
  /** GiB of the disk that are to be free; 0: no limit. */
  readonly keepFreeGiB?: number;
}

const DAY_MS = 24 * 3_600_000;
export const GIB = 1024 ** 3;

/**
 * Deletes by age, then the oldest by size, by the folder's and by what is free, and tells each. `all`: the
 * journals of the folder, this one among them. Rejects with what the file system says where a file cannot be
 * deleted.
 */
export async function retain(
  fs: RecorderFs,
  journal: Journal,
  all: readonly Journal[],
  limits: RetentionLimits,
  now: number,
  tell: (deleted: Deleted) => void,
): Promise<void> {
  const { keepDays, keepGiB, keepFolderGiB = 0, keepFreeGiB = 0 } = limits;
  const before = keepDays > 0 ? now - keepDays * DAY_MS : -Infinity;
  const bytes = keepGiB > 0 ? keepGiB * GIB : Infinity;
  for (const entry of [...journal.finished]) {
    if (entry.kept) continue;
    const reason = entry.end < before ? 'age' : journal.unkeptBytes > bytes ? 'size' : undefined;
    if (reason === undefined) break;
    await remove(fs, journal, entry, reason, tell);
  }
  if (keepFolderGiB > 0) {
    const excess = all.reduce((sum, one) => sum + one.unkeptBytes, 0) - keepFolderGiB * GIB;
    await removeOldest(fs, all, excess, 'folder', tell);
  }
  if (keepFreeGiB > 0) {
    const short = keepFreeGiB * GIB - (await freeBytes(fs, journal.root));
    await removeOldest(fs, all, short, 'free', tell);
  }
}

async function removeOldest(
  fs: RecorderFs,
  all: readonly Journal[],
  bytes: number,
  reason: DeletedReason,
  tell: (deleted: Deleted) => void,
): Promise<void> {
  if (bytes <= 0) return;
  const oldest = all
    .flatMap((journal) => [...journal.finished].map((entry) => ({ journal, entry })))
    .filter(({ entry }) => !entry.kept)
    .sort((a, b) => a.entry.end - b.entry.end);
  let left = bytes;
  for (const { journal, entry } of oldest) {
    if (left <= 0) return;
    await remove(fs, journal, entry, reason, tell);
    left -= entry.bytes;
  }
}

/**
 * Told where there was a file: not where someone else has deleted it, or it lies behind a link that leads
 * elsewhere and is no file of ours.
 */
async function remove(
  fs: RecorderFs,
  journal: Journal,
  { file, thumbnail, bytes }: DoneEntry,
  reason: DeletedReason,
  tell: (deleted: Deleted) => void,
): Promise<void> {
  const { root } = journal;
  const was = await unlink(fs, root, file);
  if (thumbnail !== undefined) await unlink(fs, root, thumbnail);
  await removeEmpty(fs, root, file);
  await journal.gone(file);
  if (was) tell({ file, bytes, reason });
}

async function unlink(fs: RecorderFs, root: string, file: string): Promise<boolean> {
  try {
    return await (await openBelow(fs, root, file)).remove();
  } catch (error) {
    if (error instanceof NvrError || codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}
