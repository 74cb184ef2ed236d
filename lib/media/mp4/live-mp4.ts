// Fragmented MP4 for live players: one fragment per picture, so that none waits for the next (ISO 14496-12
// 8.8, ISO 14496-15).

import type { VideoUnit } from '../../codec/unit.js';
import { VIDEO_RATE } from './header.js';
import { moof } from './moof.js';

/** Ticks per second of all times, including audio. */
export const LIVE_TIMESCALE = VIDEO_RATE;

/** Decode and display time of a sample, in ticks. */
export interface LiveTimes {
  /** Incremented with each fragment of a track. */
  readonly sequence: number;
  readonly decode: number;
  /** Display time minus decode time; may be negative. */
  readonly offset: number;
  readonly duration: number;
}

const TRACK = 1;
const MDAT_HEAD = 8;

/**
 * One picture as moof and mdat. The media is copied once, with lengths in place of start codes (ISO 14496-15
 * 4.3).
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

/** `at`: position of the media. */
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
