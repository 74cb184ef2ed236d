// The pictures of a file, from one fragment to the next: placed on the file's time line, with what is told of
// them.

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
  /** When it is shown, in ticks, not moved up. */
  readonly shown: number;
  readonly bytes: number;
  readonly isEntry: boolean;
}

/** A picture as the story of the clip needs it. */
interface Told {
  readonly ms: number;
  readonly isWhole: boolean;
  /** It is not in the file. */
  readonly leftOut?: true;
}

export interface PictureRun {
  readonly run: TrackRun;
  readonly samples: readonly Sample[];
  /** When the first picture is shown, in ticks of the file, where a player can begin there. */
  readonly opens?: number;
}

export class PictureTrack {
  frames = 0;
  /** Units that lacked data of their own. */
  damaged = 0;
  bytes = 0;
  private readonly depth: number;
  private readonly shown: ShownTimes;
  private readonly decode: DecodeTimes;
  private readonly gapFinder: GapFinder;
  private readonly damage = new DamagedSpans();
  private waiting: Picture[] = [];
  /** Not told yet, as a picture decoded later may be shown before. */
  private readonly untold: Told[] = [];
  private lastShown = 0;

  /** `usualRate`: pictures a second as they came before, for a stream that says none. */
  constructor(first: VideoUnit, usualRate?: number) {
    const { reorderDepth = MAX_REORDER, frameRate = usualRate } = first.format;
    this.depth = Math.min(reorderDepth, MAX_REORDER);
    this.shown = new ShownTimes(this.depth);
    this.decode = new DecodeTimes(this.depth);
    this.gapFinder = new GapFinder(frameRate);
  }

  /** Milliseconds that wait to be taken in front of a picture shown then. */
  waitingMs(shown: number): number {
    return this.waiting.length === 0 ? 0 : (shown - this.waiting[0]!.shown) / TICKS_PER_MS;
  }

  /** Ticks that the file's times are moved up by. */
  get delay(): number {
    return this.decode.delay ?? 0;
  }

  get gaps(): readonly ClipGap[] {
    return this.gapFinder.gaps;
  }

  get damagedSpans(): readonly DamagedSpan[] {
    return this.damage.until(this.endMs);
  }

  /** To the end of the last picture. */
  get endMs(): number {
    return this.frames === 0 ? 0 : this.lastShown / TICKS_PER_MS + this.gapFinder.frameMs;
  }

  /** When the next picture is shown, in ticks: at `ms`, or as soon behind it as can be. */
  place(ms: number, keyframe: boolean): number {
    return this.shown.next(Math.round(ms * TICKS_PER_MS), keyframe);
  }

  /** A picture that has been placed. */
  add(unit: VideoUnit, shown: number): void {
    const { data, nals, damaged, reference } = unit;
    const bytes = sampleBytes({ data, nals });
    // A player may begin at a recovery point as at a keyframe.
    this.waiting.push({ data, nals, shown, bytes, isEntry: this.frames === 0 || isEntry(unit) });
    this.bytes += bytes;
    this.frames++;
    if (damaged) this.damaged++;
    this.lastShown = Math.max(this.lastShown, shown);
    this.untold.push({ ms: shown / TICKS_PER_MS, isWhole: !damaged && reference === undefined });
  }

  /** A picture that shall not be in the file: it is counted all the same. */
  leaveOut({ damaged }: VideoUnit, ms: number): void {
    if (damaged) this.damaged++;
    this.untold.push({ ms, isWhole: false, leftOut: true });
  }

  /**
   * The pictures that wait, in order of decoding; but for the last few, where `next`, which comes behind
   * them, is no keyframe: their times are not certain yet. Without `next` it is all, and the end.
   */
  take(track: number, next?: { shown: number; keyframe: boolean }): PictureRun | undefined {
    const held = next === undefined || next.keyframe ? 0 : Math.min(this.depth, this.waiting.length);
    const count = this.waiting.length - held;
    if (count === 0) return undefined;
    const times = this.decode.take(
      this.waiting.map(({ shown }) => shown),
      held,
    );
    this.tell(count, next === undefined);
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

  /**
   * Until the next picture, as far as that is known: with pictures out of order its time of decoding is not.
   */
  private lastDuration(time: number, next: number | undefined): number {
    const frame = Math.max(1, Math.round(this.gapFinder.frameMs * TICKS_PER_MS));
    if (next === undefined) return frame;
    const step = Math.max(1, next - time);
    return this.delay > 0 && step <= (this.depth + 1) * frame ? Math.min(step, frame) : step;
  }

  /** Tells of the first `count` pictures in order of presentation, and of those left out among them. */
  private tell(count: number, isEnd: boolean): void {
    this.untold.sort((a, b) => a.ms - b.ms);
    let left = count;
    let lossy = false;
    while (this.untold.length > 0 && (left > 0 || isEnd)) {
      const { ms, isWhole, leftOut } = this.untold.shift()!;
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
