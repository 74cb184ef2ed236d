// Deletes recordings beyond the limits of age and size. It deletes only files in the journals of this
// process's recorders.

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

/** The limits do not count protected files. */
export interface RetentionLimits {
  /** Days; 0: no limit. */
  readonly keepDays: number;
  /** GiB; 0: no limit. */
  readonly keepGiB: number;
  /** GiB of all recorders of this process in the folder; 0: no limit. */
  readonly keepFolderGiB?: number;
  /** GiB of the disk to keep free; 0: no limit. */
  readonly keepFreeGiB?: number;
}

const DAY_MS = 24 * 3_600_000;
export const GIB = 1024 ** 3;

/**
 * Deletes by age, then the oldest files by the limits on size, on the folder and on free space, and reports
 * each. `all` are the journals of the folder, including this one. Rejects with the file system's error if a
 * file cannot be deleted.
 */
export async function retain(
  fs: RecorderFs,
  journal: Journal,
  all: readonly Journal[],
  limits: RetentionLimits,
  now: number,
  report: (deleted: Deleted) => void,
): Promise<void> {
  const { keepDays, keepGiB, keepFolderGiB = 0, keepFreeGiB = 0 } = limits;
  const before = keepDays > 0 ? now - keepDays * DAY_MS : -Infinity;
  const bytes = keepGiB > 0 ? keepGiB * GIB : Infinity;
  // The journal is in the order of finishing, and a clip fetched after an outage is finished late.
  const oldestFirst = [...journal.finished].sort((a, b) => a.end - b.end);
  for (const entry of oldestFirst) {
    if (entry.kept) continue;
    const reason = entry.end < before ? 'age' : journal.unkeptBytes > bytes ? 'size' : undefined;
    if (reason === undefined) break;
    await remove(fs, journal, entry, reason, report);
  }
  if (keepFolderGiB > 0) {
    const excess = all.reduce((sum, one) => sum + one.unkeptBytes, 0) - keepFolderGiB * GIB;
    await removeOldest(fs, all, excess, 'folder', report);
  }
  if (keepFreeGiB > 0) {
    const short = keepFreeGiB * GIB - (await freeBytes(fs, journal.root));
    await removeOldest(fs, all, short, 'free', report);
  }
}

async function removeOldest(
  fs: RecorderFs,
  all: readonly Journal[],
  bytes: number,
  reason: DeletedReason,
  report: (deleted: Deleted) => void,
): Promise<void> {
  if (bytes <= 0) return;
  const oldest = all
    .flatMap((journal) => [...journal.finished].map((entry) => ({ journal, entry })))
    .filter(({ entry }) => !entry.kept)
    .sort((a, b) => a.entry.end - b.entry.end);
  let left = bytes;
  for (const { journal, entry } of oldest) {
    if (left <= 0) return;
    await remove(fs, journal, entry, reason, report);
    left -= entry.bytes;
  }
}

/**
 * Reports only files that were there. A file that someone else deleted, or that is behind a link leading out
 * of the folder and so is not ours, is only removed from the journal.
 */
async function remove(
  fs: RecorderFs,
  journal: Journal,
  { file, thumbnail, bytes }: DoneEntry,
  reason: DeletedReason,
  report: (deleted: Deleted) => void,
): Promise<void> {
  const { root } = journal;
  const wasThere = await unlink(fs, root, file);
  if (thumbnail !== undefined) await unlink(fs, root, thumbnail);
  await removeEmpty(fs, root, file);
  await journal.removed(file);
  if (wasThere) report({ file, bytes, reason });
}

async function unlink(fs: RecorderFs, root: string, file: string): Promise<boolean> {
  try {
    return await (await openBelow(fs, root, file)).remove();
  } catch (error) {
    if (error instanceof NvrError || codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}
