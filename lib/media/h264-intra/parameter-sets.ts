// Sequence and picture parameter sets, with everything needed to decode an intra picture (H.264 7.3.2.1,
// 7.3.2.2).

import type { ColourDescription, SampleAspect } from '../../codec/unit.js';
import { readVuiHead } from '../../codec/vui.js';
import type { VuiHead } from '../../codec/vui.js';
import { broken, unsupported } from './errors.js';
import type { BitSource } from './rbsp.js';
import { DEFAULT_4X4_INTRA, DEFAULT_8X8_INTRA } from './tables.js';

/**
 * Scaling lists of intra blocks in zigzag order: 4x4 of Y, Cb and Cr, and 8x8 of Y. Undefined: the fall-back
 * rule applies.
 */
type ScalingLists = readonly [
  y4: Uint8Array | undefined,
  cb4: Uint8Array | undefined,
  cr4: Uint8Array | undefined,
  y8: Uint8Array | undefined,
];

export type ResolvedLists = readonly [y4: Uint8Array, cb4: Uint8Array, cr4: Uint8Array, y8: Uint8Array];

export interface Sps {
  readonly id: number;
  readonly profileIdc: number;
  readonly grey: boolean;
  /** qpprime_y_zero_transform_bypass_flag: macroblocks with qp 0 are lossless. */
  readonly lossless: boolean;
  readonly scaling: ScalingLists | undefined;
  readonly frameNumBits: number;
  readonly pocType: number;
  readonly pocBits: number;
  readonly deltaPocAlwaysZero: boolean;
  readonly widthInMbs: number;
  readonly heightInMbs: number;
  readonly framesOnly: boolean;
  readonly mbaff: boolean;
  /** Luma samples cropped on each side. */
  readonly crop: {
    readonly left: number;
    readonly top: number;
    readonly width: number;
    readonly height: number;
  };
  readonly sar?: SampleAspect;
  readonly colour?: ColourDescription;
}

export interface Pps {
  readonly id: number;
  readonly spsId: number;
  readonly cabac: boolean;
  readonly pocPresent: boolean;
  readonly qp: number;
  readonly cbQpOffset: number;
  readonly crQpOffset: number;
  readonly deblockingControl: boolean;
  readonly redundantPictures: boolean;
  readonly transform8x8: boolean;
  readonly scaling: ScalingLists | undefined;
}

/** Largest supported picture: 8192 x 4608 luma samples, or rotated. */
const MAX_LONG_SIDE = 8192;
const MAX_SHORT_SIDE = 4608;
/** Coded samples allowed in excess of twice the displayed ones, for the borders of small pictures. */
const MAX_HIDDEN = 256 * 256;

/** Profiles whose SPS has chroma format, bit depths and scaling lists. */
const HIGH_PROFILES: ReadonlySet<number> = new Set([
  100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135,
]);

/**
 * `source` stands behind the NAL unit header. Throws EUNSUPPORTED for formats other than 8-bit 4:2:0 and
 * 4:0:0, and for too large pictures.
 */
export function parseSps(source: BitSource): Sps {
  const profileIdc = source.bits(8);
  source.bits(16); // constraint flags, level_idc
  const id = source.ue();
  if (id > 31) throw broken('a sequence parameter set is out of range');
  let chromaFormat = 1;
  let lossless = false;
  let scaling: ScalingLists | undefined;
  if (HIGH_PROFILES.has(profileIdc)) {
    chromaFormat = source.ue();
    if (chromaFormat === 2) throw unsupported('4:2:2 colours');
    if (chromaFormat === 3) throw unsupported('4:4:4 colours');
    if (chromaFormat > 3) throw broken('its colour format does not exist');
    const lumaDepth = source.ue() + 8;
    const chromaDepth = source.ue() + 8;
    if (lumaDepth !== 8 || chromaDepth !== 8)
      throw unsupported(`${Math.max(lumaDepth, chromaDepth)} bits per sample`);
    lossless = source.flag();
    if (source.flag()) scaling = readScalingLists(source, 8);
  }
  const frameNumBits = source.ue() + 4;
  const pocType = source.ue();
  let pocBits = 0;
  let deltaPocAlwaysZero = false;
  if (pocType === 0) {
    pocBits = source.ue() + 4;
  } else if (pocType === 1) {
    deltaPocAlwaysZero = source.flag();
    skipGolomb(source, 2);
    const cycle = source.ue();
    if (cycle > 255) throw broken('a sequence parameter set is out of range');
    skipGolomb(source, cycle);
  }
  if (frameNumBits > 16 || pocBits > 16 || pocType > 2)
    throw broken('a sequence parameter set is out of range');
  source.ue(); // max_num_ref_frames
  source.flag(); // gaps_in_frame_num_value_allowed_flag
  const widthInMbs = source.ue() + 1;
  const heightInMapUnits = source.ue() + 1;
  const framesOnly = source.flag();
  const mbaff = !framesOnly && source.flag();
  source.flag(); // direct_8x8_inference_flag
  const heightInMbs = heightInMapUnits * (framesOnly ? 1 : 2);
  const long = 16 * Math.max(widthInMbs, heightInMbs);
  const short = 16 * Math.min(widthInMbs, heightInMbs);
  if (long > MAX_LONG_SIDE || short > MAX_SHORT_SIDE) {
    throw unsupported(`pictures of ${16 * widthInMbs} x ${16 * heightInMbs}`);
  }
  const crop = readCrop(source, 16 * widthInMbs, 16 * heightInMbs, chromaFormat === 0, framesOnly);
  const hasVui = source.flag();
  source.checkEnd();
  if (256 * widthInMbs * heightInMbs > 2 * crop.width * crop.height + MAX_HIDDEN)
    throw unsupported(
      `${16 * widthInMbs} x ${16 * heightInMbs} coded to show ${crop.width} x ${crop.height}`,
    );
  const vui = hasVui ? readVui(source) : {};
  return {
    id,
    profileIdc,
    grey: chromaFormat === 0,
    lossless,
    scaling,
    frameNumBits,
    pocType,
    pocBits,
    deltaPocAlwaysZero,
    widthInMbs,
    heightInMbs,
    framesOnly,
    mbaff,
    crop,
    ...vui,
  };
}

