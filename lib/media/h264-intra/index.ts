// H.264 decoder for keyframes only: decodes one all-intra frame to planes, bit-exact with the standard (8-bit
// 4:2:0 and 4:0:0).

import { splitAnnexB } from '../../codec/annexb.js';
import type { SampleAspect } from '../../codec/unit.js';
import { UNSPECIFIED } from '../../codec/vui.js';
import type { PlanarPicture } from '../jpeg/picture.js';
import { Cabac } from './cabac.js';
import { Cavlc } from './cavlc.js';
import { deblock } from './deblock.js';
import { broken, unsupported } from './errors.js';
import { Frame } from './frame.js';
import { MacroblockDecoder } from './macroblock.js';
import type { Pps, Sps } from './parameter-sets.js';
import { parsePps, parseSps, resolveScaling } from './parameter-sets.js';
import { BitSource } from './rbsp.js';
import type { SliceHeader } from './slice-header.js';
import { NAL, parseSliceHeader, startsPicture } from './slice-header.js';
import { buildScales } from './transform.js';
import type { Scales } from './transform.js';

/**
 * Planes of the displayed (cropped) picture, and how its VUI describes their colours. Without `cb` and `cr`
 * it is grey.
 */
export interface DecodedPicture extends PlanarPicture {
  readonly fullRange: boolean;
  /** H.264 table E-5; 2 means unspecified. */
  readonly matrixCoefficients: number;
  /** Sample aspect ratio; absent if square. */
  readonly sar?: SampleAspect;
}

/** Working memory for one picture size. */
interface Workshop {
  readonly frame: Frame;
  readonly cavlc: Cavlc;
  readonly cabac: Cabac;
  readonly macroblocks: MacroblockDecoder;
}

/** Most scaling tables kept, at 24 KB each. */
const MAX_SCALES = 8;

export class IntraDecoder {
  private readonly source = new BitSource();
  private readonly sps = new Map<number, Sps>();
  private readonly pps = new Map<number, Pps>();
  private readonly scales = new Map<string, Scales>();
  private workshop: Workshop | undefined;

  /**
   * Decodes `annexB`: a keyframe with its parameter sets in front; anything behind its first picture is
   * ignored. The planes are the decoder's memory, valid until the next call. Throws EUNSUPPORTED for streams
   * that it cannot decode, EDECODE for invalid or incomplete data.
   */
  decode(annexB: Uint8Array): DecodedPicture {
    this.sps.clear();
    this.pps.clear();
    let first: SliceHeader | undefined;
    let next = 0;
    const nals = splitAnnexB(Buffer.from(annexB.buffer, annexB.byteOffset, annexB.byteLength));
    for (const [n, nal] of nals.entries()) {
      const type = nal[0]! & 31;
      if (type === NAL.sps || type === NAL.pps) {
        if (first) break;
        this.parameterSet(type, nal);
      } else if (type >= NAL.partitionA && type <= NAL.partitionC) {
        throw unsupported('data partitioning');
      } else if (type === NAL.slice || type === NAL.idr) {
        const header = this.header(nal);
        if (header.redundant > 0) continue;
        if (first && startsPicture(first, header)) break;
        if (header.firstMb < next) throw broken('a part of the picture is there twice');
        if (header.firstMb > next) throw this.gap(next, nals.slice(n + 1));
        first ??= this.begin(header);
        next = this.slice(header);
        if (next === this.workshop!.frame.slice.length) break;
      }
    }
    if (!first) throw broken('there is no picture in it');
    const { frame } = this.workshop!;
    if (next !== frame.slice.length) throw broken('a part of the picture is missing');
    deblock(frame);
    return crop(frame, first.sps);
  }

  /** Frees the memory. */
  release(): void {
    this.workshop = undefined;
    this.scales.clear();
  }

  private parameterSet(type: number, nal: Uint8Array): void {
    this.source.load(nal);
    if (type === NAL.sps) {
      const sps = parseSps(this.source);
      this.sps.set(sps.id, sps);
    } else {
      const pps = parsePps(this.source);
      this.pps.set(pps.id, pps);
    }
  }

  private header(nal: Uint8Array): SliceHeader {
    this.source.load(nal);
    return parseSliceHeader(this.source, nal[0]!, this.sps, this.pps);
  }

  /** The error for a gap at macroblock `next`: if a later slice fills it, the slices are out of order. */
  private gap(next: number, later: readonly Uint8Array[]): Error {
    for (const nal of later) {
      const type = nal[0]! & 31;
      if (type !== NAL.slice && type !== NAL.idr) break;
      if (this.header(nal).firstMb === next) return unsupported('slices in arbitrary order (ASO)');
    }
    return broken('a part of the picture is missing');
  }

  private begin(header: SliceHeader): SliceHeader {
    if (!this.workshop?.frame.fits(header.sps)) {
      // Free the old memory before allocating the new.
      this.workshop = undefined;
      const frame = new Frame(header.sps);
      const cavlc = new Cavlc(this.source, frame.neighbours);
      const cabac = new Cabac(this.source, frame.neighbours);
      this.workshop = { frame, cavlc, cabac, macroblocks: new MacroblockDecoder(this.source, frame) };
    }
    this.workshop.frame.begin();
    return header;
  }

  /** Returns the address of the macroblock behind the slice. */
  private slice(header: SliceHeader): number {
    const { frame, cavlc, cabac, macroblocks } = this.workshop!;
    const { pps, sps } = header;
    frame.filters.push({
      mode: header.deblocking,
      offsetA: header.offsetA,
      offsetB: header.offsetB,
      cbQpOffset: pps.cbQpOffset,
      crQpOffset: pps.crQpOffset,
    });
    return macroblocks.decodeSlice(
      header,
      frame.filters.length - 1,
      pps.cabac ? cabac : cavlc,
      this.scalesOf(sps, pps),
    );
  }

  /** Kept by scaling lists, which are the same in all keyframes of a camera. */
  private scalesOf(sps: Sps, pps: Pps): Scales {
    const lists = resolveScaling(sps, pps);
    const key = lists === undefined ? '' : lists.join(' ');
    let scales = this.scales.get(key);
    if (!scales) {
      if (this.scales.size >= MAX_SCALES) this.scales.clear();
      scales = buildScales(lists);
      this.scales.set(key, scales);
    }
    return scales;
  }
}

/** Decodes one picture with its own decoder. */
export function decodeIntraPicture(annexB: Uint8Array): DecodedPicture {
  return new IntraDecoder().decode(annexB);
}

function crop(frame: Frame, sps: Sps): DecodedPicture {
  const { left, top, width, height } = sps.crop;
  const { cStride, yStride } = frame;
  const chromaAt = (top >> 1) * cStride + (left >> 1);
  return {
    width,
    height,
    y: bytesOf(frame.y, top * yStride + left),
    yStride,
    ...(!frame.grey && { cb: bytesOf(frame.cb, chromaAt), cr: bytesOf(frame.cr, chromaAt) }),
    cStride,
    fullRange: sps.colour?.fullRange ?? false,
    matrixCoefficients: sps.colour?.matrix ?? UNSPECIFIED,
    ...(sps.sar && { sar: sps.sar }),
  };
}

function bytesOf(plane: Uint8ClampedArray, from: number): Uint8Array {
  return new Uint8Array(plane.buffer as ArrayBuffer, plane.byteOffset + from, plane.length - from);
}
