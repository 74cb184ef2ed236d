// The folder of a recorder: its journal, what an earlier run left there unfinished, and what has had its time.

import path from 'node:path';
import { diskError } from './disk.js';
import { Journal } from './journal.js';
import { finishPart, isBeingWritten } from './part-file.js';
import { readClip } from './read-clip.js';
import { retain } from './retention.js';
import type { NvrError } from '../../errors.js';
import type { RecorderDeps, RecorderEvent, RecorderOptions } from './types.js';

const RETENTION_MS = 3_600_000;

export class ClipStore {
  private loaded: Journal | undefined;
  private loading: Promise<Journal> | undefined;
  private timer: unknown;
  private retaining: Promise<void> = Promise.resolve();
  private closed = true;

  constructor(
    private readonly options: RecorderOptions,
    private readonly deps: RecorderDeps,
    private readonly emit: (event: RecorderEvent) => void,
    /** A limit that could not be kept to. */
    private readonly warn: (error: NvrError) => void,
  ) {}

  get isRead(): boolean {
    return this.loaded !== undefined;
  }

  get files(): number {
    return this.loaded?.files ?? 0;
  }

  get bytes(): number {
    return this.loaded?.bytes ?? 0;
  }

  /** Makes the folder, finishes what an earlier run left there, and keeps to the limits. Rejects with EDISK. */
  async open(): Promise<void> {
    this.closed = false;
    const { folder } = this.options;
    try {
      await this.deps.fs.mkdir(folder, { recursive: true });
      await this.journal();
      this.retain();
    } catch (cause) {
      throw diskError(cause, folder);
    }
  }

  /** Resolves when nothing is being deleted any more. */
  close(): Promise<void> {
    this.closed = true;
    this.deps.timers.clear(this.timer);
    return this.retaining;
  }

  /** The journal of the folder as it is there now: another disk may have been mounted since. Rejects with what the file system says. */
  async journal(): Promise<Journal> {
    const { fs } = this.deps;
    const { folder, id } = this.options;
    const root = await fs.realpath(folder);
    if (this.loaded?.root === root) return this.loaded;
    this.loading ??= Journal.load(fs, root, id)
      .then(async (journal) => {
        await this.recover(journal);
        this.loaded = journal;
        return journal;
      })
      .finally(() => {
        this.loading = undefined;
      });
    return this.loading;
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
        this.warn(diskError(cause, folder));
      }
    });
  }

  private async recover(journal: Journal): Promise<void> {
    const { fs } = this.deps;
    for (const { file, start, reason, codec, width, height } of journal.unfinished) {
      if (isBeingWritten(journal.root, file)) continue;
      const found = await finishPart(fs, journal.root, file);
      if (found === undefined) {
        await journal.gone(file);
        continue;
      }
      const read = await readClip(fs, path.join(journal.root, found.file));
      const end = start + read.durationMs;
      await journal.closed(file, { ...found, end });
      const full = path.join(this.options.folder, found.file);
      const known = { ...read, file: full, start, end, bytes: found.bytes, codec, width, height, reason };
      const info = {
        ...known,
        preRollMs: 0,
        alarms: [],
        damaged: 0,
        damagedSpans: [],
        gaps: [],
        recovered: true as const,
      };
      this.emit({ type: 'finished', clip: 0, info, last: false });
    }
  }
}