/** `source` stands behind the NAL unit header. Throws EUNSUPPORTED for slice groups. */
export function parsePps(source: BitSource): Pps {
  const id = source.ue();
  const spsId = source.ue();
  if (id > 255 || spsId > 31) throw broken('a picture parameter set is out of range');
  const cabac = source.flag();
  const pocPresent = source.flag();
  if (source.ue() > 0) throw unsupported('slice groups (FMO)');
  source.ue(); // num_ref_idx_l0_default_active_minus1
  source.ue(); // num_ref_idx_l1_default_active_minus1
  source.bits(3); // weighted_pred_flag, weighted_bipred_idc
  const qp = source.se() + 26;
  source.se(); // pic_init_qs_minus26
  const cbQpOffset = source.se();
  const deblockingControl = source.flag();
  source.flag(); // constrained_intra_pred_flag: all is intra here
  const redundantPictures = source.flag();
  source.checkEnd();
  let transform8x8 = false;
  let scaling: ScalingLists | undefined;
  let crQpOffset = cbQpOffset;
  if (source.more) {
    transform8x8 = source.flag();
    if (source.flag()) scaling = readScalingLists(source, transform8x8 ? 8 : 6);
    crQpOffset = source.se();
  }
  if (Math.abs(cbQpOffset) > 12 || Math.abs(crQpOffset) > 12)
    throw broken('a picture parameter set is out of range');
  return {
    id,
    spsId,
    cabac,
    pocPresent,
    qp,
    cbQpOffset,
    crQpOffset,
    deblockingControl,
    redundantPictures,
    transform8x8,
    scaling,
  };
}

/** The scaling lists of a picture, by fall-back rules A and B of table 7-2. Undefined if all are flat. */
export function resolveScaling(sps: Sps, pps: Pps): ResolvedLists | undefined {
  const fromSps = sps.scaling && fallBack(sps.scaling, DEFAULT_4X4_INTRA, DEFAULT_8X8_INTRA);
  if (!pps.scaling) return fromSps;
  return fallBack(pps.scaling, fromSps?.[0] ?? DEFAULT_4X4_INTRA, fromSps?.[3] ?? DEFAULT_8X8_INTRA);
}

function fallBack(lists: ScalingLists, first4: Uint8Array, first8: Uint8Array): ResolvedLists {
  const y = lists[0] ?? first4;
  const cb = lists[1] ?? y;
  return [y, cb, lists[2] ?? cb, lists[3] ?? first8];
}

/** Reads `count` lists and keeps the intra ones: 0 to 2 (4x4) and 6 (8x8). */
function readScalingLists(source: BitSource, count: number): ScalingLists {
  const lists: (Uint8Array | undefined)[] = [];
  for (let i = 0; i < count; i += 1) {
    lists.push(
      source.flag() ? readScalingList(source, i < 6 ? DEFAULT_4X4_INTRA : DEFAULT_8X8_INTRA) : undefined,
    );
  }
  return [lists[0], lists[1], lists[2], lists[6]];
}

/** scaling_list() (7.3.2.1.1.1). `defaults` only fits intra lists; the others are discarded anyway. */
function readScalingList(source: BitSource, defaults: Uint8Array): Uint8Array {
  const list = new Uint8Array(defaults.length);
  let last = 8;
  let next = 8;
  for (let i = 0; i < list.length; i += 1) {
    if (next !== 0) {
      next = (last + source.se()) & 255;
      if (i === 0 && next === 0) return defaults;
    }
    if (next !== 0) last = next;
    list[i] = last;
  }
  return list;
}

function skipGolomb(source: BitSource, count: number): void {
  for (let i = 0; i < count; i += 1) {
    // These offsets may have 32 bits, so the code is skipped without computing a value.
    const zeros = Math.clz32(source.peek(25)) - 7;
    if (zeros < 25) {
      source.at += 2 * zeros + 1;
    } else {
      source.at += 25;
      const more = Math.clz32(source.peek(8)) - 24;
      source.at += more + 1 + 25 + more;
    }
    source.checkEnd();
  }
}

function readCrop(
  source: BitSource,
  width: number,
  height: number,
  grey: boolean,
  framesOnly: boolean,
): Sps['crop'] {
  if (!source.flag()) return { left: 0, top: 0, width, height };
  // Crop units: 7.4.2.1.1, equations 7-19 to 7-22.
  const unitX = grey ? 1 : 2;
  const unitY = unitX * (framesOnly ? 1 : 2);
  const left = unitX * source.ue();
  const right = unitX * source.ue();
  const top = unitY * source.ue();
  const bottom = unitY * source.ue();
  if (left + right >= width || top + bottom >= height)
    throw broken('nothing is left of the picture by its cropping');
  return { left, top, width: width - left - right, height: height - top - bottom };
}

function readVui(source: BitSource): VuiHead {
  const head = readVuiHead(source);
  return source.at > source.end ? {} : head;
}
