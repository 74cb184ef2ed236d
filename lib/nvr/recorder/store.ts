// The folder of a recorder: its journal, the recovery of what an earlier run left, and retention.

import path from 'node:path';
import { folderMode } from './below.js';
import { FILE_MODE } from './clip-file.js';
import { writeError } from './disk.js';
import { BEAT_MS, beatIn } from './heartbeat.js';
import { Journal, type CaseEntry } from './journal.js';
import { recover, type RecoveryListener } from './recovery.js';
import { joinFolder, recordersIn } from './folder-recorders.js';
import { freeBytes, RESERVE_BYTES } from './disk-room.js';
import { keptStatus } from './kept-status.js';
import { retain } from './retention.js';
import { Thinning } from './thinning.js';
import { finishThinning } from './thin.js';
import { TakeOver } from './take-over.js';
import type { NvrError } from '../../errors.js';
import type { KeptStatus, RecorderDeps, RecorderEvent, RecorderOptions, RecorderStatus } from './types.js';

const RETENTION_MS = 3_600_000;

export class ClipStore {
  private loaded: Journal | undefined;
  private loading: Promise<Journal> | undefined;
  private recovering: Promise<void> = Promise.resolve();
  private read = false;
  private timer: unknown;
  /** Resolves when the next note may be written: notes keep the order of their calls. */
  private noting: Promise<void> = Promise.resolve();
  private readonly notes = new Set<Promise<void>>();
  private retaining: Promise<void> = Promise.resolve();
  private closed = true;
  /** How often the store was closed: whoever awaits compares it, since it may be open again by then. */
  private timesClosed = 0;
  /** Free bytes of the disk when last read. */
  private free: number | undefined;
  private leaveFolder: (() => void) | undefined;
  /** Set while this recorder keeps a beat file in the folder, which tells other Node-REDs that it lives. */
  private beat: { readonly root: string; readonly id: string; readonly stop: () => void } | undefined;
  private readonly others: TakeOver | undefined;
  private takingOver: Promise<void> = Promise.resolve();
  private takeOverTimer: unknown;
  private readonly thinning: Thinning;

  constructor(
    private readonly options: RecorderOptions,
    private readonly deps: RecorderDeps,
    private readonly emit: (event: RecorderEvent) => void,
    private readonly recovery: RecoveryListener,
    /** Reports a limit that could not be kept, or a file of an earlier run that cannot be finished. */
    private readonly warn: (error: NvrError) => void,
    /** Whether the limits apply to its files: files that a user has exported are never deleted or thinned. */
    private readonly hasLimits = true,
  ) {
    this.thinning = new Thinning(options, deps, emit);
    this.others = deps.owner && new TakeOver(deps.fs, deps.owner, options.id);
  }

  /** `files` and `fileBytes` are this recorder's. The rest is known once the folder has been read. */
  get status(): Pick<RecorderStatus, 'ready' | 'files' | 'fileBytes'> & Partial<KeptStatus> {
    const { loaded, free, deps, options } = this;
    const disk = free === undefined ? undefined : { free, reserve: options.reserveBytes ?? RESERVE_BYTES };
    return {
      ready: this.read,
      files: loaded?.files ?? 0,
      fileBytes: loaded?.bytes ?? 0,
      ...(loaded && keptStatus(loaded, recordersIn(loaded.root), disk, deps.now())),
    };
  }

  /** An alarm that is not done. */
  caseOf(id: string | undefined): CaseEntry | undefined {
    return this.loaded?.cases.find((entry) => entry.id === id);
  }

  /**
   * Creates the folder, finishes what an earlier run left there, and applies the limits. Rejects with EDISK.
   */
  async open(): Promise<void> {
    this.closed = false;
    const { timesClosed } = this;
    const { folder, fileMode = FILE_MODE } = this.options;
    const { fs } = this.deps;
    try {
      const mode = folderMode(fileMode);
      const made = await fs.mkdir(folder, { recursive: true, mode });
      if (made !== undefined) await fs.chmod(folder, mode).catch(() => undefined);
      if (this.wasClosedSince(timesClosed)) return;
      const { root } = await this.journal();
      await this.beatIn(root, timesClosed);
      await this.recovering;
      this.takeOver();
      this.retain();
    } catch (cause) {
      throw writeError(cause, folder);
    }
  }

  /** Closes the store; resolves when nothing is being finished, deleted or written any more. */
  async close(): Promise<void> {
    this.closed = true;
    this.timesClosed++;
    this.deps.timers.clear(this.timer);
    this.deps.timers.clear(this.takeOverTimer);
    await Promise.all([this.recovering, this.takingOver, this.retaining]);
    await Promise.all(this.notes);
    // The store may have been opened again meanwhile.
    if (!this.isClosed()) return;
    this.leaveFolder?.();
    this.beat?.stop();
    this.beat = undefined;
  }

