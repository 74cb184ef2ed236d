// Sequence and picture parameter sets, with everything needed to parse an intra picture to the last bit
// (H.265 7.3.2.2, 7.3.2.3).

import { BitReader } from '../../codec/bit-reader.js';
import type { SampleAspect } from '../../codec/unit.js';
import { readVuiHead } from '../../codec/vui.js';
import { broken, unsupported } from './errors.js';

export interface Sps {
  readonly id: number;
  /** 0: monochrome, 1: 4:2:0. */
  readonly chromaFormat: number;
  /** Coded size in luma samples, before the conformance window is applied. */
  readonly codedWidth: number;
  readonly codedHeight: number;
  /** Displayed size in luma samples. */
  readonly width: number;
  readonly height: number;
  readonly lumaDepth: number;
  readonly chromaDepth: number;
  readonly pocBits: number;
  readonly log2MinCb: number;
  readonly log2Ctb: number;
  readonly log2MinTb: number;
  readonly log2MaxTb: number;
  /** max_transform_hierarchy_depth_intra. */
  readonly transformDepth: number;
  readonly sao: boolean;
  readonly pcm:
    | {
        readonly log2Min: number;
        readonly log2Max: number;
        readonly lumaDepth: number;
        readonly chromaDepth: number;
      }
    | undefined;
  /** Number of pictures in each short-term reference picture set. */
  readonly shortTermSets: readonly number[];
  readonly longTermPresent: boolean;
  readonly longTermCount: number;
  readonly temporalMvp: boolean;
  readonly sar?: SampleAspect;
}

export interface Pps {
  readonly id: number;
  readonly spsId: number;
  readonly dependentSlices: boolean;
  readonly outputFlagPresent: boolean;
  readonly extraHeaderBits: number;
  readonly signHiding: boolean;
  readonly qp: number;
  readonly transformSkip: boolean;
  readonly log2MaxTransformSkip: number;
  /** diff_cu_qp_delta_depth; undefined if cu_qp_delta is not used. */
  readonly qpDeltaDepth: number | undefined;
  readonly sliceChromaOffsets: boolean;
  readonly lossless: boolean;
  readonly tiles: boolean;
  /** entropy_coding_sync_enabled_flag (wavefronts). */
  readonly wavefronts: boolean;
  /** Tile columns and rows: their number if uniform, else their sizes in coding tree blocks. */
  readonly columns: readonly number[] | number;
  readonly rows: readonly number[] | number;
  readonly filterAcrossSlices: boolean;
  readonly deblockingOverride: boolean;
  readonly deblockingOff: boolean;
  readonly headerExtension: boolean;
}

const MAX_SHORT_TERM_SETS = 64;
const MAX_PICTURES_IN_SET = 16;
const MAX_LONG_TERM = 32;
/** Bound; table A.8 allows 20 columns and 22 rows at the highest level. */
const MAX_TILES = 64;

/**
 * Parses a whole NAL unit. Throws EUNSUPPORTED for formats other than 4:2:0 and grey, and for tools of the
 * range, screen content and layered extensions.
 */
