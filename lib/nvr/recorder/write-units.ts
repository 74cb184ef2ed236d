// Writes recorded video into a clip, at the speed of the disk.

import type { VideoUnit } from '../../codec/unit.js';
import { NvrError } from '../../errors.js';
import { SpanEnd } from '../../media/span-end.js';
import type { Clip } from './clip.js';

/** Reading pauses while more bytes than this wait for the disk. */
const AHEAD_BYTES = 4 * 1024 * 1024;

/**
 * Writes units up to `to`, or until there are no more. Returns the error that ended it early; never rejects.
 * `onUnit` is called for each unit written.
 */
export async function writeUnits(
  units: AsyncIterable<VideoUnit>,
  clip: Clip,
  to: number,
  signal: AbortSignal,
  onUnit?: (unit: VideoUnit) => void,
): Promise<NvrError | undefined> {
  try {
    const end = new SpanEnd(to);
    for await (const unit of units) {
      const place = end.place(unit);
      if (place === 'over' || !clip.isOpen || signal.aborted) break;
      if (place === 'held') continue;
      // In a fetched clip, only the recorded time counts.
      for (const one of [...end.takeHeld(), unit])
        clip.push({ ...one, arrival: one.time, mediaTime: one.time });
      onUnit?.(unit);
      if (clip.waitingBytes > AHEAD_BYTES) await clip.drain();
    }
    return undefined;
  } catch (cause) {
    return cause instanceof NvrError
      ? cause
      : new NvrError('EPROTOCOL', 'The recording could not be fetched.', { cause });
  }
}
