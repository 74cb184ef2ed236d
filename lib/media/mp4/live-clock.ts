// Times of a live stream's pictures for a player that is fed as they come (W3C Media Source Extensions
// 3.5.8): a player throws away what follows a step of decode time of more than twice the last picture's
// duration, so a gap in the stream is shortened, and the player's clock falls behind by as much.

import { LIVE_TIMESCALE, type LiveTimes } from './live-mp4.js';

/** What is read of a unit. */
export interface LivePicture {
  /** Monotonic milliseconds, in order of presentation. */
  readonly mediaTime: number;
  /** Pictures that may be decoded before one that is shown earlier. */
  readonly reorderDepth: number;
}

/** Where the player's clock begins: pictures that are decoded ahead would otherwise lie below 0. */
export const LEAD_MS = 1_000;
const USUAL_RATE = 25;
const MIN_FRAME_MS = 1;
/** A slower camera is one with gaps. */
const MAX_FRAME_MS = 5_000;
/** Of the last picture's duration: below the 2 that a player allows. */
const MAX_STEP = 1.9;
const SMOOTHING = 0.2;

/** One per camera and format; feed it every picture, in order of decoding. */
export class LiveClock {
  private sequence = 0;
  private frameMs: number;
  /** What the last picture was said to last. */
  private lastDurationMs: number;
  /** What gaps have been shortened by, and where the stream began. */
  private shift: number | undefined;
  private latest = 0;
  private lastDecode: number | undefined;
  private pictures = 0;
  /** Times of presentation that no picture has been decoded at yet, sorted. */
  private readonly waiting: number[] = [];

  /** Milliseconds of the player's clock at which the last picture is shown. */
  shownAt = 0;

  /** `frameRate`: pictures a second, where the stream says so. */
  constructor(frameRate = USUAL_RATE) {
    this.frameMs = this.lastDurationMs = Math.min(Math.max(1000 / frameRate, MIN_FRAME_MS), MAX_FRAME_MS);
  }

  next({ mediaTime, reorderDepth }: LivePicture): LiveTimes {
    const depth = Math.max(0, Math.min(reorderDepth, 16));
    this.shift ??= mediaTime;
    const step = mediaTime - this.shift - this.latest;
    if (this.pictures > 0 && step > 0) {
      const allowed = this.lastDurationMs * MAX_STEP * (depth + 1);
      if (step > allowed) this.shift += step - allowed;
      const own = Math.min(Math.max(step / (depth + 1), MIN_FRAME_MS), MAX_FRAME_MS);
      this.frameMs += (own - this.frameMs) * (this.pictures === 1 ? 1 : SMOOTHING);
    }
    const shown = mediaTime - this.shift;
    this.latest = Math.max(this.latest, shown);
    const decode = this.decodeTime(shown, depth);
    this.pictures++;
    this.lastDurationMs = this.frameMs;
    this.shownAt = shown + LEAD_MS;
    const ticks = (ms: number): number => Math.round((ms * LIVE_TIMESCALE) / 1000);
    return {
      sequence: ++this.sequence,
      decode: ticks(decode + LEAD_MS),
      offset: ticks(shown + LEAD_MS) - ticks(decode + LEAD_MS),
      duration: Math.max(1, ticks(this.frameMs)),
    };
  }

  private decodeTime(shown: number, depth: number): number {
    let at = this.waiting.length;
    while (at > 0 && this.waiting[at - 1]! > shown) at--;
    this.waiting.splice(at, 0, shown);
    const sorted =
      this.waiting.length > depth
        ? this.waiting.shift()!
        : this.waiting[0]! - (depth - this.waiting.length + 1) * this.frameMs;
    const last = this.lastDecode;
    this.lastDecode =
      last === undefined
        ? sorted
        : Math.max(last + MIN_FRAME_MS, Math.min(sorted, last + this.lastDurationMs * MAX_STEP));
    return this.lastDecode;
  }
}
