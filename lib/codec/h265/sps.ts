// Parses the H.265 sequence parameter set: size of the displayed picture, frame rate, profile, tier and level
// (H.265 7.3.2.2, 7.3.3, E.2.1).

import { BitReader } from '../bit-reader.js';
import type { ColourDescription, SampleAspect } from '../unit.js';
import { plausibleRate, readVuiHead } from '../vui.js';

export interface H265Sps {
  readonly id: number;
  readonly vpsId: number;
  /** The 12 bytes from general_profile_space to general_level_idc, unchanged (7.3.3). */
  readonly generalProfile: readonly number[];
  readonly temporalLayers: number;
  readonly temporalIdNested: boolean;
  readonly profileSpace: number;
  readonly profileIdc: number;
  readonly highTier: boolean;
  readonly levelIdc: number;
  /** e.g. `Main`. */
  readonly profile: string;
  /** RFC 6381 with ISO 14496-15 E.3, e.g. `hvc1.1.6.L93.B0`. */
  readonly codecString: string;
  /** In pixels, inside the conformance window. */
  readonly width: number;
  readonly height: number;
  readonly separatePlanes: boolean;
  /** Bits of slice_pic_order_cnt_lsb. */
  readonly orderLsbBits: number;
  /**
   * How many pictures may precede another in decoding order and follow it in display order; absent if
   * invalid.
   */
  readonly reorderDepth?: number;
  /** Frames per second from the VUI timing, rounded to 1/1000; absent if missing or implausible. */
  readonly frameRate?: number;
  /** Sample aspect ratio; absent if square or not given. */
  readonly sar?: SampleAspect;
  /** Absent if the VUI does not describe colours. */
  readonly colour?: ColourDescription;
  /** 0: monochrome, 1: 4:2:0, 2: 4:2:2, 3: 4:4:4. */
  readonly chromaFormat: number;
  readonly lumaDepth: number;
  readonly chromaDepth: number;
}

/** The fields read from the VUI. */
type Vui = Pick<H265Sps, 'frameRate' | 'sar' | 'colour'>;

interface Profile {
  bytes: number[];
  space: number;
  highTier: boolean;
  idc: number;
  /** general_profile_compatibility_flags, the first flag in the lowest bit. */
  compatibility: number;
  /** The six bytes of constraint flags. */
  constraints: number[];
  levelIdc: number;
}

const MAX_SIDE = 16_384;
const MAX_SUB_LAYERS_MINUS1 = 6;
const MAX_REORDER = 16;
const MAX_SHORT_TERM_SETS = 64;
const MAX_PICTURES_IN_SET = 16;
const MAX_LONG_TERM = 32;

const PROFILES: ReadonlyMap<number, string> = new Map([
  [1, 'Main'],
  [2, 'Main 10'],
  [3, 'Main Still Picture'],
  [4, 'Range Extensions'],
  [5, 'High Throughput'],
  [9, 'Screen Content'],
]);

/**
 * Parses a whole SPS NAL unit, its two header bytes included; undefined if it is not valid. Anything invalid
 * behind the picture size only loses the VUI fields.
 */
export function parseH265Sps(nal: Uint8Array): H265Sps | undefined {
  const reader = new BitReader(nal, 2);
  const vpsId = reader.bits(4);
  const maxSubLayersMinus1 = reader.bits(3);
  const temporalIdNested = reader.flag();
  if (maxSubLayersMinus1 > MAX_SUB_LAYERS_MINUS1) return undefined;
  const profile = readProfileTierLevel(reader, maxSubLayersMinus1);
  const id = reader.ue();
  const chroma = reader.ue();
  const separatePlanes = chroma === 3 && reader.flag();
  const planar = separatePlanes ? 0 : chroma;
  const codedWidth = reader.ue();
  const codedHeight = reader.ue();
  const windowed = reader.flag();
  const left = windowed ? reader.ue() : 0;
  const right = windowed ? reader.ue() : 0;
  const top = windowed ? reader.ue() : 0;
  const bottom = windowed ? reader.ue() : 0;
  if (reader.overrun || id > 15 || chroma > 3) return undefined;

  // Units of the conformance window: H.265 table 6-1.
  const width = codedWidth - (planar === 1 || planar === 2 ? 2 : 1) * (left + right);
  const height = codedHeight - (planar === 1 ? 2 : 1) * (top + bottom);
  if (width <= 0 || height <= 0 || width > MAX_SIDE || height > MAX_SIDE) return undefined;

  const lumaDepth = reader.ue() + 8;
  const chromaDepth = reader.ue() + 8;
  const orderLsbBits = reader.ue() + 4;
  const reorderDepth = readReorderDepth(reader, maxSubLayersMinus1);
  const timing = skipToVui(reader, orderLsbBits) ? readVui(reader) : {};
  return {
    id,
    vpsId,
    generalProfile: profile.bytes,
    temporalLayers: maxSubLayersMinus1 + 1,
    temporalIdNested,
    profileSpace: profile.space,
    profileIdc: profile.idc,
    highTier: profile.highTier,
    levelIdc: profile.levelIdc,
    profile: PROFILES.get(profile.idc) ?? `profile ${profile.idc}`,
    codecString: codecString(profile),
    width,
    height,
    chromaFormat: chroma,
    lumaDepth,
    chromaDepth,
    separatePlanes,
    orderLsbBits,
    ...(reorderDepth !== undefined && { reorderDepth }),
    ...timing,
  };
}

