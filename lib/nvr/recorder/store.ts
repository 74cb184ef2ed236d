// The folder of a recorder: its journal, what an earlier run left there, and what has had its time.

import path from 'node:path';
import { folderMode } from './below.js';
import { FILE_MODE } from './clip-file.js';
import { writeError } from './disk.js';
import { Journal, type CaseEntry } from './journal.js';
import { recover, type RecoveryListener } from './recovery.js';
import { retain } from './retention.js';
import type { NvrError } from '../../errors.js';
import type { RecorderDeps, RecorderEvent, RecorderOptions } from './types.js';

const RETENTION_MS = 3_600_000;

export class ClipStore {
  private loaded: Journal | undefined;
  private loading: Promise<Journal> | undefined;
  private recovering: Promise<void> = Promise.resolve();
  private read = false;
  private timer: unknown;
  private readonly notes = new Set<Promise<void>>();
  private retaining: Promise<void> = Promise.resolve();
  private closed = true;

  constructor(
    private readonly options: RecorderOptions,
    private readonly deps: RecorderDeps,
    private readonly emit: (event: RecorderEvent) => void,
    private readonly recovery: RecoveryListener,
    /** A limit that could not be kept to, or what an earlier run left and cannot be finished. */
    private readonly warn: (error: NvrError) => void,
  ) {}

  get isRead(): boolean {
    return this.read;
  }

  get files(): number {
    return this.loaded?.files ?? 0;
  }

  get bytes(): number {
    return this.loaded?.bytes ?? 0;
  }

  /** One that has not had its last word. */
  caseOf(id: string | undefined): CaseEntry | undefined {
    return this.loaded?.cases.find((entry) => entry.id === id);
  }

  /** Makes the folder, finishes what an earlier run left there, and keeps to the limits. Rejects with EDISK. */
  async open(): Promise<void> {
    this.closed = false;
    const { folder, fileMode = FILE_MODE } = this.options;
    const { fs } = this.deps;
    try {
      const mode = folderMode(fileMode);
      const made = await fs.mkdir(folder, { recursive: true, mode });
      if (made !== undefined) await fs.chmod(folder, mode).catch(() => undefined);
      await this.journal();
      await this.recovering;
      this.retain();
    } catch (cause) {
      throw writeError(cause, folder);
    }
  }

  /** Resolves when nothing is being finished, deleted or written down any more. */
  async close(): Promise<void> {
    this.closed = true;
    this.deps.timers.clear(this.timer);
    await Promise.all([this.recovering, this.retaining]);
    await Promise.all(this.notes);
  }

  /** The journal of the folder as it is there now: another disk may have been mounted since. Rejects with what the file system says. */
  async journal(): Promise<Journal> {
    const { fs } = this.deps;
    const { folder, id } = this.options;
    const root = await fs.realpath(folder);
    if (this.loaded?.root === root) return this.loaded;
    this.loading ??= Journal.load(fs, root, id)
      .then((journal) => {
        this.loaded = journal;
        // An alarm does not wait for it.
        this.recovering = this.recover(journal);
        return journal;
      })
      .finally(() => {
        this.loading = undefined;
      });
    return this.loading;
  }

  /** Writes something down. Never rejects: a disk that refuses is told of by the clip that cannot be written. */
  note(write: (journal: Journal) => Promise<void>): Promise<void> {
    const noted = this.journal()
      .then(write)
      .catch(() => undefined)
      .finally(() => this.notes.delete(noted));
    this.notes.add(noted);
    return noted;
  }

  /** Deletes what is beyond the limits, now and every hour. */
  retain(): void {
    const { keepDays, keepGiB, folder } = this.options;
    const { timers, fs, now } = this.deps;
    if (this.closed || (keepDays === 0 && keepGiB === 0)) return;
    timers.clear(this.timer);
    this.timer = timers.set(() => {
      this.retain();
    }, RETENTION_MS);
    this.retaining = this.retaining.then(async () => {
      try {
        await retain(fs, await this.journal(), this.options, now(), ({ file, bytes, reason }) => {
          this.emit({ type: 'deleted', file: path.join(folder, file), bytes, reason });
        });
      } catch (cause) {
        this.warn(writeError(cause, folder));
      }
    });
  }

  private async recover(journal: Journal): Promise<void> {
    const { fs } = this.deps;
    const { folder } = this.options;
    try {
      await recover(fs, journal, folder, this.recovery);
    } catch (cause) {
      this.warn(writeError(cause, folder));
    }
    this.read = true;
  }
}
