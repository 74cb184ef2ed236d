// One recording: units wait in a bounded queue for the disk and go to a file, or to several where the picture's format changes or segments are asked for.

import path from 'node:path';
import { isEntry } from '../../codec/entry.js';
import { unitCost } from '../../codec/unit-cost.js';
import type { VideoUnit } from '../../codec/unit.js';
import { NvrError } from '../../errors.js';
import type { ClipUnit } from '../../media/gop-ring.js';
import type { UnitMemory } from '../../media/unit-memory.js';
import { Mp4Writer } from '../../media/mp4-writer.js';
import { whyNoKeyframe } from '../no-keyframe.js';
import type { StreamStatistics } from '../types.js';
import { diskError } from './disk.js';
import { clipPath } from './file-name.js';
import type { Journal } from './journal.js';
import { PartFile } from './part-file.js';
import type { Sound } from './sound.js';
import type { Alarm, ClipInfo, RecorderDeps, RecorderEvent, RecorderOptions } from './types.js';

export interface ClipContext {
  readonly options: RecorderOptions;
  readonly deps: RecorderDeps;
  readonly stream: string;
  readonly sound: Sound;
  readonly memory: UnitMemory;
  readonly statistics: () => StreamStatistics;
  readonly journal: () => Promise<Journal>;
  readonly emit: (event: RecorderEvent) => void;
}

export interface ClipPlan {
  readonly number: number;
  readonly reason: string;
  /** The first alarm, on both clocks: it dates the file. None: the file's own start does. */
  readonly alarmed?: { readonly monotonic: number; readonly time: number };
  /** Those to be listed of the file that ends. */
  readonly takeAlarms: () => readonly Alarm[];
  /** Milliseconds after which a keyframe begins another file. */
  readonly segmentMs?: number;
}

/** Bytes of memory that may wait for the disk beside the pre-roll: 64 s of 4 Mbit/s. */
const QUEUE_BYTES = 32 * 1024 * 1024;
/** Time the disk has for what is left at the end. */
const FINISH_MS = 30_000;
const RESCUE_MS = 2000;
/** Units taken from the queue before it is moved up. */
const COMPACT_AT = 256;

/** A file that is being written. */
interface Current {
  readonly writer: Mp4Writer;
  readonly part: PartFile;
  readonly first: VideoUnit;
  readonly thumbnail: Promise<Buffer | undefined>;
}

export class Clip {
  private queue: ClipUnit[] = [];
  private front = 0;
  private waiting = 0;
  private readonly maxWaiting: number;
  /** The stream's counters at its start. */
  private readonly before: StreamStatistics;
  private current: Current | undefined;
  private state: 'open' | 'ending' | 'over' = 'open';
  private pumping = false;
  private files = 0;
  private sawVideo = false;
  private endTimer: unknown;
  /** The last keyframe before the alarm: what the thumbnail shows. */
  private keyframe: VideoUnit | undefined;
  private resolveEnd: () => void = () => undefined;
  /** Resolves when it is told, for better or worse; never rejects. */
  readonly ended = new Promise<void>((resolve) => {
    this.resolveEnd = resolve;
  });

  constructor(
    private readonly context: ClipContext,
    readonly plan: ClipPlan,
    preRoll: readonly ClipUnit[],
  ) {
    const bytes = preRoll.reduce((sum, unit) => sum + unitCost(unit), 0);
    this.maxWaiting = bytes + (context.options.queueBytes ?? QUEUE_BYTES);
    this.before = context.statistics();
    for (const unit of preRoll) this.push(unit);
  }

  /** Whether units are still taken. */
  get isOpen(): boolean {
    return this.state === 'open';
  }

  /** Bytes of memory that wait for the disk. */
  get waitingBytes(): number {
    return this.waiting;
  }

  /** The next unit in order of arrival. Beyond the bound of what may wait, the clip fails. */
  push(unit: ClipUnit): void {
    if (this.state !== 'open') return;
    if (unit.kind === 'video') this.look(unit);
    if (!this.context.memory.hold(unit)) {
      const reason =
        'The memory that this camera, or all cameras together, may use is full: the disk is too slow for them, or nvrMemoryMB in settings.js too small.';
      void this.fail(new NvrError('EOVERLOAD', reason));
      return;
    }
    this.queue.push(unit);
    this.waiting += unitCost(unit);
    if (this.waiting > this.maxWaiting) {
      const seconds = Math.round((unit.arrival - this.queue[this.front]!.arrival) / 1000);
      void this.fail(
        new NvrError('EDISK', `The disk is too slow: ${seconds} s of video wait to be written.`),
      );
      return;
    }
    this.run();
  }

