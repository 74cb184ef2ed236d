// The parts that the video usability information of H.264 (E.1.1) and H.265 (E.2.1) have in common.

import type { ColourDescription, SampleAspect } from './unit.js';

/** The bit reader used; each decoder has its own. */
interface VuiBits {
  flag(): boolean;
  /** Up to 24 bits. */
  bits(count: number): number;
  ue(): number;
}

export interface VuiHead {
  /** Absent if square, not given, or implausible. */
  readonly sar?: SampleAspect;
  /** Absent if not given or unspecified. */
  readonly colour?: ColourDescription;
}

/** Code for "unspecified" in tables E.3 to E.5. */
export const UNSPECIFIED = 2;

const MAX_FRAME_RATE = 480;
const EXTENDED_SAR = 255;
/** An aspect ratio further from square than this is ignored as an error. */
const MAX_ASPECT = 4;

/** Sample aspect ratios by aspect_ratio_idc, from 1 on (table E.1). */
const ASPECTS: readonly (readonly [number, number])[] = [
  [1, 1],
  [12, 11],
  [10, 11],
  [16, 11],
  [40, 33],
  [24, 11],
  [20, 11],
  [32, 11],
  [80, 33],
  [18, 11],
  [15, 11],
  [64, 33],
  [160, 99],
  [4, 3],
  [3, 2],
  [2, 1],
];

/** Reads from the aspect ratio to the chroma location. */
export function readVuiHead(reader: VuiBits): VuiHead {
  const sar = reader.flag() ? readAspect(reader) : undefined;
  // overscan_info
  if (reader.flag()) reader.flag();
  const colour = reader.flag() ? readColour(reader) : undefined;
  // chroma_loc_info
  if (reader.flag()) {
    reader.ue();
    reader.ue();
  }
  return { ...(sar && { sar }), ...(colour && { colour }) };
}

function readAspect(reader: VuiBits): SampleAspect | undefined {
  const code = reader.bits(8);
  const [width, height] =
    code === EXTENDED_SAR ? [reader.bits(16), reader.bits(16)] : (ASPECTS[code - 1] ?? [1, 1]);
  const plausible = width > 0 && height > 0 && width <= MAX_ASPECT * height && height <= MAX_ASPECT * width;
  return plausible && width !== height ? { width, height } : undefined;
}

// video_signal_type
function readColour(reader: VuiBits): ColourDescription | undefined {
  reader.bits(3); // video_format
  const fullRange = reader.flag();
  const described = reader.flag();
  const code = (): number => (described ? reader.bits(8) : UNSPECIFIED);
  const [primaries, transfer, matrix] = [code(), code(), code()];
  const said = fullRange || primaries !== UNSPECIFIED || transfer !== UNSPECIFIED || matrix !== UNSPECIFIED;
  return said ? { primaries, transfer, matrix, fullRange } : undefined;
}

/** Frames per second rounded to 1/1000; undefined if implausible. */
export function plausibleRate(rate: number): number | undefined {
  const rounded = Math.round(rate * 1000) / 1000;
  return rounded > 0 && rounded <= MAX_FRAME_RATE ? rounded : undefined;
}
