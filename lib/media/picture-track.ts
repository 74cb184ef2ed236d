// The pictures of a file, fragment by fragment: their sample times, and the report of damage and gaps.

import { isEntry } from '../codec/entry.js';
import type { VideoUnit } from '../codec/unit.js';
import { DamagedSpans, type DamagedSpan } from './damaged-spans.js';
import { sampleBytes, type Sample } from './fragment-file.js';
import { GapFinder, type ClipGap } from './gaps.js';
import { VIDEO_RATE } from './mp4/header.js';
import type { FragmentSample, TrackRun } from './mp4/moof.js';
import { DecodeTimes, MAX_REORDER, ShownTimes } from './sample-times.js';

const TICKS_PER_MS = VIDEO_RATE / 1000;

interface Picture extends Sample {
  /** Display time in ticks, without the delay. */
  readonly shown: number;
  readonly bytes: number;
  readonly isEntry: boolean;
}

/** A picture, for the report of damage and gaps. */
interface ReportEntry {
  readonly ms: number;
  readonly isWhole: boolean;
  /** Not written to the file. */
  readonly leftOut?: true;
}

export interface PictureRun {
  readonly run: TrackRun;
  readonly samples: readonly Sample[];
  /** Display time of the first picture in ticks of the file, if a player can begin there. */
  readonly opens?: number;
}

export class PictureTrack {
  frames = 0;
  /** Number of units with missing data of their own. */
  damaged = 0;
  bytes = 0;
  private readonly depth: number;
  private readonly shown: ShownTimes;
  private readonly decode: DecodeTimes;
  private readonly gapFinder: GapFinder;
  private readonly damage = new DamagedSpans();
  private waiting: Picture[] = [];
  /** Not reported yet, because a picture decoded later may be displayed before them. */
  private readonly unreported: ReportEntry[] = [];
  private lastShown = 0;

  /** `usualRate`: frames per second measured before, for a stream that does not declare a rate. */
  constructor(first: VideoUnit, usualRate?: number) {
    const { reorderDepth = MAX_REORDER, frameRate = usualRate } = first.format;
    this.depth = Math.min(reorderDepth, MAX_REORDER);
    this.shown = new ShownTimes(this.depth);
    this.decode = new DecodeTimes(this.depth);
    this.gapFinder = new GapFinder(frameRate);
  }

  /** ms of pictures waiting for `take`, if the next one is displayed at `shown`. */
  waitingMs(shown: number): number {
    return this.waiting.length === 0 ? 0 : (shown - this.waiting[0]!.shown) / TICKS_PER_MS;
  }

  /** Ticks added to all times of the file. */
  get delay(): number {
    return this.decode.delay ?? 0;
  }

  get gaps(): readonly ClipGap[] {
    return this.gapFinder.gaps;
  }

  get unlistedMs(): number {
    return this.gapFinder.unlistedMs;
  }

  get damagedSpans(): readonly DamagedSpan[] {
    return this.damage.until(this.endMs);
  }

  /** End of the last picture in ms. */
  get endMs(): number {
    return this.frames === 0 ? 0 : this.lastShown / TICKS_PER_MS + this.gapFinder.frameMs;
  }

  /** Display time of the next picture in ticks: at `ms`, or the next possible time after it. */
  place(ms: number, keyframe: boolean): number {
    return this.shown.next(Math.round(ms * TICKS_PER_MS), keyframe);
  }

  /** Adds a picture that was placed. */
  add(unit: VideoUnit, shown: number): void {
    const { data, nals, damaged, reference } = unit;
    const bytes = sampleBytes({ data, nals });
    // A player can begin at a recovery point as at a keyframe.
    this.waiting.push({ data, nals, shown, bytes, isEntry: this.frames === 0 || isEntry(unit) });
    this.bytes += bytes;
    this.frames++;
    if (damaged) this.damaged++;
    this.lastShown = Math.max(this.lastShown, shown);
    this.unreported.push({ ms: shown / TICKS_PER_MS, isWhole: !damaged && reference === undefined });
  }

  /** Counts a picture that is not written to the file. */
  leaveOut({ damaged }: VideoUnit, ms: number): void {
    if (damaged) this.damaged++;
    this.unreported.push({ ms, isWhole: false, leftOut: true });
  }

  /**
   * Takes the waiting pictures in decode order. The last few stay if the picture after them (`next`) is not a
   * keyframe, because their times are not final. Without `next`, takes all: the file ends.
   */
  take(track: number, next?: { shown: number; keyframe: boolean }): PictureRun | undefined {
    const held = next === undefined || next.keyframe ? 0 : Math.min(this.depth, this.waiting.length);
    const count = this.waiting.length - held;
    if (count === 0) return undefined;
    const times = this.decode.take(
      this.waiting.map(({ shown }) => shown),
      held,
    );
    this.report(count, next === undefined);
    const taken = this.waiting.slice(0, count);
    this.waiting = this.waiting.slice(count);
    const samples = taken.map(({ shown, bytes, isEntry: key }, index): FragmentSample => {
      const time = times[index]!;
      const following = times[index + 1] ?? time + this.lastDuration(time, next?.shown);
      return { bytes, duration: following - time, offset: Math.max(0, shown + this.delay - time), key };
    });
    for (const { bytes } of taken) this.bytes -= bytes;
    const [first] = taken;
    return {
      run: { track, time: times[0]!, samples },
      samples: taken,
      ...(first!.isEntry && { opens: first!.shown + this.delay }),
    };
  }

  /** Duration until the next picture, as far as known: with reordering, the next decode time is not. */
  private lastDuration(time: number, next: number | undefined): number {
    const frame = Math.max(1, Math.round(this.gapFinder.frameMs * TICKS_PER_MS));
    if (next === undefined) return frame;
    const step = Math.max(1, next - time);
    return this.delay > 0 && step <= (this.depth + 1) * frame ? Math.min(step, frame) : step;
  }

  /** Reports the first `count` pictures in display order, and those left out among them. */
  private report(count: number, isEnd: boolean): void {
    this.unreported.sort((a, b) => a.ms - b.ms);
    let left = count;
    let lossy = false;
    while (this.unreported.length > 0 && (left > 0 || isEnd)) {
      const { ms, isWhole, leftOut } = this.unreported.shift()!;
      this.damage.add(ms, isWhole);
      lossy ||= !isWhole;
      if (leftOut) continue;
      left--;
      this.gapFinder.add(ms, lossy);
      lossy = false;
    }
    if (isEnd) this.gapFinder.finish();
  }
}