  /**
   * The journal of the folder as it is now: another disk may have been mounted since. Rejects with the file
   * system's error.
   */
  async journal(): Promise<Journal> {
    const { timesClosed } = this;
    const root = await this.deps.fs.realpath(this.options.folder);
    if (this.loaded?.root === root) return this.loaded;
    this.loading ??= this.load(root, timesClosed)
      .then((journal) => {
        this.loaded = journal;
        // Not awaited: an alarm must not wait for the recovery.
        this.recovering = this.recover(journal);
        return journal;
      })
      .finally(() => {
        this.loading = undefined;
      });
    return this.loading;
  }

  /** Writes to the journal. Never rejects: if the disk fails, the clip that cannot be written reports it. */
  note(write: (journal: Journal) => Promise<void>): Promise<void> {
    const journal = this.journal();
    // In the order of the calls: the disk may answer a later one first.
    const turn = this.noting.then(() => journal);
    const noted = turn
      .then(write)
      .catch(() => undefined)
      .finally(() => this.notes.delete(noted));
    this.noting = turn.then(
      () => undefined,
      () => undefined,
    );
    journal.catch(() => undefined);
    this.notes.add(noted);
    return noted;
  }

  /** Deletes and thins files beyond the limits, now and every hour. */
  retain(): void {
    const { timers } = this.deps;
    if (this.closed || !this.hasLimits) return;
    timers.clear(this.timer);
    this.timer = timers.set(() => {
      this.retain();
    }, RETENTION_MS);
    this.retaining = this.retaining.then(async () => {
      try {
        await this.keepToLimits(await this.journal());
      } catch (cause) {
        this.warn(writeError(cause, this.options.folder));
      }
    });
  }

  private async load(root: string, timesClosed: number): Promise<Journal> {
    const { fs, owner } = this.deps;
    const { id } = this.options;
    if (owner === undefined) return Journal.load(fs, root, id);
    await this.beatIn(root, timesClosed);
    return Journal.load(fs, root, id, { owner: this.beat?.id ?? owner.id, camera: owner.camera });
  }

  /** `timesClosed`: the counter's value when the caller began. */
  private async beatIn(root: string, timesClosed: number): Promise<void> {
    const { owner } = this.deps;
    if (owner === undefined || this.beat?.root === root) return;
    this.beat?.stop();
    this.beat = undefined;
    const beat = await beatIn(this.deps, root, owner);
    // The store was closed meanwhile, before it knew this beat, so the beat is stopped here.
    if (this.wasClosedSince(timesClosed)) beat.stop();
    else this.beat = { root, ...beat };
  }

  /** Finishes what stopped Node-REDs left in the folder, again and again while others are alive there. */
  private takeOver(): void {
    this.takingOver = this.takingOver.then(async () => {
      try {
        await this.takeOverStopped(await this.journal());
      } catch (cause) {
        this.warn(writeError(cause, this.options.folder));
      }
    });
  }

  private async takeOverStopped(journal: Journal): Promise<void> {
    const { fs, monotonic, timers } = this.deps;
    if (this.closed || this.others === undefined || this.beat === undefined) return;
    const { taken, isWaiting } = await this.others.takeStopped(journal.root, this.beat.id, monotonic());
    for (const other of taken) {
      const left = await journal.absorb(other.journal, other.name);
      await recover(fs, journal, this.options.folder, this.recovery, left);
    }
    if (!isWaiting || this.isClosed()) return;
    timers.clear(this.takeOverTimer);
    this.takeOverTimer = timers.set(() => {
      this.takeOver();
    }, BEAT_MS);
  }

  /** A method, because the store may be closed during an `await`, which the compiler would not expect. */
  private isClosed(): boolean {
    return this.closed;
  }

  /** `timesClosed`: the counter's value at an earlier moment. */
  private wasClosedSince(timesClosed: number): boolean {
    return this.closed && this.timesClosed > timesClosed;
  }

  private async keepToLimits(journal: Journal): Promise<void> {
    const { options, deps } = this;
    if (this.closed) return;
    this.leaveFolder?.();
    this.leaveFolder = joinFolder({ journal, limits: options });
    const all = recordersIn(journal.root).map((recorder) => recorder.journal);
    await retain(deps.fs, journal, all, options, deps.now(), ({ file, bytes, reason }) => {
      this.emit({ type: 'deleted', file: path.join(options.folder, file), bytes, reason });
    });
    this.free = await freeBytes(deps.fs, journal.root);
    await this.thinning.run(journal, () => !this.closed);
  }

  private async recover(journal: Journal): Promise<void> {
    const { fs } = this.deps;
    const { folder } = this.options;
    try {
      // Recovery goes first: whatever is added later belongs to this run.
      await recover(fs, journal, folder, this.recovery, journal.leftovers);
      await finishThinning(fs, journal);
    } catch (cause) {
      this.warn(writeError(cause, folder));
    }
    this.read = true;
  }
}
