// Interprets H.264 NAL units for the assembler: slices, keyframes, parameter sets (H.264 7.3.1, 7.3.3,
// D.1.8).

import { BitReader } from '../bit-reader.js';
import type { NalFacts, NalRules } from '../nal-rules.js';
import { ParameterSets, type SetFacts } from '../parameter-sets.js';
import { recoveryPoint } from '../sei.js';
import type { VideoFormat } from '../unit.js';
import { parseH264Sps, type H264Sps } from './sps.js';

/** nal_unit_type, H.264 table 7-1. */
export const H264_NAL = {
  slice: 1,
  partitionA: 2,
  idr: 5,
  sei: 6,
  sps: 7,
  pps: 8,
  delimiter: 9,
} as const;

/** slice_type I and SI, and their variants for "all slices of this picture" (H.264 table 7-6). */
const INTRA_SLICE_TYPES: ReadonlySet<number> = new Set([2, 4, 7, 9]);

export class H264Rules implements NalRules<H264Sps> {
  readonly codec = 'h264';
  readonly delimiter = H264_NAL.delimiter;
  readonly headerBytes = 1;
  readonly types = [1, 24] as const;
  readonly sets = new ParameterSets<H264Sps>(describeSet);
  private readonly reader = new BitReader();
  /** A field whose counterpart has not arrived yet. */
  private lone: { readonly frameNum: number; readonly isBottom: boolean } | undefined;

  typeOf(firstByte: number): number {
    return firstByte & 0x1f;
  }

  looksKey(type: number): boolean {
    return type === H264_NAL.idr || type === H264_NAL.sps;
  }

  inspect(data: Buffer, start: number, end: number, facts: NalFacts): void {
    const type = data[start]! & 0x1f;
    facts.type = type;
    facts.slice = type === H264_NAL.slice || type === H264_NAL.partitionA || type === H264_NAL.idr;
    facts.sync = type === H264_NAL.idr;
    facts.parameterSet = type === H264_NAL.sps || type === H264_NAL.pps;
    facts.opens = type === H264_NAL.delimiter || type === H264_NAL.sps;
    facts.recovery =
      type === H264_NAL.sei ? recoveryPoint(this.reader.reset(data, start + 1, end), false) : -1;
    facts.first = false;
    facts.field = 0;
    facts.intra = false;
    if (facts.slice) this.readSlice(data, start, end, facts);
  }

  format(sps: H264Sps): Omit<VideoFormat, 'codec'> {
    const { width, height, profile, codecString, frameRate, reorderDepth, sar, colour } = sps;
    return {
      width,
      height,
      profile,
      codecString,
      ...(frameRate !== undefined && { frameRate }),
      ...(reorderDepth !== undefined && { reorderDepth }),
      ...(sar && { sar }),
      ...(colour && { colour }),
    };
  }

  private readSlice(data: Buffer, start: number, end: number, facts: NalFacts): void {
    const reader = this.reader.reset(data, start + 1, end);
    facts.first = reader.ue() === 0 && !reader.overrun;
    facts.intra = INTRA_SLICE_TYPES.has(reader.ue());
    facts.ppsId = reader.ue();
    const sps = this.sets.activeSps(facts.ppsId)?.info;
    if (facts.first && sps?.framesOnly === false) facts.field = this.readField(reader, sps);
    // Another first slice begins a new picture, unless it is the second field of this one.
    facts.opens = facts.first && sps !== undefined && facts.field !== 2;
  }

  // Two fields of opposite parity with the same frame_num form a frame (7.4.1.2.4, 7.4.3). `reader` stands
  // behind the PPS id.
  private readField(reader: BitReader, { separatePlanes, frameNumBits }: H264Sps): 0 | 1 | 2 {
    if (separatePlanes) reader.skip(2);
    const frameNum = reader.bits(Math.min(frameNumBits, 16));
    const isField = reader.flag();
    const isBottom = isField && reader.flag();
    const lone = this.lone;
    const isSecond = isField && lone?.frameNum === frameNum && lone.isBottom !== isBottom;
    this.lone = isField && !isSecond ? { frameNum, isBottom } : undefined;
    return !isField ? 0 : isSecond ? 2 : 1;
  }
}

function describeSet(nal: Buffer): SetFacts<H264Sps> | undefined {
  const type = nal.length > 1 ? nal[0]! & 0x1f : 0;
  if (type === H264_NAL.sps) {
    const info = parseH264Sps(nal);
    return info && { kind: 'sps', type, id: info.id, info };
  }
  if (type !== H264_NAL.pps) return undefined;
  const reader = new BitReader(nal, 1);
  const id = reader.ue();
  const refersTo = reader.ue();
  return reader.overrun || id > 255 || refersTo > 31 ? undefined : { kind: 'pps', type, id, refersTo };
}
