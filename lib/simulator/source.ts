// Media source of a track: a live clip in an endless loop, or a recording from a given second on.

import type { Clip } from './clips.js';
import type { Settings } from './options.js';

/** UUID of the user-data SEI with a recorded unit's time; epoch ms in decimal text follow (H.264 D.1.6). */
export const TIME_SEI_UUID = Buffer.from('6e76722d73696d2d7265632d74696d65', 'hex');

export interface SourceUnit {
  readonly parts: readonly Buffer[];
  readonly keyframe: boolean;
  /** ms after PLAY at which the unit is due at speed 1. */
  readonly dueMs: number;
  /**
   * Media ms since the session's start, the basis of RTP time. It jumps ahead of `dueMs` at a gap in the
   * recordings.
   */
  readonly mediaMs: number;
  /** Epoch ms; absent for live media. */
  readonly recordedMs?: number;
  readonly isAfterGap: boolean;
}

export interface Source {
  /** The next unit; undefined at the end. */
  next(): SourceUnit | undefined;
}

/** Start of live media in epoch ms: the last keyframe before now, as with cameras that run all the time. */
export function liveStart(video: Clip, nowMs: number): number {
  const { units, rate } = video;
  let count = Math.floor((nowMs * rate) / 1000);
  for (let back = 0; back < units.length && !units[count % units.length]!.keyframe; back++) count--;
  return (count * 1000) / rate;
}

/** Endless: unit n since the epoch is unit n modulo the clip's length. */
export class LiveSource implements Source {
  private count: number;
  private shift = 0;

  constructor(
    private clip: Clip,
    private readonly startMs: number,
  ) {
    this.count = firstAt(clip, startMs);
  }

  /** Switches to another clip at once, at one of its keyframes. */
  change(clip: Clip): void {
    this.count = Math.round((this.count * clip.rate) / this.clip.rate);
    this.clip = clip;
    this.shift = 0;
    while (!this.unit().keyframe) this.shift--;
  }

  next(): SourceUnit {
    const unit = this.unit();
    const mediaMs = (this.count * 1000) / this.clip.rate - this.startMs;
    this.count++;
    return { ...unit, dueMs: mediaMs, mediaMs, isAfterGap: false };
  }

  private unit(): Clip['units'][number] {
    return this.clip.units[(this.count + this.shift) % this.clip.units.length]!;
  }
}

/**
 * Recorded time T shows second T mod 60, and each video unit carries T in an SEI. Gaps in the recordings are
 * skipped.
 */
export class RecordedSource implements Source {
  private count: number;
  private skippedMs = 0;

  /** `startMs`: in whole seconds, where keyframes are. `endMs`: end of the newest recording. */
  constructor(
    private readonly clip: Clip,
    private readonly startMs: number,
    private readonly endMs: number,
    private readonly settings: Settings,
  ) {
    this.count = firstAt(clip, startMs);
  }

  next(): SourceUnit | undefined {
    const before = this.timeMs();
    const gap = gapAt(this.settings, before);
    if (gap !== undefined) {
      const resumed = Math.ceil(gap.end / 1000) * 1000;
      this.count = firstAt(this.clip, resumed);
      this.skippedMs += this.timeMs() - before;
    }
    const recordedMs = this.timeMs();
    if (recordedMs >= this.endMs) return undefined;
    const { parts, keyframe } = this.clip.units[this.count % this.clip.units.length]!;
    this.count++;
    const mediaMs = recordedMs - this.startMs;
    return {
      parts: this.clip.width > 0 ? withTime(parts, recordedMs) : parts,
      keyframe,
      mediaMs,
      dueMs: mediaMs - this.skippedMs,
      recordedMs,
      isAfterGap: gap !== undefined,
    };
  }

  private timeMs(): number {
    return (this.count * 1000) / this.clip.rate;
  }
}

/** Whether a recording exists at a point in time. */
export function isRecorded(settings: Settings, ms: number, nowMs: number): boolean {
  return ms >= nowMs - settings.recordingHours * 3_600_000 && ms < nowMs && gapAt(settings, ms) === undefined;
}

/** Recorded time in epoch ms from a unit's SEI; undefined without one. */
export function readTimeSei(unit: Buffer): number | undefined {
  const at = unit.indexOf(TIME_SEI_UUID);
  if (at === -1) return undefined;
  const text = unit.toString('latin1', at + TIME_SEI_UUID.length, at + TIME_SEI_UUID.length + 20);
  const digits = /^\d+/.exec(text)?.[0];
  return digits === undefined ? undefined : Number(digits);
}

/** Number of the first unit that begins at or after a point in time, tolerating rounding errors. */
function firstAt(clip: Clip, ms: number): number {
  return Math.ceil((ms * clip.rate) / 1000 - 1e-4);
}

function gapAt(settings: Settings, ms: number): { start: number; end: number } | undefined {
  return settings.gaps.find(({ start, end }) => ms >= start && ms < end);
}

/** Inserts the SEI behind the parameter sets and before the first slice. */
function withTime(nals: readonly Buffer[], ms: number): Buffer[] {
  const slice = nals.findIndex((nal) => [1, 5].includes(nal[0]! & 0x1f));
  return [...nals.slice(0, slice), timeSei(ms), ...nals.slice(slice)];
}

function timeSei(ms: number): Buffer {
  // Decimal digits need no emulation prevention.
  const text = Buffer.from(String(ms), 'latin1');
  const size = TIME_SEI_UUID.length + text.length;
  return Buffer.concat([Buffer.of(0x06, 0x05, size), TIME_SEI_UUID, text, Buffer.of(0x80)]);
}
