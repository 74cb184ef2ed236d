// Thins the segments that are older than their limit, one after the other, except protected ones.

import path from 'node:path';
import { FILE_MODE } from './clip-file.js';
import { codeOf } from './disk.js';
import { SEGMENT, type Journal } from './journal.js';
import { thinFile } from './thin.js';
import type { RecorderDeps, RecorderEvent, RecorderOptions } from './types.js';

const DAY_MS = 24 * 3_600_000;
/** The most files to remember as not worth thinning; beyond that they are checked again. */
const MAX_REMEMBERED = 100_000;

export class Thinning {
  private readonly notWorthIt = new Set<string>();

  constructor(
    private readonly options: Pick<RecorderOptions, 'thinDays' | 'fileMode' | 'folder'>,
    private readonly deps: Pick<RecorderDeps, 'fs' | 'now'>,
    private readonly emit: (event: RecorderEvent) => void,
  ) {}

  /** Rejects with the file system's error. Stops early when `isWanted` returns false. */
  async run(journal: Journal, isWanted: () => boolean): Promise<void> {
    const { thinDays = 0, folder, fileMode = FILE_MODE } = this.options;
    if (thinDays <= 0) return;
    const before = this.deps.now() - thinDays * DAY_MS;
    for (const { file, end, id, kept, delivered } of [...journal.finished]) {
      if (!isWanted()) return;
      // Files are in the order in which they were finished, which need not be that of their times.
      if (end >= before || id !== SEGMENT || kept || this.notWorthIt.has(file)) continue;
      if (delivered === undefined || delivered.thinned) continue;
      const isThinned = await thinFile(this.deps.fs, journal, file, fileMode).catch((error: unknown) => {
        if (codeOf(error) === 'ENOENT') return false;
        throw error;
      });
      const entry = journal.find(file);
      if (isThinned && entry !== undefined && 'bytes' in entry) {
        const { bytes, delivered: report } = entry;
        this.emit({ type: 'thinned', file: path.join(folder, file), bytes, sha256: report?.sha256 ?? '' });
      } else {
        if (this.notWorthIt.size >= MAX_REMEMBERED) this.notWorthIt.clear();
        this.notWorthIt.add(file);
      }
    }
  }
}
