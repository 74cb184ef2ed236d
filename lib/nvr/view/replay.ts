// Sends a recorded span as records to one page, no faster than the page reads, each frame with its recorded
// time.

import type { VideoFormat, VideoUnit } from '../../codec/unit.js';
import { asNvrError, NvrError } from '../../errors.js';
import { LiveClock } from '../../media/mp4/live-clock.js';
import { videoFragment } from '../../media/mp4/live-mp4.js';
import { pictureInit } from './picture-init.js';
import { FLAGS, jsonRecord, mediaRecord } from './records.js';

/** Resolves when the page can take more; rejects if it is gone. */
type ReplaySink = (bytes: Buffer) => Promise<void>;

/**
 * Ends with a `state` record: `ended`, or `error` with the code and advice. Rejects as the sink does. Gaps in
 * the recording are shortened in the player's time, as in a live view (`LiveClock`); the wall time of a frame
 * shows them.
 */
export async function replay(units: AsyncIterable<VideoUnit>, sink: ReplaySink): Promise<void> {
  let format: VideoFormat | undefined;
  let clock: LiveClock | undefined;
  /** Display time of the first keyframe: decoders fail at what an open GOP displays before it. */
  let beganAt = -Infinity;
  const end = async (state: 'ended' | 'error', error?: NvrError): Promise<void> => {
    const cause = error === undefined ? {} : { code: error.code, reason: error.message };
    await sink(jsonRecord('state', 0, { state, ...cause }).bytes);
  };
  const source = units[Symbol.asyncIterator]();
  try {
    for (;;) {
      let unit: VideoUnit;
      let isNew = false;
      try {
        const next = await source.next();
        if (next.done === true) break;
        unit = next.value;
        if (unit.codec === 'mjpeg')
          throw new NvrError('EUNSUPPORTED', 'A page can play only recordings in H.264 or H.265.');
        if (unit.format !== format) {
          if (!unit.keyframe) continue;
          isNew = true;
          const init = pictureInit(0, unit);
          format = unit.format;
          clock ??= new LiveClock(format.frameRate);
          await sink(init.bytes);
        }
      } catch (error) {
        await end('error', asNvrError(error));
        return;
      }
      const times = clock!.next({ mediaTime: unit.time, reorderDepth: unit.format.reorderDepth ?? 0 });
      const { shownAt } = clock!;
      if (isNew) beganAt = shownAt;
      if (shownAt < beganAt) continue;
      const flags = unit.keyframe ? FLAGS.keyframe : 0;
      const fragment = videoFragment(unit, times);
      await sink(mediaRecord('picture', 0, flags, unit.time, shownAt, fragment).bytes);
    }
    await end('ended');
  } finally {
    await source.return?.(undefined);
  }
}