export function parseSps(nal: Uint8Array): Sps {
  const reader = new BitReader(nal, 2);
  reader.skip(4); // sps_video_parameter_set_id
  const subLayers = reader.bits(3);
  if (subLayers > 6) throw outOfRange();
  reader.flag();
  skipProfile(reader, subLayers);
  const id = reader.ue();
  const chromaFormat = reader.ue();
  const codedWidth = reader.ue();
  const codedHeight = reader.ue();
  if (id > 15 || chromaFormat > 3 || codedWidth === 0 || codedHeight === 0) throw outOfRange();
  if (chromaFormat > 1) throw unsupported('more colour than 4:2:0');
  const unit = chromaFormat === 1 ? 2 : 1;
  const window = reader.flag() ? [reader.ue(), reader.ue(), reader.ue(), reader.ue()] : [0, 0, 0, 0];
  const width = codedWidth - unit * (window[0]! + window[1]!);
  const height = codedHeight - unit * (window[2]! + window[3]!);
  if (width <= 0 || height <= 0) throw broken('nothing is left of the picture by its window');
  const lumaDepth = reader.ue() + 8;
  const chromaDepth = reader.ue() + 8;
  const pocBits = reader.ue() + 4;
  if (lumaDepth > 16 || chromaDepth > 16 || pocBits > 16) throw outOfRange();
  const layers = reader.flag() ? subLayers + 1 : 1;
  for (let i = 0; i < 3 * layers; i += 1) reader.ue();
  const log2MinCb = reader.ue() + 3;
  const log2Ctb = log2MinCb + reader.ue();
  const log2MinTb = reader.ue() + 2;
  const log2MaxTb = log2MinTb + reader.ue();
  reader.ue(); // max_transform_hierarchy_depth_inter
  const transformDepth = reader.ue();
  const sizesFit =
    log2Ctb >= 4 &&
    log2Ctb <= 6 &&
    log2MinTb < log2MinCb &&
    log2MaxTb <= Math.min(5, log2Ctb) &&
    transformDepth <= log2Ctb - log2MinTb;
  const cbMask = (1 << log2MinCb) - 1;
  if (!sizesFit || (codedWidth & cbMask) !== 0 || (codedHeight & cbMask) !== 0) throw outOfRange();
  if (reader.flag() && reader.flag()) skipScalingLists(reader);
  reader.flag(); // amp_enabled_flag
  const sao = reader.flag();
  const pcm = reader.flag() ? readPcm(reader) : undefined;
  if (
    pcm &&
    (pcm.log2Max > Math.min(5, log2Ctb) ||
      pcm.log2Min < Math.min(5, log2MinCb) ||
      pcm.lumaDepth > lumaDepth ||
      pcm.chromaDepth > chromaDepth)
  )
    throw outOfRange();
  const shortTermSets: number[] = [];
  const sets = reader.ue();
  if (sets > MAX_SHORT_TERM_SETS) throw outOfRange();
  for (let index = 0; index < sets; index += 1)
    shortTermSets.push(readShortTermSet(reader, index, sets, shortTermSets));
  const longTermPresent = reader.flag();
  const longTermCount = longTermPresent ? reader.ue() : 0;
  if (longTermCount > MAX_LONG_TERM) throw outOfRange();
  reader.skip(longTermCount * (pocBits + 1));
  const temporalMvp = reader.flag();
  reader.flag(); // strong_intra_smoothing_enabled_flag
  const sar = reader.flag() ? readVui(reader, subLayers) : undefined;
  if (reader.flag()) {
    const range = reader.flag();
    if (reader.bits(7) >> 4 !== 0) throw unsupported('extensions for layers or screens');
    if (range && reader.bits(9) !== 0) throw unsupported('tools of the range extensions');
  }
  if (reader.overrun) throw broken('a parameter set ends too early');
  return {
    ...{
      id,
      chromaFormat,
      codedWidth,
      codedHeight,
      width,
      height,
      lumaDepth,
      chromaDepth,
      pocBits,
      log2MinCb,
      log2Ctb,
    },
    ...{
      log2MinTb,
      log2MaxTb,
      transformDepth,
      sao,
      pcm,
      shortTermSets,
      longTermPresent,
      longTermCount,
      temporalMvp,
    },
    ...(sar && { sar }),
  };
}

/** Parses a whole NAL unit. */
export function parsePps(nal: Uint8Array): Pps {
  const reader = new BitReader(nal, 2);
  const id = reader.ue();
  const spsId = reader.ue();
  if (id > 63 || spsId > 15) throw outOfRange();
  const dependentSlices = reader.flag();
  const outputFlagPresent = reader.flag();
  const extraHeaderBits = reader.bits(3);
  const signHiding = reader.flag();
  reader.flag(); // cabac_init_present_flag: P and B slices
  reader.ue();
  reader.ue();
  const qp = reader.se() + 26;
  reader.flag(); // constrained_intra_pred_flag: all is intra here
  const transformSkip = reader.flag();
  const qpDeltaDepth = reader.flag() ? reader.ue() : undefined;
  reader.se();
  reader.se();
  const sliceChromaOffsets = reader.flag();
  reader.skip(2); // weighted_pred_flag, weighted_bipred_flag
  const lossless = reader.flag();
  const tiles = reader.flag();
  const wavefronts = reader.flag();
  const { columns, rows } = tiles ? readTiles(reader) : { columns: 1, rows: 1 };
  const filterAcrossSlices = reader.flag();
  let deblockingOverride = false;
  let deblockingOff = false;
  if (reader.flag()) {
    deblockingOverride = reader.flag();
    deblockingOff = reader.flag();
    if (!deblockingOff) {
      reader.se();
      reader.se();
    }
  }
  if (reader.flag()) skipScalingLists(reader);
  reader.flag(); // lists_modification_present_flag
  reader.ue(); // log2_parallel_merge_level_minus2
  const headerExtension = reader.flag();
  let log2MaxTransformSkip = 2;
  if (reader.flag()) {
    const range = reader.flag();
    if (reader.bits(7) >> 4 !== 0) throw unsupported('extensions for layers or screens');
    if (range) {
      if (transformSkip) log2MaxTransformSkip += reader.ue();
      // cross_component_prediction_enabled_flag, chroma_qp_offset_list_enabled_flag
      if (reader.bits(2) !== 0) throw unsupported('tools of the range extensions');
    }
  }
  if (reader.overrun) throw broken('a parameter set ends too early');
  if (log2MaxTransformSkip > 5 || (qpDeltaDepth ?? 0) > 3) throw outOfRange();
  return {
    ...{
      id,
      spsId,
      dependentSlices,
      outputFlagPresent,
      extraHeaderBits,
      signHiding,
      qp,
      transformSkip,
      log2MaxTransformSkip,
    },
    ...{ qpDeltaDepth, sliceChromaOffsets, lossless, tiles, wavefronts, columns, rows, filterAcrossSlices },
    ...{ deblockingOverride, deblockingOff, headerExtension },
  };
}

