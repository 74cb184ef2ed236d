// What the video usability information of H.264 (E.1.1) and of H.265 (E.2.1) have in common.

import type { BitReader } from './bit-reader.js';

const MAX_FRAME_RATE = 480;
const EXTENDED_SAR = 255;

/** Reads from the aspect ratio up to the chroma location. Answers whether samples use 0..255 in place of 16..235. */
export function readVuiHead(reader: BitReader): boolean {
  // aspect_ratio_info
  if (reader.flag() && reader.bits(8) === EXTENDED_SAR) reader.skip(32);
  // overscan_info
  if (reader.flag()) reader.flag();
  let fullRange = false;
  // video_signal_type
  if (reader.flag()) {
    reader.skip(3);
    fullRange = reader.flag();
    if (reader.flag()) reader.skip(24);
  }
  // chroma_loc_info
  if (reader.flag()) {
    reader.ue();
    reader.ue();
  }
  return fullRange;
}

/** Frames per second rounded to 1/1000; undefined for what no camera does. */
export function plausibleRate(rate: number): number | undefined {
  const rounded = Math.round(rate * 1000) / 1000;
  return rounded > 0 && rounded <= MAX_FRAME_RATE ? rounded : undefined;
}
