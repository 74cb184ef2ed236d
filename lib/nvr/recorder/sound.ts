// What sound comes with a camera's pictures: a file declares it only when it has been heard, for declared silence would hold players up.

import type { AudioFormat, AudioUnit } from '../../codec/unit.js';
import { isWritableSound } from '../../media/mp4-header.js';

/** Sound that was last heard longer ago has ended. */
const FRESH_MS = 2000;

export class Sound {
  private last: AudioUnit | undefined;

  see(unit: AudioUnit): void {
    if (isWritableSound(unit.format)) this.last = unit;
  }

  /** The sound heard at `arrival`; undefined: none. */
  at(arrival: number): AudioFormat | undefined {
    const { last } = this;
    return last === undefined || last.arrival < arrival - FRESH_MS ? undefined : last.format;
  }
}
