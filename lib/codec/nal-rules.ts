// What the assembler of access units asks of a codec: the same questions for H.264 and H.265.

import type { ParameterSets } from './parameter-sets.js';
import type { VideoCodec, VideoFormat } from './unit.js';

/** What one NAL unit means for the unit around it. One object per stream, filled anew for each NAL unit. */
export interface NalFacts {
  type: number;
  /** A slice of the primary (base layer) picture. */
  slice: boolean;
  /** The picture's first slice: first_mb_in_slice 0, first_slice_segment_in_pic_flag 1. */
  first: boolean;
  /** With slices before it, a new access unit begins here whatever marker and timestamp say. */
  opens: boolean;
  /**
   * Of a first slice: it begins a field whose frame is not whole yet (1), or the field that makes it whole
   * (2); 0: a frame.
   */
  field: 0 | 1 | 2;
  /** A slice of an IDR (H.265: IRAP) picture. */
  sync: boolean;
  /** A slice of intra macroblocks only. */
  intra: boolean;
  /** An SEI with a recovery point: pictures until it is reached; -1: none. */
  recovery: number;
  parameterSet: boolean;
  /** The PPS id a slice names. */
  ppsId: number;
}

/** What the assembler must know of a codec. */
export interface NalRules<Info> {
  readonly codec: VideoCodec;
  /** NAL type of the access unit delimiter, which stays first. */
  readonly delimiter: number;
  /** Bytes of a NAL unit's header. */
  readonly headerBytes: number;
  readonly sets: ParameterSets<Info>;
  /** Types of NAL units proper: from this one up to, not including, the other. */
  readonly types: readonly [number, number];
  typeOf(firstByte: number): number;
  /**
   * Does a unit that begins with (or holds) this type look like a keyframe? A guess, for the size of its
   * memory.
   */
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
