// Sample times of a live stream for a player that is fed as pictures arrive (W3C Media Source Extensions
// 3.5.8). A player drops what follows a step of decode time of more than twice the last picture's duration.
// So a gap in the stream is shortened, and the player's clock falls behind by as much.

import { LIVE_TIMESCALE, type LiveTimes } from './live-mp4.js';

/** The fields read from a unit. */
interface LivePicture {
  /** Monotonic ms, in display order. */
  readonly mediaTime: number;
  /** How many pictures may precede another in decode order and follow it in display order. */
  readonly reorderDepth: number;
}

/** Start of the player's clock; at 0, decode times of reordered streams would be negative. */
export const LEAD_MS = 1_000;
const USUAL_RATE = 25;
const MIN_FRAME_MS = 1;
/** Longer frame intervals are gaps. */
const MAX_FRAME_MS = 5_000;
/** Longest step, as a multiple of the last picture's duration; a player allows up to 2. */
const MAX_STEP = 1.9;
const SMOOTHING = 0.2;

/** A step of display time that was shortened. */
interface ShortenedGap {
  /** Media time of the picture displayed before it, in ms. */
  readonly from: number;
  /** Its length in media time, and on the player's clock, in ms. */
  readonly ms: number;
  readonly shownMs: number;
}

/** One instance per camera and format; takes every picture, in decode order. */
export class LiveClock {
  private sequence = 0;
  private frameMs: number;
  /** Declared duration of the last picture. */
  private lastDurationMs: number;
  /** Total time by which gaps were shortened, relative to the start of the stream. */
  private shift: number | undefined;
  private latest = 0;
  private gap: ShortenedGap | undefined;
  private lastDecode: number | undefined;
  private pictures = 0;
  /** Display times that have not been used as a decode time yet, sorted. */
  private readonly waiting: number[] = [];

  /** Display time of the last picture on the player's clock, in ms. */
  shownAt = 0;

  /** `frameRate`: frames per second, if the stream declares it. */
  constructor(frameRate = USUAL_RATE) {
    this.frameMs = this.lastDurationMs = Math.min(Math.max(1000 / frameRate, MIN_FRAME_MS), MAX_FRAME_MS);
  }

  next({ mediaTime, reorderDepth }: LivePicture): LiveTimes {
    const depth = Math.max(0, Math.min(reorderDepth, 16));
    this.shift ??= mediaTime;
    const step = mediaTime - this.shift - this.latest;
    if (this.pictures > 0 && step > 0) {
      const allowed = this.lastDurationMs * MAX_STEP * (depth + 1);
      if (step > allowed) {
        this.gap = { from: mediaTime - step, ms: step, shownMs: allowed };
        this.shift += step - allowed;
      }
      const own = Math.min(Math.max(step / (depth + 1), MIN_FRAME_MS), MAX_FRAME_MS);
      this.frameMs += (own - this.frameMs) * (this.pictures === 1 ? 1 : SMOOTHING);
    }
    const shown = mediaTime - this.shift + this.lostBefore(mediaTime);
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

  /**
   * By how much the last gap is shortened behind this media time, in ms. Pictures displayed within the gap,
   * or before it, may come after the one that ends it in decode order, and stay between their neighbours.
   */
  private lostBefore(mediaTime: number): number {
    if (this.gap === undefined) return 0;
    const { from, ms, shownMs } = this.gap;
    const left = Math.min(Math.max(1 - (mediaTime - from) / ms, 0), 1);
    return left * (ms - shownMs);
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