/**
 * st_ref_pic_set (7.3.7): returns the number of its pictures. `counts`: the numbers for the sets before it;
 * in a slice header, `index` is their count.
 */
export function readShortTermSet(
  reader: SetBits,
  index: number,
  count: number,
  counts: readonly number[],
): number {
  if (index > 0 && reader.flag()) {
    const delta = index === count ? reader.ue() + 1 : 1;
    if (delta > index) throw outOfRange();
    reader.flag(); // delta_rps_sign
    reader.ue(); // abs_delta_rps_minus1
    let kept = 0;
    for (let i = 0; i <= counts[index - delta]!; i += 1) if (reader.flag() || reader.flag()) kept += 1;
    if (kept > MAX_PICTURES_IN_SET) throw outOfRange();
    return kept;
  }
  const negative = reader.ue();
  const positive = reader.ue();
  if (negative + positive > MAX_PICTURES_IN_SET) throw outOfRange();
  for (let i = 0; i < negative + positive; i += 1) {
    reader.ue();
    reader.flag();
  }
  return negative + positive;
}

interface SetBits {
  flag(): boolean;
  ue(): number;
}

function outOfRange(): Error {
  return broken('a parameter set is out of range');
}

// profile_tier_level (7.3.3)
function skipProfile(reader: BitReader, subLayers: number): void {
  reader.skip(96);
  const present = Array.from({ length: subLayers }, () => (reader.flag() ? 88 : 0) + (reader.flag() ? 8 : 0));
  if (subLayers > 0) reader.skip(2 * (8 - subLayers));
  for (const bits of present) reader.skip(bits);
}

// scaling_list_data (7.3.4): only the length matters, so the values are skipped.
function skipScalingLists(reader: BitReader): void {
  for (let size = 0; size < 4; size += 1) {
    for (let matrix = 0; matrix < 6; matrix += size === 3 ? 3 : 1) {
      if (!reader.flag()) {
        reader.ue();
        continue;
      }
      if (size > 1) reader.se();
      for (let i = 0; i < Math.min(64, 1 << (4 + (size << 1))); i += 1) reader.se();
    }
  }
}

function readPcm(reader: BitReader): NonNullable<Sps['pcm']> {
  const lumaDepth = reader.bits(4) + 1;
  const chromaDepth = reader.bits(4) + 1;
  const log2Min = reader.ue() + 3;
  const log2Max = log2Min + reader.ue();
  reader.flag(); // pcm_loop_filter_disabled_flag
  return { lumaDepth, chromaDepth, log2Min, log2Max };
}

function readTiles(reader: BitReader): Pick<Pps, 'columns' | 'rows'> {
  const columns = reader.ue() + 1;
  const rows = reader.ue() + 1;
  if (columns > MAX_TILES || rows > MAX_TILES) throw outOfRange();
  const uniform = reader.flag();
  const sizes = (count: number): number[] | number =>
    uniform ? count : Array.from({ length: count - 1 }, () => reader.ue() + 1);
  const tiles = { columns: sizes(columns), rows: sizes(rows) };
  reader.flag(); // loop_filter_across_tiles_enabled_flag
  return tiles;
}

// vui_parameters (E.2.1)
function readVui(reader: BitReader, subLayers: number): SampleAspect | undefined {
  const { sar } = readVuiHead(reader);
  reader.skip(3);
  if (reader.flag()) for (let i = 0; i < 4; i += 1) reader.ue();
  if (reader.flag()) {
    reader.skip(64);
    if (reader.flag()) reader.ue();
    if (reader.flag()) skipHrd(reader, subLayers);
  }
  if (reader.flag()) {
    reader.skip(3);
    for (let i = 0; i < 5; i += 1) reader.ue();
  }
  return sar;
}

// hrd_parameters (E.2.2), including the common part.
function skipHrd(reader: BitReader, subLayers: number): void {
  const models = [reader.flag(), reader.flag()].filter(Boolean).length;
  let subPictures = false;
  if (models > 0) {
    subPictures = reader.flag();
    reader.skip((subPictures ? 19 : 0) + 8 + (subPictures ? 4 : 0) + 15);
  }
  for (let layer = 0; layer <= subLayers; layer += 1) {
    const general = reader.flag();
    const fixed = general || reader.flag();
    const lowDelay = fixed ? (reader.ue(), false) : reader.flag();
    const buffers = lowDelay ? 1 : reader.ue() + 1;
    if (buffers > 32) throw outOfRange();
    for (let i = 0; i < models * buffers; i += 1) {
      for (let n = 0; n < (subPictures ? 4 : 2); n += 1) reader.ue();
      reader.flag();
    }
  }
}
