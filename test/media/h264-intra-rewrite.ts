// A writer of bits, and clips of x264 with other parameter sets and slice headers: what x264 has no option
// for.

import assert from 'node:assert/strict';

import { joinAnnexB, splitAnnexB } from '../../lib/codec/annexb.js';
import { parsePps, parseSps } from '../../lib/media/h264-intra/parameter-sets.js';
import type { Pps, Sps } from '../../lib/media/h264-intra/parameter-sets.js';
import { BitSource } from '../../lib/media/h264-intra/rbsp.js';
import { parseSliceHeader } from '../../lib/media/h264-intra/slice-header.js';
import { typeOf } from './h264-intra-clips.js';

/** Bits of a NAL unit's payload. */
export class BitWriter {
  private readonly written: number[] = [];

  bits(value: number, count: number): this {
    for (let i = count - 1; i >= 0; i -= 1) this.written.push((value >> i) & 1);
    return this;
  }

  ue(value: number): this {
    const length = 32 - Math.clz32(value + 1);
    return this.bits(0, length - 1).bits(value + 1, length);
  }

  se(value: number): this {
    return this.ue(value > 0 ? 2 * value - 1 : -2 * value);
  }

  align(bit: number): this {
    while (this.written.length % 8 !== 0) this.written.push(bit);
    return this;
  }

  /** With rbsp_trailing_bits, or as it stands at a byte's end. */
  nal(header: number, trailing = true): Buffer {
    if (trailing) this.bits(1, 1);
    this.align(0);
    const bytes = [header];
    let zeros = 0;
    for (let i = 0; i < this.written.length; i += 8) {
      const byte = Number.parseInt(this.written.slice(i, i + 8).join(''), 2);
      if (zeros === 2 && byte <= 3) {
        bytes.push(3);
        zeros = 0;
      }
      zeros = byte === 0 ? zeros + 1 : 0;
      bytes.push(byte);
    }
    return Buffer.from(bytes);
  }
}

/** What to write anew; what is absent stays as x264 wrote it. */
export interface Rewrite {
  readonly cbQpOffset?: number;
  readonly crQpOffset?: number;
  readonly filterMode?: number;
  /** slice_alpha_c0_offset_div2, slice_beta_offset_div2. */
  readonly offsetA?: number;
  readonly offsetB?: number;
  /** Lists by number; undefined or absent: not there. A 0 ends a list: the rest repeats. */
  readonly spsLists?: readonly (readonly number[] | undefined)[];
  readonly ppsLists?: readonly (readonly number[] | undefined)[];
  /** Left, right, top, bottom in crop units. */
  readonly crop?: readonly [number, number, number, number];
}

/** A High-profile clip of x264 with other parameter sets, and with other deblocking in its slice headers. */
export function rewrite(clip: Buffer, change: Rewrite): Buffer {
  const source = new BitSource();
  const spsById = new Map<number, Sps>();
  const ppsById = new Map<number, Pps>();
  return joinAnnexB(
    splitAnnexB(clip).flatMap((nal) => {
      source.load(nal);
      if (typeOf(nal) === 7) {
        const sps = parseSps(source);
        spsById.set(sps.id, sps);
        return [writeSps(sps, change)];
      }
      if (typeOf(nal) === 8) {
        const pps = parsePps(source);
        ppsById.set(pps.id, pps);
        return [writePps(pps, change)];
      }
      if (typeOf(nal) !== 5) return [];
      const header = parseSliceHeader(source, nal[0]!, spsById, ppsById);
      return [writeSlice(source, nal[0]!, header.pps.cabac, change)];
    }),
  );
}

function writeLists(
  writer: BitWriter,
  lists: readonly (readonly number[] | undefined)[] | undefined,
  count: number,
): void {
  writer.bits(lists ? 1 : 0, 1);
  if (!lists) return;
  for (let n = 0; n < count; n += 1) {
    const list = lists[n];
    writer.bits(list ? 1 : 0, 1);
    let last = 8;
    for (const value of list ?? []) {
      writer.se(((value - last + 128) & 255) - 128);
      last = value;
    }
  }
}

function writeSps(sps: Sps, change: Rewrite): Buffer {
  const writer = new BitWriter().bits(100, 8).bits(0, 8).bits(40, 8).ue(sps.id).ue(1).ue(0).ue(0).bits(0, 1);
  writeLists(writer, change.spsLists, 8);
  writer.ue(sps.frameNumBits - 4).ue(sps.pocType);
  if (sps.pocType === 0) writer.ue(sps.pocBits - 4);
  writer
    .ue(1)
    .bits(0, 1)
    .ue(sps.widthInMbs - 1)
    .ue(sps.heightInMbs - 1)
    .bits(0b11, 2);
  writer.bits(change.crop ? 1 : 0, 1);
  for (const units of change.crop ?? []) writer.ue(units);
  return writer.bits(0, 1).nal(0x67);
}

function writePps(pps: Pps, change: Rewrite): Buffer {
  const { cbQpOffset = pps.cbQpOffset, crQpOffset = pps.crQpOffset } = change;
  const writer = new BitWriter()
    .ue(pps.id)
    .ue(pps.spsId)
    .bits(pps.cabac ? 1 : 0, 1)
    .bits(pps.pocPresent ? 1 : 0, 1);
  writer
    .ue(0)
    .ue(0)
    .ue(0)
    .bits(0, 3)
    .se(pps.qp - 26)
    .se(0)
    .se(cbQpOffset);
  writer
    .bits(pps.deblockingControl ? 1 : 0, 1)
    .bits(0, 1)
    .bits(pps.redundantPictures ? 1 : 0, 1);
  writer.bits(pps.transform8x8 ? 1 : 0, 1);
  writeLists(writer, change.ppsLists, pps.transform8x8 ? 8 : 6);
  return writer.se(crQpOffset).nal(0x68);
}

/** `source` stands behind the header, which ends with idc 0 and two offsets of 0: three bits. */
function writeSlice(source: BitSource, header: number, cabac: boolean, change: Rewrite): Buffer {
  const { filterMode = 0, offsetA = 0, offsetB = 0 } = change;
  const headerEnd = source.at;
  source.at = headerEnd - 3;
  assert.equal(source.bits(3), 7);
  source.at = 0;
  const writer = new BitWriter();
  for (let i = 0; i < headerEnd - 3; i += 1) writer.bits(source.bits(1), 1);
  writer.ue(filterMode);
  if (filterMode !== 1) writer.se(offsetA).se(offsetB);
  if (cabac) {
    writer.align(1);
    source.at = 8 * ((headerEnd + 7) >> 3);
    while (source.at < 8 * source.length) writer.bits(source.bits(8), 8);
    return writer.nal(header, false);
  }
  source.at = headerEnd;
  while (source.at < source.end) writer.bits(source.bits(1), 1);
  return writer.nal(header);
}
