// Recorded pictures into a clip, at the pace of the disk.

import type { VideoUnit } from '../../codec/unit.js';
import { NvrError } from '../../errors.js';
import { SpanEnd } from '../../media/span-end.js';
import type { Clip } from './clip.js';

/** Bytes that wait for the disk before the NVR is asked to wait. */
const AHEAD_BYTES = 4 * 1024 * 1024;

/**
 * Up to `to`, or where the pictures end. Answers what kept more from coming; never rejects. `onUnit` is told
 * of each picture that went in.
 */
export async function pour(
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
      // The recording's own time is the only one that counts here.
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