  /** Takes no more and finishes; answers `ended`. */
  end(): Promise<void> {
    if (this.state === 'open') {
      this.state = 'ending';
      this.endTimer = this.context.deps.timers.set(() => {
        void this.fail(new NvrError('EDISK', 'The disk does not answer; the clip could not be finished.'));
      }, FINISH_MS);
      this.run();
    }
    return this.ended;
  }

  private look(unit: VideoUnit): void {
    this.sawVideo = true;
    const { alarmed } = this.plan;
    if (unit.keyframe && !unit.damaged && (alarmed === undefined || unit.arrival <= alarmed.monotonic))
      this.keyframe = unit;
  }

  private run(): void {
    if (this.pumping) return;
    this.pumping = true;
    void this.pump().catch((error: unknown) => this.fail(error));
  }

  private async pump(): Promise<void> {
    for (;;) {
      const unit = this.queue[this.front];
      if (unit === undefined || this.isOver()) break;
      this.shift();
      try {
        await this.take(unit);
      } finally {
        this.letGo(unit);
      }
    }
    if (this.state === 'ending') await this.finish();
    this.pumping = false;
  }

  private letGo(unit: ClipUnit): void {
    this.context.memory.release(unit);
    this.waiting -= unitCost(unit);
  }

  private shift(): void {
    this.front++;
    if (this.front < COMPACT_AT || this.front * 2 < this.queue.length) return;
    this.queue = this.queue.slice(this.front);
    this.front = 0;
  }

  private async take(unit: ClipUnit): Promise<void> {
    if (unit.kind === 'video' && isEntry(unit)) {
      if (this.current !== undefined && this.isFull(this.current, unit)) await this.close(false);
      if (!this.isOver()) this.current ??= await this.open(unit);
    }
    if (this.isOver()) return;
    if (this.context.options.onLoss === 'skip' && unit.kind === 'video' && unit.damaged)
      this.current?.writer.leaveOut(unit);
    else await this.current?.writer.add(unit);
  }

  private isFull({ writer, first }: Current, keyframe: VideoUnit): boolean {
    const { segmentMs = Infinity } = this.plan;
    return keyframe.arrival - first.arrival >= segmentMs || !writer.fits(keyframe);
  }

  private async open(first: VideoUnit): Promise<Current> {
    const { options, deps, stream, sound } = this.context;
    const { reason, alarmed, number } = this.plan;
    const journal = await this.context.journal();
    const heard = sound.at(first.arrival);
    const writer = new Mp4Writer({ write: (data) => part.write(data) }, first, heard);
    const { nvr, channel } = options;
    const time = alarmed?.time ?? first.time;
    const levels = clipPath(options.fileName, { nvr, channel, stream, reason, time }, options.timeZone);
    const { codec, width, height } = first.format;
    const part = await PartFile.open(deps.fs, journal.root, levels, writer.extension, (file) =>
      journal.opened({ file, start: first.time, reason, codec, width, height }),
    );
    if (this.isOver()) {
      await part.rescue();
      return { writer, part, first, thumbnail: Promise.resolve(undefined) };
    }
    this.files++;
    const file = path.join(options.folder, part.file);
    this.context.emit({ type: 'recording', clip: number, file, reason, preRollMs: this.preRollMs(first) });
    return { writer, part, first, thumbnail: this.makeThumbnail(first) };
  }

  private preRollMs(first: VideoUnit): number {
    const { alarmed } = this.plan;
    return alarmed === undefined || this.files > 1
      ? 0
      : Math.max(0, Math.round(alarmed.monotonic - first.arrival));
  }

  private makeThumbnail(first: VideoUnit): Promise<Buffer | undefined> {
    const keyframe = this.files === 1 ? (this.keyframe ?? first) : first;
    this.keyframe = undefined;
    const made = this.context.deps.thumbnail?.(keyframe) ?? Promise.resolve(undefined);
    return made.catch(() => undefined);
  }

