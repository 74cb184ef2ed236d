// Interprets H.265 NAL units for the assembler: slices, random access points, parameter sets (H.265 7.3.1.2,
// 7.3.6.1).

import type { NalFacts, NalRules } from '../nal-rules.js';
import { BitReader } from '../bit-reader.js';
import { recoveryPoint } from '../sei.js';
import { ParameterSets, type SetFacts } from '../parameter-sets.js';
import type { VideoFormat } from '../unit.js';
import { parseH265Sps, type H265Sps } from './sps.js';

/** nal_unit_type (H.265 table 7-1). 0 to 31 are slices, 16 to 23 those of IRAP pictures. */
export const H265_NAL = {
  firstIrap: 16,
  lastIrap: 23,
  lastSlice: 31,
  vps: 32,
  sps: 33,
  pps: 34,
  delimiter: 35,
  prefixSei: 39,
} as const;

export class H265Rules implements NalRules<H265Sps> {
  readonly codec = 'h265';
  readonly delimiter = H265_NAL.delimiter;
  readonly headerBytes = 2;
  readonly types = [0, 48] as const;
  readonly sets = new ParameterSets<H265Sps>(describeSet);
  private readonly reader = new BitReader();

  typeOf(firstByte: number): number {
    return (firstByte >> 1) & 0x3f;
  }

  looksKey(type: number): boolean {
    return isIrap(type) || type === H265_NAL.vps || type === H265_NAL.sps;
  }

  inspect(data: Buffer, start: number, end: number, facts: NalFacts): void {
    const first = data[start]!;
    const type = (first >> 1) & 0x3f;
    // NAL units of layers above 0 (multi-view, scalable) are kept, but the picture is that of the base layer.
    const baseLayer = (((first & 1) << 5) | (data[start + 1]! >> 3)) === 0;
    facts.type = type;
    facts.slice = baseLayer && type <= H265_NAL.lastSlice;
    facts.sync = isIrap(type);
    facts.parameterSet = baseLayer && isParameterSet(type);
    facts.recovery =
      type === H265_NAL.prefixSei && baseLayer
        ? recoveryPoint(this.reader.reset(data, start + 2, end), true)
        : -1;
    facts.intra = false;
    facts.first = false;
    facts.opens =
      baseLayer && (type === H265_NAL.delimiter || type === H265_NAL.vps || type === H265_NAL.sps);
    if (facts.slice) this.readSlice(data, start, end, facts);
  }

  format(sps: H265Sps): Omit<VideoFormat, 'codec'> {
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
    const reader = this.reader.reset(data, start + 2, end);
    facts.first = reader.flag();
    facts.opens = facts.first;
    if (facts.sync) reader.flag(); // no_output_of_prior_pics_flag
    facts.ppsId = reader.ue();
  }
}

function isIrap(type: number): boolean {
  return type >= H265_NAL.firstIrap && type <= H265_NAL.lastIrap;
}

function isParameterSet(type: number): boolean {
  return type >= H265_NAL.vps && type <= H265_NAL.pps;
}

function describeSet(nal: Buffer): SetFacts<H265Sps> | undefined {
  if (nal.length < 4) return undefined;
  const type = (nal[0]! >> 1) & 0x3f;
  if (type === H265_NAL.vps) return { kind: 'vps', type, id: nal[2]! >> 4 };
  if (type === H265_NAL.sps) {
    const info = parseH265Sps(nal);
    return info && { kind: 'sps', type, id: info.id, refersTo: info.vpsId, info };
  }
  if (type !== H265_NAL.pps) return undefined;
  const reader = new BitReader(nal, 2);
  const id = reader.ue();
  const refersTo = reader.ue();
  return reader.overrun || id > 63 || refersTo > 15 ? undefined : { kind: 'pps', type, id, refersTo };
}