function readProfileTierLevel(reader: BitReader, maxSubLayersMinus1: number): Profile {
  const bytes = Array.from({ length: 12 }, () => reader.bits(8));
  const head = bytes[0]!;
  let compatibility = 0;
  for (let i = 0; i < 32; i += 1)
    if ((bytes[1 + (i >> 3)]! & (0x80 >> (i & 7))) !== 0) compatibility += 2 ** i;
  const present: { profile: boolean; level: boolean }[] = [];
  for (let i = 0; i < maxSubLayersMinus1; i += 1)
    present.push({ profile: reader.flag(), level: reader.flag() });
  if (maxSubLayersMinus1 > 0) reader.skip(2 * (8 - maxSubLayersMinus1));
  for (const layer of present) reader.skip((layer.profile ? 88 : 0) + (layer.level ? 8 : 0));
  return {
    bytes,
    space: head >> 6,
    highTier: (head & 0x20) !== 0,
    idc: head & 0x1f,
    compatibility,
    constraints: bytes.slice(5, 11),
    levelIdc: bytes[11]!,
  };
}

/** sps_max_num_reorder_pics of the highest sub-layer; undefined if invalid. */
function readReorderDepth(reader: BitReader, maxSubLayersMinus1: number): number | undefined {
  const layers = reader.flag() ? maxSubLayersMinus1 + 1 : 1;
  let depth = 0;
  for (let i = 0; i < layers; i += 1) {
    reader.ue(); // sps_max_dec_pic_buffering_minus1
    depth = reader.ue();
    reader.ue(); // sps_max_latency_increase_plus1
  }
  return reader.overrun || depth > MAX_REORDER ? undefined : depth;
}

/** Skips from behind the reordering fields to the VUI. False if there is none, or it cannot be reached. */
function skipToVui(reader: BitReader, pocBits: number): boolean {
  for (let i = 0; i < 6; i += 1) reader.ue(); // block sizes and transform hierarchy depths
  if (reader.flag() && reader.flag()) skipScalingLists(reader);
  reader.skip(2); // amp_enabled_flag, sample_adaptive_offset_enabled_flag
  if (reader.flag()) {
    reader.skip(8); // pcm bit depths
    reader.ue();
    reader.ue();
    reader.flag();
  }
  if (!skipShortTermSets(reader)) return false;
  if (reader.flag()) {
    const count = reader.ue();
    if (count > MAX_LONG_TERM) return false;
    for (let i = 0; i < count; i += 1) reader.skip(pocBits + 1);
  }
  reader.skip(2); // sps_temporal_mvp_enabled_flag, strong_intra_smoothing_enabled_flag
  return reader.flag() && !reader.overrun;
}

// scaling_list_data, H.265 7.3.4
function skipScalingLists(reader: BitReader): void {
  for (let size = 0; size < 4; size += 1) {
    for (let matrix = 0; matrix < 6; matrix += size === 3 ? 3 : 1) {
      if (!reader.flag()) {
        reader.ue();
        continue;
      }
      if (size > 1) reader.se();
      const coefficients = Math.min(64, 1 << (4 + (size << 1)));
      for (let i = 0; i < coefficients; i += 1) reader.se();
    }
  }
}

// st_ref_pic_set (H.265 7.3.7): the number of pictures in a set determines the length of the next one.
function skipShortTermSets(reader: BitReader): boolean {
  const sets = reader.ue();
  if (sets > MAX_SHORT_TERM_SETS) return false;
  let pictures = 0;
  for (let index = 0; index < sets && !reader.overrun; index += 1) {
    if (index > 0 && reader.flag()) {
      reader.flag(); // delta_rps_sign
      reader.ue(); // abs_delta_rps_minus1
      let kept = 0;
      for (let i = 0; i <= pictures; i += 1) if (reader.flag() || reader.flag()) kept += 1;
      pictures = kept;
    } else {
      const negative = reader.ue();
      const positive = reader.ue();
      if (negative > MAX_PICTURES_IN_SET || positive > MAX_PICTURES_IN_SET) return false;
      pictures = negative + positive;
      for (let i = 0; i < pictures; i += 1) {
        reader.ue();
        reader.flag();
      }
    }
  }
  return !reader.overrun;
}

function readVui(reader: BitReader): Vui {
  const head = readVuiHead(reader);
  reader.skip(3); // neutral_chroma_indication_flag, field_seq_flag, frame_field_info_present_flag
  // default_display_window: a hint that does not change the output size.
  if (reader.flag()) for (let i = 0; i < 4; i += 1) reader.ue();
  const timed = reader.flag();
  const unitsInTick = timed ? reader.bits(32) : 0;
  const timeScale = timed ? reader.bits(32) : 0;
  if (reader.overrun) return {};
  const frameRate = unitsInTick > 0 ? plausibleRate(timeScale / unitsInTick) : undefined;
  return frameRate === undefined ? head : { ...head, frameRate };
}

function codecString({ space, idc, compatibility, highTier, levelIdc, constraints }: Profile): string {
  const used = constraints.slice(0, constraints.findLastIndex((byte) => byte !== 0) + 1);
  return [
    'hvc1',
    `${['', 'A', 'B', 'C'][space]!}${idc}`,
    hex(compatibility),
    `${highTier ? 'H' : 'L'}${levelIdc}`,
    ...used.map(hex),
  ].join('.');
}

function hex(value: number): string {
  return value.toString(16).toUpperCase();
}
