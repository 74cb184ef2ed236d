// Parses the H.264 sequence parameter set: size of the displayed picture, frame rate, profile, and what slice
// headers need (H.264 7.3.2.1.1, E.1.1).

import { BitReader } from '../bit-reader.js';
import type { ColourDescription, SampleAspect } from '../unit.js';
import { plausibleRate, readVuiHead } from '../vui.js';
import { defaultReorderDepth, readReorderDepth } from './reorder-depth.js';

export interface H264Sps {
  readonly id: number;
  readonly profileIdc: number;
  /** The constraint_set flags as one byte. */
  readonly constraints: number;
  readonly levelIdc: number;
  /** e.g. `High`. */
  readonly profile: string;
  /** RFC 6381 3.3, e.g. `avc1.64001f`. */
  readonly codecString: string;
  /** In pixels, after cropping. */
  readonly width: number;
  readonly height: number;
  /** False if pictures may be fields (frame_mbs_only_flag 0). */
  readonly framesOnly: boolean;
  /** Bits of frame_num in a slice header, and whether colour_plane_id stands before it. */
  readonly frameNumBits: number;
  readonly separatePlanes: boolean;
  /** Bits of pic_order_cnt_lsb; absent if slices do not carry it. */
  readonly orderLsbBits?: number;
  /**
   * How many pictures may precede another in decoding order and follow it in display order; absent if
   * invalid.
   */
  readonly reorderDepth?: number;
  /** Whether there is a VUI, and whether its bitstream restriction gives `reorderDepth`. */
  readonly hasVui: boolean;
  readonly isRestricted: boolean;
  /** max_num_ref_frames. */
  readonly refFrames: number;
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
type Vui = Pick<H264Sps, 'frameRate' | 'sar' | 'colour' | 'reorderDepth' | 'isRestricted'>;

const MAX_SIDE = 16_384;

/** Profiles whose SPS has chroma format, bit depths and scaling lists. */
const HIGH_PROFILES: ReadonlySet<number> = new Set([
  100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135,
]);

const PROFILES: ReadonlyMap<number, string> = new Map([
  [44, 'CAVLC 4:4:4 Intra'],
  [66, 'Baseline'],
  [77, 'Main'],
  [83, 'Scalable Baseline'],
  [86, 'Scalable High'],
  [88, 'Extended'],
  [100, 'High'],
  [110, 'High 10'],
  [118, 'Multiview High'],
  [122, 'High 4:2:2'],
  [128, 'Stereo High'],
  [244, 'High 4:4:4 Predictive'],
]);

/**
 * Parses a whole SPS NAL unit, header byte included; undefined if it is not valid. An invalid VUI only loses
 * its own fields.
 */
export function parseH264Sps(nal: Uint8Array): H264Sps | undefined {
  const reader = new BitReader(nal, 1);
  const profileIdc = reader.bits(8);
  const constraints = reader.bits(8);
  const levelIdc = reader.bits(8);
  const id = reader.ue();
  const chroma = HIGH_PROFILES.has(profileIdc) ? readChroma(reader) : PLAIN_CHROMA;
  const frameNumBits = reader.ue() + 4;
  const order = readPictureOrder(reader);
  const refFrames = reader.ue();
  reader.flag(); // gaps_in_frame_num_value_allowed_flag
  const widthInMbs = reader.ue() + 1;
  const heightInMapUnits = reader.ue() + 1;
  const framesOnly = reader.flag();
  if (!framesOnly) reader.flag(); // mb_adaptive_frame_field_flag
  reader.flag(); // direct_8x8_inference_flag

  const cropped = reader.flag();
  const left = cropped ? reader.ue() : 0;
  const right = cropped ? reader.ue() : 0;
  const top = cropped ? reader.ue() : 0;
  const bottom = cropped ? reader.ue() : 0;
  const hasVui = reader.flag();
  if (reader.overrun || id > 31 || chroma.formatIdc > 3) return undefined;

  // Crop units: H.264 7.4.2.1.1, equations 7-19 to 7-22.
  const planar = chroma.separatePlanes ? 0 : chroma.formatIdc;
  const cropX = planar === 1 || planar === 2 ? 2 : 1;
  const cropY = (planar === 1 ? 2 : 1) * (framesOnly ? 1 : 2);
  const width = widthInMbs * 16 - cropX * (left + right);
  const height = heightInMapUnits * 16 * (framesOnly ? 1 : 2) - cropY * (top + bottom);
  if (width <= 0 || height <= 0 || width > MAX_SIDE || height > MAX_SIDE) return undefined;

  const frameMbs = widthInMbs * heightInMapUnits * (framesOnly ? 1 : 2);
  const reorderDepth = defaultReorderDepth({
    profileIdc,
    constraints,
    levelIdc,
    orderType: order.type,
    frameMbs,
  });
  const vui = hasVui ? readVui(reader, reorderDepth) : { reorderDepth, isRestricted: false };
  return {
    id,
    profileIdc,
    constraints,
    levelIdc,
    profile: profileName(profileIdc, constraints),
    codecString: `avc1.${hex(profileIdc)}${hex(constraints)}${hex(levelIdc)}`,
    width,
    height,
    framesOnly,
    frameNumBits,
    separatePlanes: chroma.separatePlanes,
    ...(order.lsbBits !== undefined && { orderLsbBits: order.lsbBits }),
    refFrames,
    hasVui,
    chromaFormat: chroma.formatIdc,
    lumaDepth: chroma.lumaDepth,
    chromaDepth: chroma.chromaDepth,
    ...vui,
  };
}

interface Chroma {
  readonly formatIdc: number;
  readonly separatePlanes: boolean;
  readonly lumaDepth: number;
  readonly chromaDepth: number;
}

/** The values inferred for all other profiles. */
const PLAIN_CHROMA: Chroma = { formatIdc: 1, separatePlanes: false, lumaDepth: 8, chromaDepth: 8 };

function readChroma(reader: BitReader): Chroma {
  const formatIdc = reader.ue();
  const separatePlanes = formatIdc === 3 && reader.flag();
  const lumaDepth = reader.ue() + 8;
  const chromaDepth = reader.ue() + 8;
  reader.flag(); // qpprime_y_zero_transform_bypass_flag
  if (reader.flag()) {
    const lists = formatIdc === 3 ? 12 : 8;
    for (let i = 0; i < lists; i += 1) if (reader.flag()) skipScalingList(reader, i < 6 ? 16 : 64);
  }
  return { formatIdc, separatePlanes, lumaDepth, chromaDepth };
}

function skipScalingList(reader: BitReader, size: number): void {
  let last = 8;
  let next = 8;
  for (let i = 0; i < size && !reader.overrun; i += 1) {
    if (next !== 0) next = (last + reader.se() + 256) % 256;
    if (next !== 0) last = next;
  }
}

/** pic_order_cnt_type, and the bits of pic_order_cnt_lsb if present. */
function readPictureOrder(reader: BitReader): { type: number; lsbBits?: number } {
  const type = reader.ue();
  if (type === 0) return { type, lsbBits: reader.ue() + 4 };
  if (type === 1) {
    reader.flag(); // delta_pic_order_always_zero_flag
    reader.se(); // offset_for_non_ref_pic
    reader.se(); // offset_for_top_to_bottom_field
    const cycle = reader.ue();
    for (let i = 0; i < cycle && !reader.overrun; i += 1) reader.se();
  }
  return { type };
}

/** `reorderDepth`: the value to use if the VUI does not give it. */
function readVui(reader: BitReader, reorderDepth: number): Vui {
  const head = readVuiHead(reader);
  const timed = reader.flag();
  const unitsInTick = timed ? reader.bits(32) : 0;
  const timeScale = timed ? reader.bits(32) : 0;
  if (timed) reader.flag(); // fixed_frame_rate_flag
  if (reader.overrun) return { isRestricted: false };
  // A tick is the duration of a field; a frame has two (E.2.1).
  const frameRate = unitsInTick > 0 ? plausibleRate(timeScale / unitsInTick / 2) : undefined;
  const declared = readReorderDepth(reader);
  const depth = declared ?? reorderDepth;
  return {
    isRestricted: declared !== undefined,
    ...head,
    ...(frameRate !== undefined && { frameRate }),
    ...(!Number.isNaN(depth) && { reorderDepth: depth }),
  };
}

function profileName(idc: number, constraints: number): string {
  if (idc === 66 && (constraints & 0x40) !== 0) return 'Constrained Baseline';
  if (idc === 100 && (constraints & 0x0c) === 0x0c) return 'Constrained High';
  return PROFILES.get(idc) ?? `profile ${idc}`;
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}
