// The audio of a file: frames without gaps, gently adjusted to the time line, with a jump where audio is
// missing.

import type { AudioFormat, AudioUnit } from '../codec/unit.js';
import type { Sample } from './fragment-file.js';
import type { FragmentSample, TrackRun } from './mp4/moof.js';
import { aacFrame, soundSamples } from './sound-length.js';

/** A larger deviation means missing or surplus audio. */
const JUMP_MS = 50;
/** Share of the deviation corrected per frame, and the most that a frame is stretched for it. */
const GAIN = 0.05;
const MAX_STRETCH = 0.02;

interface Frame extends Sample {
  /** In ticks of the track. */
  readonly at: number;
}

interface SoundRun {
  readonly run: TrackRun;
  readonly samples: readonly Sample[];
}

export class SoundTrack {
  private waiting: Frame[] = [];
  /** Expected start of the next frame in ms; NaN before the first. */
  private due = NaN;
  private lastAt = -1;
  private lastMs = 0;
  /** Samples in an AAC frame. */
  private readonly frame: number;

  constructor(readonly format: AudioFormat) {
    this.frame = aacFrame(format);
  }

  /** Whether audio has arrived. */
  get begun(): boolean {
    return this.lastAt >= 0;
  }

  /**
   * Adds the next frame; `ms`: when it plays, relative to the first picture. Frames before that, and those
   * without room, are dropped.
   */
  add(unit: AudioUnit, ms: number): void {
    const { sampleRate } = this.format;
    const lengthMs = (soundSamples(this.format, unit.data, this.frame) * 1000) / sampleRate;
    const off = ms - this.due;
    if (ms < 0 || off < -JUMP_MS || lengthMs === 0) return;
    const jumps = !this.begun || off > (unit.damaged ? Math.min(JUMP_MS, lengthMs / 2) : JUMP_MS);
    const most = lengthMs * MAX_STRETCH;
    const start = jumps ? ms : this.due + Math.max(-most, Math.min(most, off * GAIN));
    const at = Math.max(Math.round((start * sampleRate) / 1000), this.lastAt + 1);
    this.waiting.push({ data: unit.data, at });
    this.lastAt = at;
    this.lastMs = lengthMs;
    this.due = start + lengthMs;
  }

  /**
   * Takes the frames that begin before `untilMs` and have a successor; without `untilMs`, all. `delay`: ticks
   * added to all times.
   */
  take(track: number, delay: number, untilMs = Infinity): SoundRun | undefined {
    const { sampleRate } = this.format;
    const until = (untilMs * sampleRate) / 1000;
    const most = untilMs === Infinity ? this.waiting.length : this.waiting.length - 1;
    let count = 0;
    while (count < most && this.waiting[count]!.at < until) count++;
    if (count <= 0) return undefined;
    const frames = this.waiting.slice(0, count);
    const following = this.waiting.slice(count);
    const end = following[0]?.at ?? this.lastAt + Math.round((this.lastMs * sampleRate) / 1000);
    this.waiting = following;
    const samples = frames.map(({ data, at }, index): FragmentSample => {
      const duration = (frames[index + 1]?.at ?? end) - at;
      return { bytes: data.length, duration, offset: 0, key: true };
    });
    return { run: { track, time: frames[0]!.at + delay, samples }, samples: frames };
  }
}
