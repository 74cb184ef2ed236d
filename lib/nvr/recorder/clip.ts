// One recording: units wait in a bounded queue for the disk and are written to a file, or to several if the
// video format changes or segments are requested.

import { isEntry } from '../../codec/entry.js';
import { unitCost } from '../../codec/unit-cost.js';
import type { VideoUnit } from '../../codec/unit.js';
import { NvrError } from '../../errors.js';
import { hasSets, opensFile, withoutSets } from '../../media/decoder-config.js';
import type { ClipUnit } from '../../media/gop-ring.js';
import type { Yielding } from '../../media/unit-memory.js';
import { whyNoKeyframe } from '../camera/no-keyframe.js';
import type { StreamStatistics } from '../types.js';
import { timeOf, type ClipContext, type ClipPlan } from './clip-context.js';
import { ClipFile } from './clip-file.js';
import { ClipQueue } from './clip-queue.js';
import { isSystemError, writeError } from './disk.js';
import { FormatChanges } from './format-changes.js';
import {
  addRecording,
  endLaterRecording,
  removeRecording,
  type RunningRecording,
} from './running-recordings.js';
import { diskTooSlow, memoryFull, preRollDropped, tooMuchBefore } from './warnings.js';

/** The most bytes that may wait for the disk, besides the pre-roll: 64 s at 4 Mbit/s. */
const QUEUE_BYTES = 32 * 1024 * 1024;
/** The disk's time limit (ms) for the rest of the queue at the end. */
const FINISH_MS = 30_000;
/** After a break this long (ms), the units before it are dropped: later ones do not depend on them. */
const BREAK_MS = 2000;

export class Clip implements RunningRecording, Yielding {
  private readonly queue: ClipQueue;
  private readonly maxWaiting: number;
  /** The stream's counters when the recording began. */
  private readonly before: StreamStatistics;
  private current: ClipFile | undefined;
  private state: 'open' | 'ending' | 'over' = 'open';
  private pumping = false;
  private files = 0;
  /** A frame within the requested span has arrived. */
  private hasBegun = false;
  /** The time of the last frame that arrived, in ms. */
  private latest = 0;
  /** Start of the present file's part of the requested span, and end of the whole span. */
  private from: number | undefined;
  private to = 0;
  private missing = 0;
  private readonly changes: FormatChanges;
  /** The present video is dropped: the file takes no other format, and the next one may not begin yet. */
  private fitsNoFile = false;
  /** Keyframes came that could have begun a file, but without parameter sets. */
  private lacksSets = false;
  /** A warning was given that something could not be written. */
  private hasWarned = false;
  private endTimer: unknown;
  /** The last keyframe before the alarm, for the thumbnail. */
  private keyframe: VideoUnit | undefined;
  private hasYielded = false;
  private drained: (() => void) | undefined;
  private resolveEnd: () => void = () => undefined;
  /** Resolves when the end of the recording has been reported; never rejects. */
  readonly ended = new Promise<void>((resolve) => {
    this.resolveEnd = resolve;
  });

  constructor(
    private readonly context: ClipContext,
    readonly plan: ClipPlan,
    preRoll: readonly ClipUnit[],
  ) {
    this.from = plan.from;
    this.queue = new ClipQueue(context.memory);
    this.changes = new FormatChanges(plan.segmentMs !== undefined);
    const bytes = preRoll.reduce((sum, unit) => sum + unitCost(unit), 0);
    this.maxWaiting = bytes + (context.options.queueBytes ?? QUEUE_BYTES);
    this.before = context.statistics();
    addRecording(this);
    context.memory.add(this);
    for (const unit of preRoll) this.push(unit);
  }

  get order(): number {
    return this.plan.order;
  }

  /** Whether it still takes units. */
  get isOpen(): boolean {
    return this.state === 'open';
  }

  /** Bytes of memory that wait for the disk. */
  get waitingBytes(): number {
    return this.queue.bytes;
  }

  /** The part of the requested span that the files so far do not contain, in ms. */
  get missingMs(): number {
    return this.missing;
  }

  /** Takes the next unit in order of arrival. The recording fails if too much waits for the disk. */
  push(unit: ClipUnit): void {
    if (this.state !== 'open') return;
    if (unit.kind === 'video') this.noteArrival(unit);
    while (!this.queue.push(unit)) {
      if (!this.context.memory.isOwnBound && endLaterRecording(this)) continue;
      this.endEarly();
      return;
    }
    if (this.queue.bytes > this.maxWaiting) {
      const ms = unit.arrival - this.queue.first!.arrival;
      void this.fail(this.hasBegun ? diskTooSlow(ms) : tooMuchBefore());
      return;
    }
    this.run();
  }

