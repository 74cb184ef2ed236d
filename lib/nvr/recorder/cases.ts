// Tracks each alarm in the journal until a running flow has received all of its clips, and missing parts have
// been fetched.

import { randomUUID } from 'node:crypto';
import { NvrError } from '../../errors.js';
import { Backfill, LEAST_MISSING_MS, type FetchOutcome } from './backfill.js';
import { below } from './below.js';
import type { ClipContext } from './clip-context.js';
import { fetchClip } from './fetch-clip.js';
import { SEGMENT, type CaseEntry, type Journal } from './journal.js';
import type { RecoveryListener } from './recovery.js';
import type { Alarm, ClipInfo, KeptMessage, RecorderEvent, RecorderListener } from './types.js';
import { cameraChanged } from './warnings.js';

/** The most alarms to list in one entry. */
const MAX_ALARMS = 1000;
/** Once so many are listed, an alarm is written to the journal only if it moves the end by this much (ms). */
const LEAST_EXTENSION_MS = 1000;

export class Cases implements RecoveryListener {
  readonly segmentId = SEGMENT;
  private readonly entries = new Map<string, CaseEntry>();
  private readonly backfill: Backfill;
  private hasSegmentAlarms = false;

  constructor(
    private readonly context: ClipContext,
    private readonly channel: number,
    private readonly listener: RecorderListener,
    private readonly emit: (event: RecorderEvent) => void,
    private readonly note: (write: (journal: Journal) => Promise<void>) => Promise<void>,
  ) {
    this.backfill = new Backfill(
      context.deps,
      (entry, signal) => this.fetch(entry, signal),
      (entry, error) => {
        this.emit({ type: 'warning', error });
        this.noteDone(entry.id);
      },
    );
  }

  /** Alarms with parts that are still to be fetched. */
  get toFetch(): number {
    return this.backfill.waiting;
  }

  open(playing: boolean): void {
    this.backfill.open();
    this.backfill.onPlaying(playing);
  }

  onPlaying(playing: boolean): void {
    this.backfill.onPlaying(playing);
  }

  /** Never rejects. */
  close(): Promise<void> {
    this.backfill.onPlaying(false);
    return this.backfill.close();
  }

  /** Adds an alarm that begins a clip. `noted` resolves when it is in the journal, and never rejects. */
  begin(alarm: Omit<CaseEntry, 'id'>, message?: KeptMessage): { id: string; noted: Promise<void> } {
    const camera = this.camera !== undefined && { camera: this.camera };
    const entry = { id: randomUUID(), ...alarm, ...camera, ...(message !== undefined && { message }) };
    this.entries.set(entry.id, entry);
    return { id: entry.id, noted: this.note((journal) => journal.alarmed(entry)) };
  }

  /** The case now ends at `to` (epoch ms). `alarm` is the further alarm that extended it, if any. */
  extend(id: string, to: number, alarm?: Alarm): void {
    const entry = this.entries.get(id);
    if (entry === undefined) return;
    const isListed = alarm !== undefined && entry.alarms.length < MAX_ALARMS;
    // A flood of alarms must not become a flood of journal lines.
    const least = alarm === undefined || isListed ? 1 : LEAST_EXTENSION_MS;
    if (!isListed && Math.abs(to - entry.to) < least) return;
    const alarms = isListed ? [...entry.alarms, alarm] : entry.alarms;
    this.entries.set(id, { ...entry, to, alarms });
    void this.note((journal) => journal.extended(id, to, isListed ? alarm : undefined));
  }

  segmentAlarm(alarm: Alarm): void {
    const { time, reason } = alarm;
    const entry = { id: SEGMENT, reason, from: time, to: time, alarms: [alarm] };
    const isFirst = !this.hasSegmentAlarms;
    this.hasSegmentAlarms = true;
    void this.note((journal) => (isFirst ? journal.alarmed(entry) : journal.extended(SEGMENT, time, alarm)));
  }

  /** Call this after the event was emitted. `missingMs` is what the clip's files so far do not contain. */
  onClipEvent(id: string, event: RecorderEvent, missingMs: number): void {
    const entry = this.entries.get(id);
    if (entry === undefined || (event.type !== 'finished' && event.type !== 'failed')) return;
    const isDelivered = this.isRunning;
    if (event.type === 'finished') {
      if (isDelivered) this.noteDelivered(event.info);
      if (!event.last) return;
    }
    this.entries.delete(id);
    // If no flow is running, the next start reports it.
    if (isDelivered) this.onCaseEnded(entry, event.type === 'failed' ? entry.to - entry.from : missingMs);
  }

  onSegmentEvent(event: RecorderEvent): void {
    if (event.type !== 'finished') return;
    if (this.isRunning) this.noteDelivered(event.info);
    if (this.hasSegmentAlarms) this.noteDone(SEGMENT);
    this.hasSegmentAlarms = false;
  }

  finished(info: ClipInfo, last: boolean, message: KeptMessage | undefined): boolean {
    if (!this.isRunning) return false;
    this.emit({ type: 'finished', clip: 0, info, last, ...(message !== undefined && { message }) });
    return true;
  }

  failed(error: NvrError, message: KeptMessage | undefined): boolean {
    if (!this.isRunning) return false;
    const kept = message !== undefined && { message };
    this.emit({ type: 'failed', clip: 0, error, firstOfOutage: true, ...kept });
    return true;
  }

  onCaseEnded(entry: CaseEntry, missingMs: number): void {
    const { options, deps } = this.context;
    const canFetch = options.backfill === true && deps.fetchSpan !== undefined;
    const isWanted = canFetch && entry.id !== SEGMENT && missingMs > LEAST_MISSING_MS;
    const isOwn = entry.camera === undefined || entry.camera === this.camera;
    if (isWanted && !isOwn) this.emit({ type: 'warning', error: cameraChanged(entry.from) });
    if (!isWanted || !isOwn) {
      this.noteDone(entry.id);
      return;
    }
    const since = entry.missing?.since ?? deps.now();
    if (entry.missing === undefined) void this.note((journal) => journal.missing(entry.id, missingMs, since));
    this.backfill.add({ ...entry, missing: { ms: missingMs, since } }, since);
  }

  private async fetch(entry: CaseEntry, signal: AbortSignal): Promise<FetchOutcome> {
    const { deps } = this.context;
    const outcome = await fetchClip(this.context, entry, this.channel, deps.fetchSpan!, signal, (files) => {
      for (const [index, info] of files.entries()) {
        const isDelivered = this.finished(info, index === files.length - 1, entry.message);
        if (isDelivered) this.noteDelivered(info);
      }
    });
    if (outcome.done && this.isRunning) this.noteDone(entry.id);
    return outcome;
  }

  private noteDelivered({ file }: ClipInfo): void {
    const name = below(this.context.options.folder, file);
    void this.note((journal) => journal.delivered(name));
  }

  private noteDone(id: string): void {
    void this.note((journal) => journal.caseDone(id));
  }

  private get camera(): string | undefined {
    return this.context.deps.owner?.camera;
  }

  private get isRunning(): boolean {
    return this.listener.isRunning?.() ?? true;
  }
}
