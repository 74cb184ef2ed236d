// What the access unit assembler needs to know of a codec, alike for H.264 and H.265.

import type { ParameterSets } from './parameter-sets.js';
import type { VideoCodec, VideoFormat } from './unit.js';

/** What one NAL unit means for its access unit. One object per stream, overwritten for each NAL unit. */
export interface NalFacts {
  type: number;
  /** A slice of the primary (base layer) picture. */
  slice: boolean;
  /** The picture's first slice: first_mb_in_slice 0, first_slice_segment_in_pic_flag 1. */
  first: boolean;
  /** If slices came before, a new access unit begins here, whatever marker and timestamp say. */
  opens: boolean;
  /**
   * For a first slice: 1 if it begins a field whose frame is still incomplete, 2 if it begins the field that
   * completes it, 0 for a frame.
   */
  field: 0 | 1 | 2;
  /** A slice of an IDR (H.265: IRAP) picture. */
  sync: boolean;
  /** A slice of an intra type. */
  intra: boolean;
  /** Recovery count of an SEI with a recovery point: pictures until decoding is complete; -1 without one. */
  recovery: number;
  parameterSet: boolean;
  /** PPS id in the slice header. */
  ppsId: number;
}

/** The rules of one codec. */
export interface NalRules<Info> {
  readonly codec: VideoCodec;
  /** NAL type of the access unit delimiter, which must stay first. */
  readonly delimiter: number;
  /** Length of the NAL unit header in bytes. */
  readonly headerBytes: number;
  readonly sets: ParameterSets<Info>;
  /** Valid NAL types: from the first, up to but not including the second. */
  readonly types: readonly [number, number];
  typeOf(firstByte: number): number;
  /** Whether a unit that contains this NAL type is probably a keyframe. Used to size its memory. */
  looksKey(type: number): boolean;
  inspect(data: Buffer, start: number, end: number, facts: NalFacts): void;
  format(info: Info): Omit<VideoFormat, 'codec'>;
}

export function emptyFacts(): NalFacts {
  return {
    type: 0,
    slice: false,
    first: false,
    opens: false,
    field: 0,
    sync: false,
    intra: false,
    recovery: -1,
    parameterSet: false,
    ppsId: 0,
  };
}

/** The packet that a NAL unit came in; an `RtpPacketView` is one. `onvifTime` is NaN where there is none. */
export interface NalPacket {
  readonly timestamp: number;
  readonly sequence: number;
  readonly onvifTime: number;
}