  /** The bytes that this store holds, for the memory budget. */
  get bytes(): number {
    return this.queue.bytes;
  }

  /** Drops its oldest GOP, to free memory, if that is before the alarm. */
  yield(): boolean {
    const { alarmed } = this.plan;
    if (alarmed === undefined) return false;
    const next = this.queue.dropGop(alarmed.monotonic);
    if (next === undefined) return false;
    this.warnOfYielding(alarmed.monotonic - next);
    return true;
  }

  endEarly(): void {
    void this.fail(memoryFull());
  }

  /**
   * Resolves when nothing waits for the disk any more; units from before the requested span are not waited
   * for.
   */
  drain(): Promise<void> {
    if (this.queue.bytes === 0 || !this.hasBegun || this.isOver()) return Promise.resolve();
    return new Promise((resolve) => (this.drained = resolve));
  }

  /**
   * Takes no more units and finishes; returns `ended`. `to` is the end of the requested span, in monotonic
   * ms.
   */
  end(to: number): Promise<void> {
    if (this.state === 'open') {
      this.state = 'ending';
      this.to = to;
      this.watchDisk();
      this.run();
    }
    return this.ended;
  }

  /**
   * Fails if nothing is written for `FINISH_MS`. Writes of other recordings count too: if the disk is slow,
   * each recording waits for its turn.
   */
  private watchDisk(): void {
    const before = this.current?.progress;
    this.endTimer = this.context.deps.timers.set(() => {
      if (this.current?.progress !== before) this.watchDisk();
      else void this.fail(new NvrError('EDISK', 'The disk does not answer; the clip could not be finished.'));
    }, FINISH_MS);
  }

  private noteArrival(unit: VideoUnit): void {
    const { alarmed, from = -Infinity } = this.plan;
    const at = timeOf(unit);
    const isWhole = unit.keyframe && !unit.damaged;
    if (!this.hasBegun) {
      this.hasBegun = at >= from;
      // Before a span, only the last GOP is needed; an alarm has its pre-roll.
      const isNearer = alarmed === undefined && isWhole && hasSets(unit);
      if (this.hasBegun ? isEntry(unit) && at - this.latest > BREAK_MS : isNearer) this.dropWaiting();
    }
    this.latest = at;
    if (isWhole && (alarmed === undefined || at <= alarmed.monotonic)) this.keyframe = unit;
  }

  private warnOfYielding(leftMs: number): void {
    if (this.hasYielded) return;
    this.hasYielded = true;
    this.context.emit({ type: 'warning', error: preRollDropped(leftMs) });
  }

  /** Drops the waiting units, which are from long before the requested span. */
  private dropWaiting(): void {
    this.queue.clear();
    this.keyframe = undefined;
  }

  private run(): void {
    if (this.pumping || (!this.hasBegun && this.state === 'open')) return;
    this.pumping = true;
    void this.pump().catch((error: unknown) => this.fail(error));
  }

  private async pump(): Promise<void> {
    for (;;) {
      const unit = this.isOver() || !this.hasBegun ? undefined : this.queue.take();
      if (unit === undefined) break;
      try {
        await this.take(unit);
      } finally {
        this.queue.letGo(unit);
      }
    }
    this.resolveDrained();
    if (this.state === 'ending') await this.finish();
    this.pumping = false;
  }

  private async take(unit: ClipUnit): Promise<void> {
    if (unit.kind === 'video' && opensFile(unit, this.current === undefined)) await this.takeKeyframe(unit);
    if (this.isOver() || (this.fitsNoFile && unit.kind === 'video')) return;
    if (this.context.options.onLoss === 'skip' && unit.kind === 'video' && unit.damaged)
      this.current?.leaveOut(unit);
    else await this.current?.add(unit).catch((error: unknown) => this.beginAnew(unit, error));
  }

  /** Opens the next file if it begins here. A keyframe without parameter sets can only continue a file. */
  private async takeKeyframe(unit: VideoUnit): Promise<void> {
    const isBare = !hasSets(unit);
    this.lacksSets ||= isBare;
    if (isBare) return;
    const place = this.placeOf(unit);
    this.fitsNoFile = place === 'none';
    if (place !== 'next') return;
    if (this.current !== undefined) await this.close(timeOf(unit), false);
    if (!this.isOver()) await this.open(unit);
  }

