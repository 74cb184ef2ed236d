// The sound of a file: frame on frame without a break, led gently after the time line, with a jump where some
// is missing.

import type { AudioFormat, AudioUnit } from '../codec/unit.js';
import type { Sample } from './fragment-file.js';
import type { FragmentSample, TrackRun } from './mp4/moof.js';
import { aacFrame, soundSamples } from './sound-length.js';

/** Off by more than this, sound is missing, or there is too much of it. */
const JUMP_MS = 50;
/**
 * Part of what it is off by that is made up for with each frame, and the most that a frame is stretched for
 * it.
 */
const GAIN = 0.05;
const MAX_STRETCH = 0.02;

interface Frame extends Sample {
  /** Ticks of the track. */
  readonly at: number;
}

export interface SoundRun {
  readonly run: TrackRun;
  readonly samples: readonly Sample[];
}

export class SoundTrack {
  private waiting: Frame[] = [];
  /** Where the next frame should begin, in ms; NaN before the first. */
  private due = NaN;
  private lastAt = -1;
  private lastMs = 0;
  /** Samples of a frame of AAC. */
  private readonly frame: number;

  constructor(readonly format: AudioFormat) {
    this.frame = aacFrame(format);
  }

  /** Some has come. */
  get begun(): boolean {
    return this.lastAt >= 0;
  }

  /**
   * The next frame; `ms`: when it is heard, from the first picture on. What lies in front of that, and what
   * there is no room for, is left out.
   */
  add(unit: AudioUnit, ms: number): void {
    const { sampleRate } = this.format;
    const lengthMs = (soundSamples(this.format, unit.data, this.frame) * 1000) / sampleRate;
    const off = this.begun ? ms - this.due : 0;
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
   * What begins before `untilMs` and is followed by more; all of it without `untilMs`. `delay`: ticks that
   * everything is moved up by.
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
