// Small H.264 NAL units for tests: true headers, made-up picture data.

import { BitWriter, escape } from '../bit-writer.js';

/** Real ones, by x264: 1920x1080 at 25 in High profile. */
export const SPS = Buffer.from('67640028acd940780227e5c044000003000400000300c83c60c658', 'hex');
export const PPS = Buffer.from('68ebe3cb22c0', 'hex');
/** 722x406 at 29.97 in Main profile. */
export const OTHER_SPS = Buffer.from('674d401eeca05c1af1136022000007d20001d4c01e2c5b2c', 'hex');
export const OTHER_PPS = Buffer.from('68ebe3cb20', 'hex');
export const AUD = Buffer.from('09f0', 'hex');
/** recovery_frame_cnt 0, exact match. */
export const RECOVERY_SEI = Buffer.from('060601c480', 'hex');
/** user_data_unregistered, 20 bytes. */
export const USER_SEI = Buffer.from(`060514${'ab'.repeat(20)}80`, 'hex');

export const P_SLICE = 5;
export const I_SLICE = 7;

export interface SliceOptions {
  firstMb?: number;
  sliceType?: number;
  ppsId?: number;
  /** Bytes of picture data. */
  size?: number;
  fill?: number;
  /** frame_num, in four bits, for a stream that may have fields. */
  frameNum?: number;
  field?: 'top' | 'bottom';
}

/** 720x576, MBAFF, by x264: pictures may be fields. */
export const FIELDS_SPS = Buffer.from('6764001eacd940b424d8088000000300800000190f8a14cb', 'hex');

export function slice(
  type: number,
  { firstMb = 0, sliceType, ppsId = 0, size = 40, fill = 0x55, frameNum, field }: SliceOptions = {},
): Buffer {
  const writer = new BitWriter()
    .ue(firstMb)
    .ue(sliceType ?? (type === 5 ? I_SLICE : P_SLICE))
    .ue(ppsId);
  if (frameNum !== undefined) writer.u(frameNum, 4).flag(field !== undefined);
  if (field !== undefined) writer.flag(field === 'bottom');
  const header = writer.rbsp();
  return Buffer.concat([
    Buffer.of((type === 5 ? 0x60 : 0x40) | type),
    escape(header),
    Buffer.alloc(size, fill),
    Buffer.of(0x80),
  ]);
}

export const idr = (options?: SliceOptions): Buffer => slice(5, options);
export const delta = (options?: SliceOptions): Buffer => slice(1, options);
