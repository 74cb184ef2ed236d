// How many pictures may precede another in decoding order and follow it in display order: from the VUI, else
// the limit of profile and level (H.264 A.3.1, E.2.1).

import type { BitReader } from '../bit-reader.js';

/** MaxDpbMbs by level_idc (table A-1). */
const MAX_DPB_MBS: readonly (readonly [number, number])[] = [
  [10, 396],
  [11, 900],
  [12, 2_376],
  [20, 2_376],
  [21, 4_752],
  [30, 8_100],
  [31, 18_000],
  [32, 20_480],
  [41, 32_768],
  [42, 34_816],
  [50, 110_400],
  [52, 184_320],
  [62, 696_320],
];
const MAX_FRAMES = 16;
const CONSTRAINT_SET3 = 0x10;
/** With constraint_set3_flag these profiles contain intra pictures only. */
const INTRA_PROFILES: ReadonlySet<number> = new Set([44, 86, 100, 110, 122, 244]);
/** Profile without B slices. */
const BASELINE = 66;

interface ReorderFacts {
  readonly profileIdc: number;
  readonly constraints: number;
  readonly levelIdc: number;
  /** pic_order_cnt_type; 2 means displayed in decoding order (8.2.1.3). */
  readonly orderType: number;
  /** Macroblocks per frame. */
  readonly frameMbs: number;
}

/** The limit that applies without a bitstream restriction in the VUI. */
export function defaultReorderDepth({
  profileIdc,
  constraints,
  levelIdc,
  orderType,
  frameMbs,
}: ReorderFacts): number {
  const intraOnly = INTRA_PROFILES.has(profileIdc) && (constraints & CONSTRAINT_SET3) !== 0;
  if (profileIdc === BASELINE || orderType === 2 || intraOnly) return 0;
  // Level 1b (A.3.1).
  const isLevel1b = levelIdc === 9 || (levelIdc === 11 && (constraints & CONSTRAINT_SET3) !== 0);
  const level = isLevel1b ? 10 : levelIdc;
  const mbs = (MAX_DPB_MBS.find(([up]) => level <= up) ?? MAX_DPB_MBS.at(-1)!)[1];
  return Math.min(MAX_FRAMES, Math.floor(mbs / frameMbs));
}

/**
 * Reads from behind the VUI's timing to its end. Undefined without a bitstream restriction; NaN if it is
 * invalid.
 */
export function readReorderDepth(reader: BitReader): number | undefined {
  const nal = reader.flag();
  if (nal) skipHrd(reader);
  const vcl = reader.flag();
  if (vcl) skipHrd(reader);
  if (nal || vcl) reader.flag(); // low_delay_hrd_flag
  reader.flag(); // pic_struct_present_flag
  if (!reader.flag()) return reader.overrun ? NaN : undefined;
  reader.flag(); // motion_vectors_over_pic_boundaries_flag
  for (let i = 0; i < 4; i += 1) reader.ue(); // denominators, lengths of motion vectors
  const depth = reader.ue();
  return reader.overrun || depth > MAX_FRAMES ? NaN : depth;
}

// hrd_parameters, E.1.2
function skipHrd(reader: BitReader): void {
  const count = reader.ue() + 1;
  reader.skip(8);
  for (let i = 0; i < count && !reader.overrun; i += 1) {
    reader.ue();
    reader.ue();
    reader.flag();
  }
  reader.skip(20);
}
