// What sound comes with a camera's pictures: a file declares it only when it has been heard, for declared
// silence would hold players up.

import type { AudioFormat, AudioUnit } from '../../codec/unit.js';
import { NvrError } from '../../errors.js';
import { isWritableSound } from '../../media/mp4-writer.js';

/** Sound that was last heard longer ago has ended. */
const FRESH_MS = 2000;

export class Sound {
  private last: AudioUnit | undefined;
  private told: string | undefined;

  /** Answers, once, that there is sound of a kind for which files have no place. */
  see(unit: AudioUnit): NvrError | undefined {
    const { codec } = unit.format;
    if (isWritableSound(unit.format)) {
      this.last = unit;
      return undefined;
    }
    if (this.told === codec) return undefined;
    this.told = codec;
    const reason = `Clips are recorded without sound: the camera sends ${codec.toUpperCase()}, which clip files cannot hold. Choose AAC, G.711 or Opus on the camera.`;
    return new NvrError('EUNSUPPORTED', reason);
  }

  /** The sound heard at `arrival`; undefined: none. */
  at(arrival: number): AudioFormat | undefined {
    const { last } = this;
    return last === undefined || last.arrival < arrival - FRESH_MS ? undefined : last.format;
  }
}
