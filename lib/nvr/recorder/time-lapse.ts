// A time-lapse: takes one of every so many keyframes, and plays them at a film's frame rate. No clock and no
// decoder: the frames are the camera's own.

import type { VideoUnit } from '../../codec/unit.js';

/** The duration of a frame in the film, in ms. */
const FILM_FRAME_MS = 40;

export class TimeLapse {
  private keyframes = 0;
  private pictures = 0;
  /** The arrival of the file's first frame, in monotonic ms: the clock may be set. */
  private begun: number | undefined;

  /**
   * `every` is the number of keyframes for one frame of the film; `segmentMs` is the camera's time in one
   * file.
   */
  constructor(
    private readonly every: number,
    private readonly segmentMs: number,
  ) {}

  /** The end of the film, on its own clock, in ms. */
  get end(): number {
    return this.pictures * FILM_FRAME_MS;
  }

  /** Begins a new file with the next frame. */
  beginFile(): void {
    this.begun = undefined;
    this.pictures = 0;
  }

  /** Whether a frame belongs to the next file. */
  isOver({ arrival }: VideoUnit): boolean {
    return this.begun !== undefined && arrival - this.begun >= this.segmentMs;
  }

  /**
   * Counts a picture, and returns whether it goes into the film: undamaged keyframes only, the first one
   * included.
   */
  choose({ keyframe, damaged }: VideoUnit): boolean {
    return keyframe && !damaged && this.keyframes++ % this.every === 0;
  }

  /** The frame with its time in the film; `time` stays the real one. */
  place(unit: VideoUnit): VideoUnit {
    this.begun ??= unit.arrival;
    const at = this.pictures++ * FILM_FRAME_MS;
    return { ...unit, arrival: at, mediaTime: at };
  }
}
