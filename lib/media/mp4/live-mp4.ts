// Fragmented MP4 for a player that follows a live stream: a fragment per picture, so that none waits for the
// next (ISO 14496-12 8.8, ISO 14496-15).

import type { VideoUnit } from '../../codec/unit.js';
import { VIDEO_RATE } from './header.js';
import { moof } from './moof.js';

/** Ticks a second of all times, of sound as well. */
export const LIVE_TIMESCALE = VIDEO_RATE;

/** When a sample is decoded and shown, in ticks. */
export interface LiveTimes {
  /** Counts up by one with each fragment of a track. */
  readonly sequence: number;
  readonly decode: number;
  /** Shown this much after it is decoded; may be below 0. */
  readonly offset: number;
  readonly duration: number;
}

const TRACK = 1;
const MDAT_HEAD = 8;

/**
 * One picture as a moof and an mdat: its media is copied here, once, with lengths in place of start codes
 * (ISO 14496-15 4.3).
 */
export function videoFragment(unit: Pick<VideoUnit, 'data' | 'nals' | 'keyframe'>, times: LiveTimes): Buffer {
  const { data, nals, keyframe } = unit;
  const { out, at } = fragment(data, times, keyframe);
  for (const { start, end } of nals) out.writeUInt32BE(end - start - 4, at + start);
  return out;
}

/** One audio frame as a moof and an mdat. */
export function audioFragment(data: Buffer, times: LiveTimes): Buffer {
  return fragment(data, times, true).out;
}

/** `at`: where the media begins. */
function fragment(data: Buffer, times: LiveTimes, key: boolean): { out: Buffer; at: number } {
  const { sequence, decode, offset, duration } = times;
  const sample = { bytes: data.length, duration, offset, key };
  const head = moof(sequence, [{ track: TRACK, time: decode, samples: [sample] }]);
  const at = head.length + MDAT_HEAD;
  const out = Buffer.allocUnsafeSlow(at + data.length);
  head.copy(out);
  out.writeUInt32BE(MDAT_HEAD + data.length, head.length);
  out.write('mdat', head.length + 4, 'latin1');
  data.copy(out, at);
  return { out, at };
}
