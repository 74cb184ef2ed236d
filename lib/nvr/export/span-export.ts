// Fetches one span of one channel from the NVR into a file, or into several if the video format changes.

import type { VideoUnit } from '../../codec/unit.js';
import { NvrError } from '../../errors.js';
import { below } from '../recorder/below.js';
import { Clip } from '../recorder/clip.js';
import { writeError } from '../recorder/disk.js';
import { nextOrder } from '../recorder/disk-turns.js';
import type { CaseEntry, ClipReport, Journal } from '../recorder/journal.js';
import { writeUnits } from '../recorder/write-units.js';
import { Sound } from '../recorder/sound.js';
import type { ClipInfo, RecorderEvent, RecorderOptions } from '../recorder/types.js';
import type { ExportDeps, ExportedClip, ExportHandlers, ExportRequest } from './types.js';

const PROGRESS_MS = 1000;
/** Recorded video has no stream counters. */
const NO_STATISTICS = {} as ReturnType<ConstructorParameters<typeof Clip>[0]['statistics']>;

interface SpanContext {
  readonly options: RecorderOptions;
  readonly deps: ExportDeps;
  readonly journal: () => Promise<Journal>;
  readonly isRunning: () => boolean;
}

/** What an export has to do. */
export interface Begun {
  /** Files that the same job has finished before. */
  readonly before: readonly ClipInfo[];
  /** The case in the journal, and the time to fetch from; undefined if all of it is there. */
  readonly rest?: { readonly entry: CaseEntry; readonly from: number };
}

export class SpanExport {
  reached: number;
  percent = 0;
  state: 'waiting' | 'exporting' | 'ended' = 'waiting';
  /** The whole requested span; for a continued job, the span of its first request. */
  private from: number;
  private to: number;
  private readonly abort = new AbortController();
  private bytes = 0;
  private reportedAt = -Infinity;
  private files = 0;
  /** The gaps in the files that earlier runs of the job made, in ms. */
  private holesBefore = 0;
  /** The part of the fetched span that no file contains, in ms; undefined until it is fetched. */
  private missing: number | undefined;
  /** The report of the file that a failure left. */
  private kept: ClipReport | undefined;
  private isBroken = false;
  /** A file was finished while no flow ran; it is reported at the next start. */
  private isUnreported = false;
  /** End of the last file. */
  private fileEnd: number | undefined;
  /** Resolves when all lines are in the journal. */
  private noted: Promise<void> = Promise.resolve();
  private error: NvrError | undefined;
  private done: Promise<void> = Promise.resolve();

  constructor(
    private readonly context: SpanContext,
    readonly request: ExportRequest,
    private readonly reason: string,
    private readonly handlers: ExportHandlers,
  ) {
    this.reached = this.from = request.from;
    this.to = request.to;
  }

  /** `begin` returns what is to be done. Call this once; it never rejects. */
  run(begin: () => Promise<Begun>): Promise<void> {
    this.done = this.export(begin);
    return this.done;
  }

  /** Ends the export and keeps what it has; resolves when that is on the disk. */
  stop(): Promise<void> {
    this.abort.abort();
    return this.done;
  }

  private async export(begin: () => Promise<Begun>): Promise<void> {
    try {
      const { before, rest } = await begin();
      for (const [index, info] of before.entries()) {
        this.repeat(info);
        this.holesBefore += holesIn(info, rest !== undefined || index < before.length - 1);
      }
      if (rest !== undefined) await this.fetch(rest.entry, rest.from);
      else this.to = this.reached;
    } catch (cause) {
      this.error ??= writeError(cause, this.context.options.folder);
    }
    this.reportEnd();
  }

  private repeat(info: ClipInfo): void {
    const { from } = this.request;
    this.files++;
    this.reached = Math.max(this.reached, info.end);
    this.handlers.onFile(cutOf(info, from < info.end ? from : info.start), true);
  }

  private async fetch(entry: CaseEntry, from: number): Promise<void> {
    const { to } = entry;
    this.reached = from;
    this.from = entry.from;
    this.to = to;
    const before = this.files;
    const clip = this.clipOf(entry, from);
    const span = { ...this.request, from, to };
    const { fetchSpan } = this.request.source ?? this.context.deps;
    const units = fetchSpan(span, this.abort.signal, {
      ...this.handlers,
      onPlaying: (transport) => {
        this.state = 'exporting';
        this.handlers.onPlaying?.(transport);
      },
    });
    const cause = await writeUnits(units, clip, to, this.abort.signal, (unit) => {
      this.progress(unit);
    });
    this.error ??= cause;
    await clip.end(to);
    await this.noted;
    this.missing = this.files === before ? to - from : this.leftOut(clip, from, to);
    if (this.files === before && !this.abort.signal.aborted) this.error ??= this.whyNothing();
    // What stays in the journal: an export that broke off after its first file, so that it can be continued,
    // and one with a file that no flow has received, so that its message is sent at the next start.
    const isWhole = this.error === undefined && !this.abort.signal.aborted && !this.isUnreported;
    const isOver = (this.files === 0 && from === entry.from) || isWhole;
    if (isOver) await (await this.context.journal()).caseDone(entry.id).catch(() => undefined);
  }