  private async finish(): Promise<void> {
    if (this.current !== undefined) {
      await this.close(true);
    } else if (this.files === 0 && !this.isOver()) {
      const what = this.sawVideo
        ? new NvrError(
            'ENOKEYFRAME',
            `No whole keyframe came while the clip was to be recorded: ${whyNoKeyframe(this.before, this.context.statistics())}`,
          )
        : new NvrError('EUNREACHABLE', 'No video came while the clip was to be recorded.');
      // Continuous recording that is stopped at once has failed at nothing.
      if (this.plan.alarmed !== undefined)
        this.context.emit({ type: 'failed', clip: this.plan.number, error: what, firstOfOutage: true });
    }
    this.settle();
  }

  /** Ends the file at hand and tells of it. */
  private async close(last: boolean): Promise<void> {
    const { writer, part, first, thumbnail } = this.current!;
    const preRollMs = this.preRollMs(first);
    const facts = await writer.finish();
    const { file, bytes, notPlain } = await part.finish(this.context.options.plain ?? false);
    this.current = undefined;
    if (this.isOver()) return;
    const { options } = this.context;
    const { codec, width, height } = first.format;
    const end = first.time + facts.durationMs;
    const picture = await this.saveThumbnail(file, await thumbnail);
    const journal = await this.context.journal();
    // A full disk may refuse the line; the file is whole all the same, and found again at the next start.
    await journal
      .closed(part.file, {
        file,
        end,
        bytes,
        ...(picture !== undefined && { thumbnail: picture }),
      })
      .catch(() => undefined);
    const info: ClipInfo = {
      file: path.join(options.folder, file),
      start: first.time,
      end,
      ...facts,
      damagedSpans: facts.damagedSpans.map((span) => ({
        start: first.time + span.start,
        end: first.time + span.end,
      })),
      bytes,
      codec,
      width,
      height,
      audio: writer.sound ?? false,
      preRollMs,
      reason: this.plan.reason,
      alarms: [...this.plan.takeAlarms()],
      ...(picture !== undefined && { thumbnail: path.join(options.folder, picture) }),
    };
    if (notPlain !== undefined)
      this.context.emit({ type: 'warning', error: diskError(notPlain, options.folder) });
    this.context.emit({ type: 'finished', clip: this.plan.number, info, last });
  }

  private async saveThumbnail(file: string, jpeg: Buffer | undefined): Promise<string | undefined> {
    if (jpeg === undefined) return undefined;
    const picture = file.replace(/\.\w+$/, '.jpg');
    const { root } = await this.context.journal();
    return this.context.deps.fs.writeFile(path.join(root, picture), jpeg, { flag: 'wx' }).then(
      () => picture,
      () => undefined,
    );
  }

  /** Gives up: keeps what can be played, tells, and takes no more. */
  private async fail(cause: unknown): Promise<void> {
    if (this.isOver()) return;
    this.state = 'over';
    for (const unit of this.queue.slice(this.front)) this.letGo(unit);
    this.queue = [];
    this.front = 0;
    const { current } = this;
    const { options, deps, emit } = this.context;
    const kept = current === undefined ? undefined : await this.rescue(current);
    emit({
      type: 'failed',
      clip: this.plan.number,
      error: diskError(cause, options.folder),
      ...(kept !== undefined && { file: path.join(options.folder, kept) }),
      firstOfOutage: true,
    });
    deps.timers.clear(this.endTimer);
    this.resolveEnd();
  }

  /** A disk that hangs would hang the news too. */
  private async rescue({ writer, part, first }: Current): Promise<string | undefined> {
    const { timers } = this.context.deps;
    const work = async (): Promise<string | undefined> => {
      const kept = await part.rescue();
      const journal = await this.context.journal();
      if (kept === undefined) await journal.gone(part.file);
      else await journal.closed(part.file, { ...kept, end: first.time + writer.facts.durationMs });
      return kept?.file;
    };
    let timer: unknown;
    const late = new Promise<undefined>((resolve) => {
      timer = timers.set(() => {
        resolve(undefined);
      }, RESCUE_MS);
    });
    const kept = await Promise.race([work().catch(() => undefined), late]);
    timers.clear(timer);
    return kept;
  }

  private settle(): void {
    this.state = 'over';
    this.context.deps.timers.clear(this.endTimer);
    this.resolveEnd();
  }

  private isOver(): boolean {
    return this.state === 'over';
  }
}
