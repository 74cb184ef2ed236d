// Supplemental enhancement information, only as far as it says where decoding can begin (H.264 7.3.2.3.1,
// H.265 7.3.5).

import type { BitReader } from './bit-reader.js';

const RECOVERY_POINT = 6;
/** Largest count, bounded by MaxFrameNum. A larger or truncated one is treated as this maximum. */
const MAX_RECOVERY = 0xffff;
/** Most messages read in one NAL unit. */
const SEI_MESSAGES = 64;

/**
 * Pictures until the recovery point of an SEI is reached (`recovery_frame_cnt`, H.264 D.1.8; `signed`:
 * `recovery_poc_cnt`, H.265 D.2.8); -1 if it has none. `reader` stands behind the NAL unit header.
 */
export function recoveryPoint(reader: BitReader, signed: boolean): number {
  for (let i = 0; i < SEI_MESSAGES; i += 1) {
    const type = seiNumber(reader);
    const size = seiNumber(reader);
    if (reader.overrun) return -1;
    if (type === RECOVERY_POINT && size > 0) return countOf(reader, signed);
    reader.skip(size * 8);
  }
  return -1;
}

function countOf(reader: BitReader, signed: boolean): number {
  const count = signed ? Math.max(0, reader.se()) : reader.ue();
  return reader.overrun ? MAX_RECOVERY : Math.min(count, MAX_RECOVERY);
}

// payloadType and payloadSize are each coded as bytes of 255 and a last byte (H.264 7.3.2.3.1).
function seiNumber(reader: BitReader): number {
  let value = 0;
  for (;;) {
    const byte = reader.bits(8);
    value += byte;
    if (byte !== 255 || reader.overrun) return value;
  }
}
