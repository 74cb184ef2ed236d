// One file of a recording: opened with a keyframe, entered in the journal when it begins and ends, and
// compared at its end with what was requested.

import path from 'node:path';
import type { TimeSource, VideoUnit } from '../../codec/unit.js';
import type { ClipUnit } from '../../media/gop-ring.js';
import { Mp4Writer, type ClipFacts } from '../../media/mp4-writer.js';
import { openBelow } from './below.js';
import { timeOf, type ClipContext, type ClipPlan } from './clip-context.js';
import { coverageOf, type Span } from './coverage.js';
import { claimRoom, RESERVE_BYTES } from './disk-room.js';
import { turnsOf } from './disk-turns.js';
import { clipPath } from './file-name.js';
import { LAPSE, type ClipReport, type Journal } from './journal.js';
import { PartFile, type Finished } from './part-file.js';
import { readClip } from './read-clip.js';
import type { Alarm, ClipInfo } from './types.js';

/** The default permissions: the owner may write, and its group may read. */
export const FILE_MODE = 0o640;
const RESCUE_MS = 2000;

export class ClipFile {
  /** The latest time of a frame. */
  private latest = 0;

  private constructor(
    private readonly context: ClipContext,
    private readonly plan: ClipPlan,
    private readonly journal: Journal,
    private readonly writer: Mp4Writer,
    private readonly part: PartFile,
    readonly first: VideoUnit,
    /** Milliseconds from the first frame to the first alarm. */
    readonly preRollMs: number,
    private readonly thumbnail: Promise<Buffer | undefined>,
  ) {}

  /**
   * `picture` returns the frame for the thumbnail, once the file exists. Rejects with the file system's
   * error, or EUNSUPPORTED.
   */
  static async open(
    context: ClipContext,
    plan: ClipPlan,
    first: VideoUnit,
    preRollMs: number,
    picture: () => VideoUnit,
  ): Promise<ClipFile> {
    const { options, deps, stream, sound } = context;
    const { reason, alarmed, id } = plan;
    // The alarm must be in the journal before its file.
    await plan.noted;
    const journal = await context.journal();
    const { root } = journal;
    const turns = turnsOf(root);
    const reserve = options.reserveBytes ?? RESERVE_BYTES;
    await claimRoom(deps.fs, root, 0, reserve, deps.monotonic());
    const heard = sound.at(first.arrival);
    const sink = {
      write: async (data: Uint8Array) => {
        await claimRoom(deps.fs, root, data.length, reserve, deps.monotonic());
        await turns.run(plan.order, () => part.write(data));
      },
    };
    const shownFrom = plan.cut === true ? plan.from : undefined;
    const writer = new Mp4Writer(sink, first, heard, shownFrom, context.usualRate?.());
    const { nvr, channel, fileMode = FILE_MODE } = options;
    const time = alarmed?.time ?? Math.max(first.time, shownFrom ?? 0);
    const levels = clipPath(options.fileName, { nvr, channel, stream, reason, time }, options.timeZone);
    const { codec, width, height } = first.format;
    const timeSource = timeSourceOf(plan, first);
    const entry = {
      ...{ start: first.time, reason, codec, width, height, timeSource },
      ...(id !== undefined && { id }),
    };
    const announce = (file: string): Promise<void> => journal.opened({ file, ...entry });
    const retract = (file: string): Promise<void> => journal.removed(file);
    const part = await PartFile.open(deps.fs, root, levels, writer.extension, fileMode, announce, retract);
    const thumbnail = (deps.thumbnail?.(picture()) ?? Promise.resolve(undefined)).catch(() => undefined);
    return new ClipFile(context, plan, journal, writer, part, first, preRollMs, thumbnail);
  }

  /** The path as users see it. */
  get path(): string {
    return path.join(this.context.options.folder, this.part.file);
  }

  /** A number that changes as long as the disk responds. */
  get progress(): number {
    return turnsOf(this.journal.root).progress + this.part.copied;
  }

  fits(keyframe: VideoUnit): boolean {
    return this.writer.fits(keyframe);
  }

  add(unit: ClipUnit): Promise<void> {
    if (unit.kind === 'video') this.latest = Math.max(this.latest, unit.time);
    return this.writer.add(unit);
  }

  /** Counts a frame that is left out of the file. */
  leaveOut(unit: VideoUnit): void {
    this.writer.leaveOut(unit);
  }

