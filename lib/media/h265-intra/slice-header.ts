// The header of a slice segment of an intra picture (H.265 7.3.6.1).

import { H265_NAL } from '../../codec/h265/nal.js';
import type { BitSource } from '../h264-intra/rbsp.js';
import { broken, unsupported } from './errors.js';
import { readShortTermSet } from './parameter-sets.js';
import type { Pps, Sps } from './parameter-sets.js';

export interface SliceHeader {
  readonly sps: Sps;
  readonly pps: Pps;
  /** First slice segment of the picture. */
  readonly first: boolean;
  /** Continues the slice of the previous segment. */
  readonly dependent: boolean;
  /** Raster address of its first coding tree block. */
  readonly address: number;
  readonly saoLuma: boolean;
  readonly saoChroma: boolean;
  readonly qp: number;
  /** Number of pictures in its reference picture set; a decoder generates missing ones. */
  readonly references: number;
}

const IDR_W_RADL = 19;
const IDR_N_LP = 20;
const I_SLICE = 2;
const MAX_LONG_TERM = 32;

/**
 * `source` stands behind the NAL unit header, and is left at the first byte of the slice data. `before`:
 * header of the previous segment, whose fields a dependent segment inherits except for the address.
 */
export function parseSliceHeader(
  source: BitSource,
  type: number,
  spsById: ReadonlyMap<number, Sps>,
  ppsById: ReadonlyMap<number, Pps>,
  before: SliceHeader | undefined,
): SliceHeader {
  const first = source.flag();
  if (type >= H265_NAL.firstIrap && type <= H265_NAL.lastIrap) source.flag(); // no_output_of_prior_pics_flag
  const pps = ppsById.get(source.ue());
  const sps = pps && spsById.get(pps.spsId);
  if (!sps) throw broken('a slice names parameter sets that are not there');
  const dependent = !first && pps.dependentSlices && source.flag();
  const blocks = ctbColumns(sps) * ctbRows(sps);
  const addressBits = bitsFor(blocks);
  const address = first || addressBits === 0 ? 0 : source.bits(addressBits);
  if (address >= blocks || (!first && address === 0)) throw broken('a slice lies outside the picture');
  let header: Pick<SliceHeader, 'saoLuma' | 'saoChroma' | 'qp' | 'references'>;
  if (dependent) {
    if (!before) throw broken('a part of the picture is missing');
    header = before;
  } else {
    header = readIndependent(source, type, sps, pps);
  }
  if (pps.tiles || pps.wavefronts) skipEntryPoints(source, blocks);
  if (pps.headerExtension) source.at += 8 * source.ue();
  if (!source.flag()) throw broken('a slice header has no end');
  source.at = (source.at + 7) & ~7;
  source.checkEnd();
  const { saoLuma, saoChroma, qp, references } = header;
  return { sps, pps, first, dependent, address, saoLuma, saoChroma, qp, references };
}

export function ctbColumns(sps: Sps): number {
  return Math.ceil(sps.codedWidth / (1 << sps.log2Ctb));
}

export function ctbRows(sps: Sps): number {
  return Math.ceil(sps.codedHeight / (1 << sps.log2Ctb));
}

/** Ceil(Log2(count)). */
function bitsFor(count: number): number {
  return 32 - Math.clz32(count - 1);
}

function readIndependent(
  source: BitSource,
  type: number,
  sps: Sps,
  pps: Pps,
): Pick<SliceHeader, 'saoLuma' | 'saoChroma' | 'qp' | 'references'> {
  source.at += pps.extraHeaderBits;
  if (source.ue() !== I_SLICE) throw unsupported('slices that need other pictures: it is no keyframe');
  if (pps.outputFlagPresent) source.flag();
  const references = type === IDR_W_RADL || type === IDR_N_LP ? 0 : readReferences(source, sps);
  const saoLuma = sps.sao && source.flag();
  const saoChroma = sps.sao && sps.chromaFormat !== 0 && source.flag();
  const qp = pps.qp + source.se();
  if (qp < -6 * (sps.lumaDepth - 8) || qp > 51) throw broken('a quantiser is out of range');
  if (pps.sliceChromaOffsets) {
    source.se();
    source.se();
  }
  let deblockingOff = pps.deblockingOff;
  if (pps.deblockingOverride && source.flag()) {
    deblockingOff = source.flag();
    if (!deblockingOff) {
      source.se();
      source.se();
    }
  }
  if (pps.filterAcrossSlices && (saoLuma || saoChroma || !deblockingOff)) source.flag();
  return { saoLuma, saoChroma, qp, references };
}

/** Parses the reference pictures listed by a picture that is not IDR, and returns their number. */
function readReferences(source: BitSource, sps: Sps): number {
  source.bits(sps.pocBits);
  const { shortTermSets } = sps;
  let references: number;
  if (!source.flag()) {
    references = readShortTermSet(source, shortTermSets.length, shortTermSets.length, shortTermSets);
  } else {
    const bits = shortTermSets.length > 1 ? bitsFor(shortTermSets.length) : 0;
    const set = shortTermSets[bits > 0 ? source.bits(bits) : 0];
    if (set === undefined) throw broken('a slice names a reference picture set that is not there');
    references = set;
  }
  if (sps.longTermPresent) {
    const fromSps = sps.longTermCount > 0 ? source.ue() : 0;
    const count = fromSps + source.ue();
    if (count > MAX_LONG_TERM) throw broken('a slice has too many reference pictures');
    for (let i = 0; i < count; i += 1) {
      if (i >= fromSps) source.at += sps.pocBits + 1;
      else if (sps.longTermCount > 1) source.at += bitsFor(sps.longTermCount);
      if (source.flag()) source.ue();
    }
    references += count;
  }
  if (sps.temporalMvp) source.flag();
  return references;
}

/** Skips the entry points of tiles and wavefronts: segments are parsed in order, so they are not needed. */
function skipEntryPoints(source: BitSource, blocks: number): void {
  const count = source.ue();
  if (count === 0) return;
  const bits = source.ue() + 1;
  if (count > blocks || bits > 32) throw broken('a slice header is out of range');
  source.at += count * bits;
  source.checkEnd();
}
