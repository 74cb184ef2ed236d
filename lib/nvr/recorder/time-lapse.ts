// A camera's day in a minute: every so many keyframes one picture, at the pace of a film. No clock and no
// decoder: the pictures are the camera's own.

import type { VideoUnit } from '../../codec/unit.js';

/** What a picture of the film lasts. */
const FILM_FRAME_MS = 40;

export class TimeLapse {
  private keyframes = 0;
  private pictures = 0;
  /** Of the file's first picture. */
  private begun: number | undefined;

  /** `every`: keyframes for one picture; `segmentMs`: of the camera's time in one file. */
  constructor(
    private readonly every: number,
    private readonly segmentMs: number,
  ) {}

  /** Where the film ends, on the clock of its pictures. */
  get end(): number {
    return this.pictures * FILM_FRAME_MS;
  }

  /** The next file begins with the next picture. */
  beginFile(): void {
    this.begun = undefined;
    this.pictures = 0;
  }

  /** Whether a picture belongs to the next file. */
  isOver({ time }: VideoUnit): boolean {
    return this.begun !== undefined && time - this.begun >= this.segmentMs;
  }

  /** Whether the film shows this picture: whole keyframes alone, the first one included. */
  shows({ keyframe, damaged }: VideoUnit): boolean {
    return keyframe && !damaged && this.keyframes++ % this.every === 0;
  }

  /** A picture as the film has it. `time` stays when it was. */
  place(unit: VideoUnit): VideoUnit {
    this.begun ??= unit.time;
    const at = this.pictures++ * FILM_FRAME_MS;
    return { ...unit, arrival: at, mediaTime: at };
  }
}