  /**
   * Ends the file. `asked` is the file's part of the requested span; `notPlain` is the error if it could not
   * be made a plain MP4.
   */
  async close(asked: Span): Promise<{ info: ClipInfo; missingMs: number; notPlain?: unknown }> {
    const { first, plan, journal } = this;
    const { options } = this.context;
    const facts = await this.writer.finish();
    const { notPlain, ...made } = await this.part.finish(options.plain ?? false);
    const { file, bytes } = made;
    const start = timeOf(first);
    const contents = { ...facts, start, end: start + facts.durationMs };
    const { missingMs, ...covered } = coverageOf(asked, contents);
    const picture = await this.saveThumbnail(file);
    const report = this.reportOf(facts, covered, made, plan.takeAlarms());
    // A full disk may refuse the journal's line. The file itself is complete, and the next start finds it.
    await journal
      .closed(this.part.file, {
        ...{ file, end: report.end, bytes, undelivered: report },
        ...(picture !== undefined && { thumbnail: picture }),
        ...(plan.id !== undefined && { id: plan.id }),
      })
      .catch(() => undefined);
    const full = (name: string): string => path.join(options.folder, name);
    const info = {
      file: full(file),
      ...report,
      ...(picture !== undefined && { thumbnail: full(picture) }),
    };
    return { info, missingMs, ...(notPlain !== undefined && { notPlain }) };
  }

  /**
   * Keeps what can be played after a failure, and returns its path as users see it. `from` is the start of
   * its part of the requested span. Stops after 2 s, so that `failed` is reported even if the disk hangs.
   */
  async rescue(from: number): Promise<string | undefined> {
    const { timers } = this.context.deps;
    let timer: unknown;
    const late = new Promise<undefined>((resolve) => {
      timer = timers.set(() => {
        resolve(undefined);
      }, RESCUE_MS);
    });
    const kept = await Promise.race([this.keep(from).catch(() => undefined), late]);
    timers.clear(timer);
    return kept;
  }

  private async keep(from: number): Promise<string | undefined> {
    const { context, first, writer, part, journal } = this;
    // Writes the last GOP, too, unless the disk was the cause of the failure.
    await writer.finish().catch(() => undefined);
    const kept = await part.rescue();
    if (kept === undefined) {
      await journal.removed(part.file);
      return undefined;
    }
    const { file, bytes } = kept;
    // The writer has counted pictures that never reached the disk.
    const read = await readClip(await openBelow(context.deps.fs, journal.root, file));
    const start = timeOf(first);
    const { durationMs, frames } = read;
    const contents = { ...read, start, end: start + durationMs };
    const covered = coverageOf({ from, to: contents.end }, contents);
    const report = this.reportOf({ ...writer.facts, durationMs, frames }, covered, kept, []);
    await journal.closed(part.file, { file, bytes, end: report.end, delivered: report });
    return path.join(context.options.folder, file);
  }

  private reportOf(
    facts: ClipFacts,
    { coverage, gaps }: Pick<ClipReport, 'coverage' | 'gaps'>,
    { bytes, sha256 }: Finished,
    alarms: readonly Alarm[],
  ): ClipReport {
    const { first, plan, preRollMs, writer } = this;
    const { codec, width, height } = first.format;
    const { frames, durationMs, damaged, damagedSpans } = facts;
    // A time-lapse plays for less time than it covers.
    const end = plan.id === LAPSE ? this.latest : first.time + durationMs;
    return {
      ...{ start: first.time, end, durationMs, frames, bytes },
      ...{ codec, width, height, audio: writer.sound ?? false, preRollMs, reason: plan.reason },
      ...{ alarms: [...alarms], damaged },
      damagedSpans: damagedSpans.map(({ start, end }) => ({
        start: first.time + start,
        end: first.time + end,
      })),
      ...{ coverage, gaps, source: plan.source, timeSource: timeSourceOf(plan, first) },
      ...(sha256 !== undefined && { sha256 }),
    };
  }

  /** Returns the thumbnail's path from the folder. */
  private async saveThumbnail(file: string): Promise<string | undefined> {
    const jpeg = await this.thumbnail;
    if (jpeg === undefined) return undefined;
    const { deps, options } = this.context;
    const picture = file.replace(/\.\w+$/, '.jpg');
    try {
      const place = await openBelow(deps.fs, this.journal.root, picture);
      const handle = await place.open('create', options.fileMode ?? FILE_MODE);
      await handle.writeFile(jpeg).finally(() => handle.close());
      return picture;
    } catch {
      return undefined;
    }
  }
}

/**
 * For live video, the file's times are this machine's; `timeSource` of the unit concerns its capture time.
 */
function timeSourceOf({ source }: ClipPlan, { timeSource }: VideoUnit): TimeSource {
  return source === 'live' ? 'arrival' : timeSource;
}