  private leftOut({ missingMs }: Clip, from: number, to: number): number {
    if (!this.isBroken) return missingMs;
    return missingMs + sumOf(this.kept?.gaps ?? []) + Math.max(0, to - Math.max(from, this.reached));
  }

  private whyNothing(): NvrError {
    return this.bytes === 0
      ? new NvrError('ENORECORDING', 'Nothing is recorded in that span.')
      : new NvrError('ENOKEYFRAME', 'The recording holds no whole keyframe in that span.');
  }

  private clipOf(entry: CaseEntry, from: number): Clip {
    const { options, deps, journal } = this.context;
    const context = {
      ...{ options, journal, sound: new Sound(), stream: this.request.stream },
      deps: { fs: deps.fs, now: deps.now, monotonic: deps.monotonic, timers: deps.timers },
      memory: deps.memory(),
      statistics: () => NO_STATISTICS,
      trouble: () => this.error,
      emit: (event: RecorderEvent) => {
        this.onClipEvent(event, entry, from);
      },
    };
    const plan = {
      number: 0,
      id: entry.id,
      reason: this.reason,
      source: 'playback',
      from,
      cut: true,
    } as const;
    return new Clip(context, { ...plan, order: nextOrder(), takeAlarms: () => [] }, []);
  }

  private onClipEvent(event: RecorderEvent, entry: CaseEntry, from: number): void {
    if (event.type === 'finished') {
      this.files++;
      this.fileEnd = event.info.end;
      if (!this.context.isRunning()) {
        this.isUnreported = true;
        return;
      }
      this.handlers.onFile(cutOf(event.info, from));
      this.note((journal) => journal.delivered(this.nameOf(event.info.file)));
    } else if (event.type === 'failed') {
      this.error = event.error;
      this.isBroken = true;
      this.reached = this.fileEnd ?? from;
      if (event.file !== undefined) this.keep(event.file, entry.id);
    } else if (event.type === 'warning') {
      this.handlers.onWarning?.(event.error);
    }
  }

  /** The file that a full disk left is part of the export, which continues after it. */
  private keep(file: string, id: string): void {
    this.files++;
    const name = this.nameOf(file);
    this.note(async (journal) => {
      const entry = [...journal.finished].find((done) => done.file === name);
      if (entry === undefined) return;
      this.kept = entry.delivered;
      this.reached = entry.end;
      await journal.closed(name, { ...entry, id });
    });
  }

  private note(write: (journal: Journal) => Promise<void>): void {
    this.noted = this.noted
      .then(() => this.context.journal())
      .then(write)
      .catch(() => undefined);
  }

  private nameOf(file: string): string {
    return below(this.context.options.folder, file);
  }

  private progress({ time, data }: VideoUnit): void {
    const { from, to } = this;
    this.bytes += data.length;
    this.reached = Math.max(this.reached, time);
    this.percent = Math.min(100, Math.max(0, Math.floor(((this.reached - from) * 100) / (to - from))));
    const now = this.context.deps.monotonic();
    if (now - this.reportedAt < PROGRESS_MS) return;
    this.reportedAt = now;
    const { percent, bytes, reached } = this;
    this.handlers.onProgress({ percent, bytes, reached });
  }

  private reportEnd(): void {
    const { error, files, reached } = this;
    this.state = 'ended';
    const missingMs = this.holesBefore + (this.missing ?? Math.max(0, this.to - reached));
    const isStopped = this.abort.signal.aborted;
    const reason = isStopped ? 'stopped' : error === undefined ? 'reached' : 'error';
    this.handlers.onEnd({ reason, missingMs, reached, files, ...(error !== undefined && { error }) });
  }
}

/** What a file leaves out, in ms. If another one continues it, its missing end is not counted. */
function holesIn({ gaps, start, end }: ClipInfo, isContinued: boolean): number {
  if (!isContinued) return sumOf(gaps);
  const [first] = gaps;
  const length = end - start + (first?.at === 0 ? first.ms : 0);
  return sumOf(gaps.filter(({ at, ms }) => at + ms <= length));
}

function sumOf(gaps: ClipInfo['gaps']): number {
  return gaps.reduce((sum, { ms }) => sum + ms, 0);
}

/** `from` is the start of the requested span in this file. */
export function cutOf(info: ClipInfo, from: number): ExportedClip {
  return { ...info, recordedFrom: Math.max(info.start, from), recordedTo: info.end };
}