  /**
   * A unit that cannot be written ends the present file, which keeps what it has; the next keyframe begins
   * another. Rethrows errors of the disk.
   */
  private async beginAnew(unit: ClipUnit, error: unknown): Promise<void> {
    if (isSystemError(error) || error instanceof NvrError) throw error;
    if (this.isOver() || this.current === undefined) return;
    if (!this.hasWarned)
      this.context.emit({ type: 'warning', error: writeError(error, this.context.options.folder) });
    this.hasWarned = true;
    await this.close(timeOf(unit), false);
  }

  /** Decides which file a keyframe and the units after it go to. Throws if the format changes too often. */
  private placeOf(keyframe: VideoUnit): 'present' | 'next' | 'none' {
    const { current: file, plan } = this;
    if (file === undefined) return 'next';
    const at = timeOf(keyframe);
    if (at - timeOf(file.first) >= (plan.segmentMs ?? Infinity)) return 'next';
    if (file.fits(keyframe)) return 'present';
    return this.changes.admit(at, timeOf(file.first)) ? 'next' : 'none';
  }

  private async open(first: VideoUnit): Promise<void> {
    const { alarmed, number, reason } = this.plan;
    const isFirst = this.files === 0;
    const preRollMs =
      isFirst && alarmed !== undefined ? Math.max(0, Math.round(alarmed.monotonic - timeOf(first))) : 0;
    const picture = (): VideoUnit => (isFirst ? (this.keyframe ?? first) : first);
    this.from ??= timeOf(first);
    const file = await ClipFile.open(this.context, this.plan, first, preRollMs, picture);
    if (this.isOver()) {
      await file.rescue(this.from);
      return;
    }
    this.keyframe = undefined;
    this.files++;
    this.current = file;
    this.context.emit({ type: 'recording', clip: number, file: file.path, reason, preRollMs });
  }

  private async finish(): Promise<void> {
    if (this.current !== undefined) {
      await this.close(this.to, true);
    } else if (this.files === 0 && !this.isOver()) {
      // Continuous recording that is stopped at once has not failed.
      if (this.plan.alarmed !== undefined) this.emitFailure(this.whyNothing());
    }
    this.conclude();
  }

  private whyNothing(): NvrError {
    const what = 'came while the clip was to be recorded';
    if (this.lacksSets) return withoutSets();
    const trouble = this.hasBegun
      ? undefined
      : this.context.trouble(this.plan.alarmed?.monotonic ?? Infinity);
    const now = this.context.statistics();
    // The hub passes no pictures on until one comes that decoding can begin at.
    if (this.hasBegun || (trouble === undefined && now.frames > this.before.frames))
      return new NvrError('ENOKEYFRAME', `No whole keyframe ${what}: ${whyNoKeyframe(this.before, now)}`);
    if (trouble === undefined) return new NvrError('EUNREACHABLE', `No video ${what}.`);
    const { code, message, status } = trouble;
    return new NvrError(code, `No video ${what}: ${message}`, { ...(status !== undefined && { status }) });
  }

  /** Ends the present file, whose part of the requested span ends at `to`, and reports it. */
  private async close(to: number, last: boolean): Promise<void> {
    const from = this.from!;
    const { info, missingMs, notPlain } = await this.current!.close({ from, to });
    this.current = undefined;
    this.from = to;
    this.missing += missingMs;
    if (this.isOver()) return;
    if (notPlain !== undefined)
      this.context.emit({ type: 'warning', error: writeError(notPlain, this.context.options.folder) });
    this.context.emit({ type: 'finished', clip: this.plan.number, info, last });
  }

  /** Fails: keeps what can be played, reports the failure, and takes no more units. */
  private async fail(cause: unknown): Promise<void> {
    if (this.isOver()) return;
    this.state = 'over';
    removeRecording(this);
    this.queue.clear();
    const kept = await this.current?.rescue(this.from!);
    this.emitFailure(writeError(cause, this.context.options.folder), kept);
    this.conclude();
  }

  private emitFailure(error: NvrError, file?: string): void {
    const { number } = this.plan;
    const kept = file !== undefined && { file };
    this.context.emit({ type: 'failed', clip: number, error, ...kept, firstOfOutage: true });
  }

  private resolveDrained(): void {
    this.drained?.();
    this.drained = undefined;
  }

  /** Releases all memory and resolves `ended`. */
  private conclude(): void {
    this.state = 'over';
    removeRecording(this);
    this.context.memory.remove(this);
    this.queue.clear();
    this.resolveDrained();
    this.context.deps.timers.clear(this.endTimer);
    this.resolveEnd();
  }

  private isOver(): boolean {
    return this.state === 'over';
  }
}
