// NAL units in a byte stream: finding, splitting and joining by start codes (H.264 and H.265 Annex B), and
// the base64 lists of SDP.

import { LIMITS } from '../limits.js';

/** Bytes of the start code put before every NAL unit of a unit. */
export const START_CODE_BYTES = 4;

const MARK = Buffer.from([0, 0, 1]);

/** Bytes and entries read of one sprop parameter. A real one holds two or three sets of some dozen bytes. */
const SPROP_BYTES = 64 * 1024;
const SPROP_ENTRIES = 64;

/**
 * True if a start code (00 00 01) lies in `data`: within one NAL unit it never does, thanks to emulation
 * prevention.
 */
export function hasStartCode(data: Buffer): boolean {
  return data.includes(MARK);
}

/**
 * The NAL units of `data`, as views of it, without start codes and without the zero bytes around them. What
 * stands before the first start code counts as one, so bytes without a start code are one NAL unit. At most
 * `limit` are given.
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

/** NAL units as Annex B, each behind a 4-byte start code, in memory of its own. */
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
 * base64, divided by commas. Some cameras put start codes inside; what is no base64 is skipped.
 */
export function parseSprop(value: string | undefined): Buffer[] {
  if (value === undefined) return [];
  const nals: Buffer[] = [];
  for (const entry of value.slice(0, SPROP_BYTES).split(',', SPROP_ENTRIES)) {
    nals.push(...splitAnnexB(Buffer.from(entry, 'base64')));
  }
  return nals;
}
