// Deletes what is too old or too much: files of the recorder's own journal, and nothing else.

import path from 'node:path';
import { codeOf } from './disk.js';
import type { DoneEntry, Journal } from './journal.js';
import { pathOf } from './paths.js';
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
    const reason = entry.end < before ? 'age' : journal.bytes > bytes ? 'size' : undefined;
    if (reason === undefined) break;
    const was = await remove(fs, journal.root, entry);
    await journal.gone(entry.file);
    if (was) tell({ file: entry.file, bytes: entry.bytes, reason });
  }
}

/** False: someone else has deleted it. */
async function remove(fs: RecorderFs, root: string, entry: DoneEntry): Promise<boolean> {
  const full = pathOf(root, entry.file);
  // A folder that was replaced by a link since leads elsewhere: not our file.
  const parent = await fs.realpath(path.dirname(full)).catch(() => undefined);
  if (parent !== path.dirname(full)) return false;
  const was = await unlink(fs, full);
  if (entry.thumbnail !== undefined) await unlink(fs, pathOf(root, entry.thumbnail));
  await removeEmpty(fs, root, parent);
  return was;
}

async function unlink(fs: RecorderFs, full: string): Promise<boolean> {
  try {
    await fs.unlink(full);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/** Folders of days long gone would pile up. */
async function removeEmpty(fs: RecorderFs, root: string, folder: string): Promise<void> {
  for (let level = folder; level.length > root.length; level = path.dirname(level)) {
    try {
      await fs.rmdir(level);
    } catch {
      return;
    }
  }
}
