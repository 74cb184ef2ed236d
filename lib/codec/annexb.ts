// NAL units in a byte stream: finds, splits and joins them by start codes (H.264 and H.265 Annex B), and
// reads the base64 lists of SDP.

import { LIMITS } from '../limits.js';

/** Bytes of the start code in front of each NAL unit. */
export const START_CODE_BYTES = 4;

const MARK = Buffer.from([0, 0, 1]);

/** Bytes and entries read of one sprop parameter. Real ones hold two or three sets of a few dozen bytes. */
const SPROP_BYTES = 64 * 1024;
const SPROP_ENTRIES = 64;

/**
 * Whether `data` contains a start code (00 00 01). Emulation prevention keeps it out of a single NAL unit.
 */
export function hasStartCode(data: Buffer): boolean {
  return data.includes(MARK);
}

/**
 * The NAL units of `data` as views, without start codes and surrounding zero bytes. Bytes before the first
 * start code count as a NAL unit, so data without a start code is one. At most `limit` are returned.
 */
export function splitAnnexB(data: Buffer, limit = LIMITS.unitNals + 1): Buffer[] {
  const nals: Buffer[] = [];
  let from = 0;
  while (from < data.length && nals.length < limit) {
    const mark = data.indexOf(MARK, from);
    const next = mark < 0 ? data.length : mark;
    let end = next;
    if (mark >= 0) while (end > from && data[end - 1] === 0) end -= 1;
    if (end > from) nals.push(data.subarray(from, end));
    from = next + MARK.length;
  }
  return nals;
}

/** The NAL units in Annex B format, each behind a 4-byte start code, in newly allocated memory. */
export function joinAnnexB(nals: readonly Uint8Array[]): Buffer {
  let size = 0;
  for (const nal of nals) size += START_CODE_BYTES + nal.length;
  const joined = Buffer.allocUnsafeSlow(size);
  let at = 0;
  for (const nal of nals) {
    joined.writeUInt32BE(1, at);
    joined.set(nal, at + START_CODE_BYTES);
    at += START_CODE_BYTES + nal.length;
  }
  return joined;
}

/**
 * The NAL units of `sprop-parameter-sets` (RFC 6184 8.1) or `sprop-vps`, `-sps`, `-pps` (RFC 7798 7.1):
 * base64, separated by commas. Start codes inside are removed (some cameras put them there); anything that is
 * not base64 is skipped.
 */
export function parseSprop(value: string | undefined): Buffer[] {
  if (value === undefined) return [];
  const nals: Buffer[] = [];
  for (const entry of value.slice(0, SPROP_BYTES).split(',', SPROP_ENTRIES)) {
    nals.push(...splitAnnexB(Buffer.from(entry, 'base64')));
  }
  return nals;
}
