// Deletes what is too old or too much: files of the recorder's own journal, and nothing else.

import { NvrError } from '../../errors.js';
import { openBelow, removeEmpty } from './below.js';
import { codeOf } from './disk.js';
import type { DoneEntry, Journal } from './journal.js';
import type { RecorderFs } from './types.js';

export interface Deleted {
  readonly file: string;
  readonly bytes: number;
  readonly reason: 'age' | 'size';
}

export interface RetentionLimits {
  /** Days; 0: no limit. */
  readonly keepDays: number;
  /** GiB; 0: no limit. */
  readonly keepGiB: number;
}

const DAY_MS = 24 * 3_600_000;
const GIB = 1024 ** 3;

/** Deletes by age, then the oldest by size, and tells each. Rejects with what the file system says where a file cannot be deleted. */
export async function retain(
  fs: RecorderFs,
  journal: Journal,
  limits: RetentionLimits,
  now: number,
  tell: (deleted: Deleted) => void,
): Promise<void> {
  const before = limits.keepDays > 0 ? now - limits.keepDays * DAY_MS : -Infinity;
  const bytes = limits.keepGiB > 0 ? limits.keepGiB * GIB : Infinity;
  for (const entry of [...journal.finished]) {
    if (entry.kept) continue;
    const reason = entry.end < before ? 'age' : journal.bytes > bytes ? 'size' : undefined;
    if (reason === undefined) break;
    const was = await remove(fs, journal.root, entry);
    await journal.gone(entry.file);
    if (was) tell({ file: entry.file, bytes: entry.bytes, reason });
  }
}

/** False: someone else has deleted it, or it lies behind a link that leads elsewhere and is no file of ours. */
async function remove(fs: RecorderFs, root: string, entry: DoneEntry): Promise<boolean> {
  const was = await unlink(fs, root, entry.file);
  if (entry.thumbnail !== undefined) await unlink(fs, root, entry.thumbnail);
  await removeEmpty(fs, root, entry.file);
  return was;
}

async function unlink(fs: RecorderFs, root: string, file: string): Promise<boolean> {
  try {
    return await (await openBelow(fs, root, file)).remove();
  } catch (error) {
    if (error instanceof NvrError || codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}
