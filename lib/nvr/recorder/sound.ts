// Tracks the audio that a camera sends: a file declares an audio track only if audio was received, since
// players would wait for a declared track without data.

import type { AudioFormat, AudioUnit } from '../../codec/unit.js';
import { NvrError } from '../../errors.js';
import { isWritableSound } from '../../media/mp4-writer.js';

/** Audio has ended if none came for this long (ms). */
const FRESH_MS = 2000;

export class Sound {
  private last: AudioUnit | undefined;
  private reportedCodec: string | undefined;

  /** Takes the next unit. Returns an error once if the audio has a codec that clip files cannot hold. */
  take(unit: AudioUnit): NvrError | undefined {
    const { codec } = unit.format;
    if (isWritableSound(unit.format)) {
      this.last = unit;
      return undefined;
    }
    if (this.reportedCodec === codec) return undefined;
    this.reportedCodec = codec;
    const reason = `Clips are recorded without sound: the camera sends ${codec.toUpperCase()}, which clip files cannot hold. Choose AAC, G.711 or Opus on the camera.`;
    return new NvrError('EUNSUPPORTED', reason);
  }

  /** The format of the audio at `arrival`; undefined if there is none. */
  at(arrival: number): AudioFormat | undefined {
    const { last } = this;
    return last === undefined || last.arrival < arrival - FRESH_MS ? undefined : last.format;
  }
}
