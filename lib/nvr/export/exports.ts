// The exports of one node: files of the NVR's recordings. Each is in the journal until it is complete, so
// that one that broke off is reported and continued.

import path from 'node:path';
import { createHash, randomUUID } from 'node:crypto';
import { NvrError } from '../../errors.js';
import { openBelow } from '../recorder/below.js';
import { clipInfo } from '../recorder/catalog.js';
import { checkTemplate } from '../recorder/file-name.js';
import type { CaseEntry, DoneEntry, Journal } from '../recorder/journal.js';
import { ClipStore } from '../recorder/store.js';
import type { ClipInfo, KeptMessage, RecorderOptions } from '../recorder/types.js';
import { cutOf, SpanExport, type Begun } from './span-export.js';
import type { ExportDeps, ExportHandlers, ExportOptions, ExportRequest, ExportsListener } from './types.js';

/** A file contains at most a day, since its index has to fit in memory. */
const MAX_SPAN_MS = 24 * 3_600_000;
/**
 * Length of the part of a journal id that identifies the request, so that a repeated request is recognised.
 */
const KEY_LENGTH = 24;
const REASON = 'playback';

export class Exports {
  private readonly store: ClipStore;
  private readonly options: Omit<RecorderOptions, 'channel'>;
  private readonly running = new Map<string, SpanExport>();
  private closed = false;

  /** Throws EINPUT for invalid options. */
  constructor(
    options: ExportOptions,
    private readonly deps: ExportDeps,
    private readonly listener: ExportsListener,
  ) {
    checkTemplate(options.fileName);
    if (!path.isAbsolute(options.folder))
      throw new NvrError('EINPUT', 'The setting "folder" must be an absolute path.');
    this.options = {
      ...options,
      ...{ mode: 'alarm', preRoll: 0, postRoll: 0, maxLength: 0, segment: 0, keepDays: 0, keepGiB: 0 },
    };
    const { fs, now, monotonic, timers, owner } = deps;
    const recovery = {
      finished: (...clip: Parameters<Exports['recovered']>) => this.recovered(...clip),
      failed: () => true,
      onCaseEnded: (entry: CaseEntry) => {
        // An export without a file cannot be continued.
        void this.store.note(async (journal) => {
          if (!canGoOn(journal, entry)) await journal.caseDone(entry.id);
        });
      },
    };
    this.store = new ClipStore(
      { ...this.options, channel: '' },
      { fs, now, monotonic, timers, ...(owner !== undefined && { owner }) },
      () => undefined,
      recovery,
      (error) => {
        listener.onWarning(error);
      },
      false,
    );
  }

  /**
   * Finishes and reports what an earlier run left, if there is anything; does not create the folder for that.
   * Never rejects.
   */
  async recover(): Promise<void> {
    await this.store.journal().catch(() => undefined);
    await this.store.close();
  }

  /** Starts an export. Throws EINPUT, or EBUSY if the same one is running. */
  start(request: ExportRequest, handlers: ExportHandlers): SpanExport {
    const { from, to } = request;
    if (to - from > MAX_SPAN_MS)
      throw new NvrError('EINPUT', 'A file holds 24 hours at most; ask for the span in several parts.');
    const key = keyOf(request);
    if (this.running.has(key))
      throw new NvrError('EBUSY', 'This run is being exported; wait for its end, or stop it.');
    const context = {
      options: { ...this.options, ...namesOf(request), channel: request.channelName },
      deps: this.deps,
      journal: () => this.store.journal(),
      isRunning: () => !this.closed && this.listener.isRunning(),
    };
    const one = new SpanExport(context, request, REASON, {
      ...handlers,
      onEnd: (end) => {
        // Deleted first, since `onEnd` may start the same export again.
        this.running.delete(key);
        handlers.onEnd(end);
      },
    });
    this.running.set(key, one);
    void one.run(() => this.begin(key, request));
    return one;
  }

  /** Ends all exports and keeps what they have. Never rejects. */
  async close(): Promise<void> {
    this.closed = true;
    await Promise.all([...this.running.values()].map((one) => one.stop()));
    await this.store.close();
  }

  /** Finds the journal entry of an interrupted export and the time it reached, or makes a new entry. */
  private async begin(key: string, request: ExportRequest): Promise<Begun> {
    await this.store.open();
    const journal = await this.store.journal();
    const { from, to, message, isJob = false } = request;
    const before = isJob ? await this.filesOf(journal, key) : [];
    for (const entry of journal.cases) {
      if (!entry.id.startsWith(key)) continue;
      const isSame = isJob ? before.length > 0 : entry.from === from && entry.to === to;
      const files = [...journal.finished].filter(({ id }) => id === entry.id);
      if (isSame && canGoOn(journal, entry) && (await this.areThere(journal, files)))
        return { before, rest: { entry, from: reachedOf(journal, entry) } };
      await journal.caseDone(entry.id);
    }
    if (before.length > 0) return { before };
    const id = `${key}${randomUUID()}`;
    const entry = { id, reason: REASON, from, to, alarms: [], ...(message !== undefined && { message }) };
    await journal.alarmed(entry);
    return { before, rest: { entry, from } };
  }

  /** The files that a job has finished; none if one of them was deleted since, and all are made again. */
  private async filesOf(journal: Journal, key: string): Promise<ClipInfo[]> {
    const { folder } = this.options;
    const entries = [...journal.finished].filter(({ id }) => id?.startsWith(key) === true);
    return (await this.areThere(journal, entries)) ? entries.map((entry) => clipInfo(entry, folder)) : [];
  }

  private async areThere(journal: Journal, entries: readonly DoneEntry[]): Promise<boolean> {
    for (const { file } of entries) {
      const place = await openBelow(this.deps.fs, journal.root, file).catch(() => undefined);
      if ((await place?.file()) === undefined) return false;
    }
    return true;
  }

  private recovered(
    info: Parameters<typeof cutOf>[0],
    _last: boolean,
    message: KeptMessage | undefined,
    id?: string,
  ): boolean {
    if (this.closed || !this.listener.isRunning()) return false;
    const from = this.store.caseOf(id)?.from ?? info.start;
    this.listener.onRecovered(cutOf({ ...info, source: REASON }, from), message);
    return true;
  }
}

/** File names with another NVR's name and zone. */
function namesOf({ source }: ExportRequest): Partial<ExportOptions> {
  return source === undefined ? {} : { nvr: source.nvr, timeZone: source.timeZone };
}

function keyOf({ run, channel, stream, group = 0, isJob = false, source }: ExportRequest): string {
  const more = isJob || source !== undefined ? [isJob, source?.nvr ?? ''] : [];
  const named = JSON.stringify([run ?? randomUUID(), channel, stream, group, ...more]);
  return createHash('sha256').update(named).digest('hex').slice(0, KEY_LENGTH);
}

function canGoOn(journal: Journal, entry: CaseEntry): boolean {
  const reached = reachedOf(journal, entry);
  return reached > entry.from && reached < entry.to;
}

/** The end of an export's last file. */
function reachedOf(journal: Journal, { id, from }: CaseEntry): number {
  const ends = [...journal.finished].filter((done) => done.id === id).map(({ end }) => end);
  return Math.max(from, ...ends);
}
