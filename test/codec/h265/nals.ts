// Small H.265 NAL units for tests: true headers, made-up picture data.

import { BitWriter, escape } from '../bit-writer.js';

/** Real ones, by x265: 1920x1080 at 25 in Main profile. */
export const VPS = Buffer.from('40010c01ffff016000000300900000030000030078959809', 'hex');
export const SPS = Buffer.from(
  '420101016000000300900000030000030078a003c08010e596566924caf0168080000003008000000c84',
  'hex',
);
export const PPS = Buffer.from('4401c172b46240', 'hex');
/** 722x406 at 29.97. */
export const OTHER_SPS = Buffer.from(
  '42010101600000030090000003000003005aa005b20199c9596566924caf01680800001f480003a98040',
  'hex',
);
export const AUD = Buffer.from('460150', 'hex');
export const SEI = Buffer.from(`4e010514${'ab'.repeat(20)}80`, 'hex');

export const IDR = 19;
export const CRA = 21;
export const TRAIL = 1;

export interface SliceOptions {
  first?: boolean;
  ppsId?: number;
  size?: number;
  fill?: number;
  layer?: number;
}

export function slice(
  type: number,
  { first = true, ppsId = 0, size = 40, fill = 0x55, layer = 0 }: SliceOptions = {},
): Buffer {
  const bits = new BitWriter().flag(first);
  if (type >= 16 && type <= 23) bits.flag(false);
  const header = bits.ue(ppsId).rbsp();
  return Buffer.concat([
    Buffer.of((type << 1) | (layer >> 5), ((layer & 0x1f) << 3) | 1),
    escape(header),
    Buffer.alloc(size, fill),
    Buffer.of(0x80),
  ]);
}
