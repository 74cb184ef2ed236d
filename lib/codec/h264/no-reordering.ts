// Adds to an H.264 SPS that pictures are displayed in decoding order. Without that, a decoder holds back as
// many pictures as its buffer allows (H.264 C.4.5.3, E.2.1). Only for streams without B-frames.

import type { NalRange, VideoUnit } from '../unit.js';
import { parseH264Sps } from './sps.js';

const SPS = 7;
const START_CODE = Buffer.of(0, 0, 0, 1);
/**
 * vui_parameters_present_flag, then zeros: no aspect ratio, overscan, video signal, chroma location, timing,
 * HRD of either kind, or pic_struct (E.1.1).
 */
const EMPTY_VUI = '100000000';
/** log2_max_mv_length: the value inferred when absent. */
const MV_LENGTH = 16;

/**
 * A whole SPS NAL unit, header byte included, with max_num_reorder_frames 0. Undefined if the SPS already
 * gives the number, or cannot be parsed.
 */
export function spsWithoutReordering(nal: Uint8Array): Buffer | undefined {
  const sps = parseH264Sps(nal);
  if (sps === undefined || sps.isRestricted || sps.reorderDepth === undefined) return undefined;
  // The last bit before the stop bit is bitstream_restriction_flag, or vui_parameters_present_flag in an SPS
  // without VUI; both are 0 here.
  const rbsp = withoutEmulation(nal);
  let end = rbsp.length;
  while (end > 1 && rbsp[end - 1] === 0) end--;
  const bits = [...rbsp.subarray(1, end)].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const last = bits.lastIndexOf('1') - 1;
  if (bits[last] !== '0') return undefined;
  const restriction = [
    '1', // bitstream_restriction_flag
    '1', // motion_vectors_over_pic_boundaries_flag
    ...[0, 0, MV_LENGTH, MV_LENGTH, 0, sps.refFrames].map(ue),
  ].join('');
  const written = `${bits.slice(0, last)}${sps.hasVui ? '' : EMPTY_VUI}${restriction}1`;
  const bytes = written.match(/.{1,8}/g)!.map((byte) => parseInt(byte.padEnd(8, '0'), 2));
  const made = withEmulation([rbsp[0]!, ...bytes]);
  // Keep the original if the result does not parse back, for example from an encoder that writes data behind
  // its VUI.
  const read = parseH264Sps(made);
  return read?.isRestricted === true && read.reorderDepth === 0 && read.width === sps.width
    ? made
    : undefined;
}

/** The unit with this change in all of its SPS; the same unit if none needs it. */
export function withoutReordering(unit: VideoUnit): VideoUnit {
  if (unit.codec !== 'h264' || !unit.nals.some(({ type }) => type === SPS)) return unit;
  const parts: Buffer[] = [];
  const nals: NalRange[] = [];
  let at = 0;
  let isChanged = false;
  for (const nal of unit.nals) {
    const own = unit.data.subarray(nal.start, nal.end);
    const sps = nal.type === SPS ? spsWithoutReordering(own.subarray(START_CODE.length)) : undefined;
    isChanged ||= sps !== undefined;
    const part = sps === undefined ? own : Buffer.concat([START_CODE, sps]);
    parts.push(part);
    nals.push({ ...nal, start: at, end: at + part.length });
    at += part.length;
  }
  return isChanged ? { ...unit, data: Buffer.concat(parts, at), nals } : unit;
}

function ue(value: number): string {
  const code = (value + 1).toString(2);
  return '0'.repeat(code.length - 1) + code;
}

/** The RBSP, without emulation prevention bytes (H.264 7.3.1). */
function withoutEmulation(nal: Uint8Array): Uint8Array {
  const out: number[] = [];
  let zeros = 0;
  for (const byte of nal) {
    if (zeros >= 2 && byte === 3) {
      zeros = 0;
      continue;
    }
    out.push(byte);
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return Uint8Array.from(out);
}

function withEmulation(rbsp: readonly number[]): Buffer {
  const out: number[] = [];
  let zeros = 0;
  for (const byte of rbsp) {
    if (zeros >= 2 && byte <= 3) {
      out.push(3);
      zeros = 0;
    }
    out.push(byte);
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return Buffer.from(out);
}
