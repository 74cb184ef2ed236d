// The frame being decoded: planes of whole macroblocks, and what deblocking needs to know of each macroblock.

import { Neighbours } from './neighbours.js';
import type { Sps } from './parameter-sets.js';

/** How a slice's macroblocks are deblocked. */
export interface SliceFilter {
  /** disable_deblocking_filter_idc. */
  readonly mode: number;
  readonly offsetA: number;
  readonly offsetB: number;
  readonly cbQpOffset: number;
  readonly crQpOffset: number;
}

export class Frame {
  readonly widthInMbs: number;
  readonly heightInMbs: number;
  readonly grey: boolean;
  readonly yStride: number;
  readonly cStride: number;
  /** Clamped arrays perform the standard's Clip1 on storing. */
  readonly y: Uint8ClampedArray;
  readonly cb: Uint8ClampedArray;
  readonly cr: Uint8ClampedArray;
  /** By macroblock address: QPY, transform_size_8x8_flag, and slice number (-1 if not decoded yet). */
  readonly qp: Uint8Array;
  readonly transform8x8: Uint8Array;
  readonly slice: Int32Array;
  readonly filters: SliceFilter[] = [];
  readonly neighbours: Neighbours;

  constructor(sps: Sps) {
    const { widthInMbs, heightInMbs, grey } = sps;
    const mbs = widthInMbs * heightInMbs;
    this.widthInMbs = widthInMbs;
    this.heightInMbs = heightInMbs;
    this.grey = grey;
    this.yStride = 16 * widthInMbs;
    this.cStride = grey ? 0 : 8 * widthInMbs;
    this.y = new Uint8ClampedArray(256 * mbs);
    this.cb = new Uint8ClampedArray(grey ? 0 : 64 * mbs);
    this.cr = new Uint8ClampedArray(grey ? 0 : 64 * mbs);
    this.qp = new Uint8Array(mbs);
    this.transform8x8 = new Uint8Array(mbs);
    this.slice = new Int32Array(mbs);
    this.neighbours = new Neighbours(widthInMbs);
  }

  fits(sps: Sps): boolean {
    return (
      this.widthInMbs === sps.widthInMbs && this.heightInMbs === sps.heightInMbs && this.grey === sps.grey
    );
  }

  /** Starts a new picture. Old samples may stay, because all are overwritten. */
  begin(): void {
    this.slice.fill(-1);
    this.filters.length = 0;
  }
}
