// What a session plays: a live channel that loops its clip, or a recording from a given second on.

import { channelClip, loadClip, type Clip } from './clips.js';
import type { Settings } from './options.js';

/** The user-data SEI that carries a recorded unit's time: this UUID, then epoch ms in decimal text (H.264 D.1.6). */
export const TIME_SEI_UUID = Buffer.from('6e76722d73696d2d7265632d74696d65', 'hex');

export interface SourceUnit {
  nals: readonly Buffer[];
  /** 90 kHz, counted from the source's start. */
  rtpTicks: number;
  /** Media ms from the source's start. */
  mediaMs: number;
}

export interface Source {
  /** The next unit; undefined at the end. */
  next(): SourceUnit | undefined;
}

const CLOCK = 90_000;

/** Never ends. Begins at the present second of the clip, at a keyframe, as cameras that run all the time do. */
export class LiveSource implements Source {
  private index: number;
  private count = 0;
  private clip: Clip;

  constructor(channel: number, stream: 'main' | 'dual', nowMs: number) {
    this.clip = channelClip(channel, stream);
    const at = Math.floor((nowMs / 1000) * this.clip.fps) % this.clip.units.length;
    this.index = keyframeAt(this.clip, at);
  }

  /** Another picture size from the next keyframe on: the channel's other stream. */
  change(channel: number, stream: 'main' | 'dual'): void {
    this.clip = channelClip(channel, stream);
    this.index = keyframeAt(this.clip, this.index % this.clip.units.length);
  }

  next(): SourceUnit {
    const unit = this.clip.units[this.index]!;
    this.index = (this.index + 1) % this.clip.units.length;
    const mediaMs = (this.count * 1000) / this.clip.fps;
    const rtpTicks = Math.round((this.count * CLOCK) / this.clip.fps);
    this.count++;
    return { nals: unit.nals, rtpTicks, mediaMs };
  }
}

/** Recorded time T shows second T mod 60; each unit says its T in an SEI. A gap in the recordings is jumped over. */
export class RecordingSource implements Source {
  private readonly clip = loadClip('recording', 10);
  private at: number;
  private readonly start: number;

  /** `startMs` is put back to its second, where there is a keyframe. `endMs`: the newest recording. */
  constructor(
    startMs: number,
    private readonly endMs: number,
    private readonly settings: Settings,
  ) {
    this.start = this.at = Math.floor(startMs / 1000) * 1000;
  }

  next(): SourceUnit | undefined {
    const gap = gapAt(this.settings, this.at);
    if (gap !== undefined) this.at = Math.ceil(gap.end / 1000) * 1000;
    if (this.at >= this.endMs) return undefined;
    const index = Math.floor((this.at % 60_000) / (1000 / this.clip.fps));
    const unit = this.clip.units[index]!;
    const mediaMs = this.at - this.start;
    // The SEI goes behind the parameter sets, in front of the first slice.
    const nals = [...unit.nals];
    nals.splice(nals.findIndex(isSlice), 0, timeSei(this.at));
    this.at += 1000 / this.clip.fps;
    return { nals, rtpTicks: Math.round((mediaMs * CLOCK) / 1000), mediaMs };
  }
}

/** Whether there is a recording at an instant. */
export function isRecorded(settings: Settings, ms: number, nowMs: number): boolean {
  return ms >= nowMs - settings.recordingHours * 3_600_000 && ms < nowMs && gapAt(settings, ms) === undefined;
}

function gapAt(settings: Settings, ms: number): { start: number; end: number } | undefined {
  return settings.gaps.find(({ start, end }) => ms >= start && ms < end);
}

function isSlice(nal: Buffer): boolean {
  const type = nal[0]! & 0x1f;
  return type === 1 || type === 5;
}

function keyframeAt(clip: Clip, index: number): number {
  for (let at = index; at >= 0; at--) if (clip.units[at]!.keyframe) return at;
  return 0;
}

function timeSei(ms: number): Buffer {
  const text = Buffer.from(String(ms), 'latin1');
  // Decimal digits need no emulation prevention.
  return Buffer.concat([
    Buffer.from([0x06, 0x05, TIME_SEI_UUID.length + text.length]),
    TIME_SEI_UUID,
    text,
    Buffer.from([0x80]),
  ]);
}

/** The recorded time that a unit's SEI tells, epoch ms; undefined where it has none. */
export function readTimeSei(unit: Buffer): number | undefined {
  const at = unit.indexOf(TIME_SEI_UUID);
  if (at === -1) return undefined;
  const digits = /^\d+/.exec(
    unit.toString('latin1', at + TIME_SEI_UUID.length, at + TIME_SEI_UUID.length + 20),
  )?.[0];
  return digits === undefined ? undefined : Number(digits);
}
