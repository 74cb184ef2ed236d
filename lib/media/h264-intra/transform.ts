// Scaling tables and inverse transforms (H.264 8.5). Residuals are added to the prediction already in the
// plane.

import type { ResolvedLists } from './parameter-sets.js';
import { CHROMA_QP, ZIGZAG_4X4, ZIGZAG_8X8 } from './tables.js';

export const QPS = 52;

/** Scales such that a coefficient is (level * scale + 32) >> 6, by raster index. */
export interface Scales {
  /** Y, Cb and Cr, at 16 * (52 * plane + qp) + index. */
  readonly blocks4x4: Int32Array;
  /** Y only, at 64 * qp + index. */
  readonly blocks8x8: Int32Array;
}

/** Equation 8-315: normAdjust4x4 by qp % 6, for positions with even, odd, and mixed coordinates. */
const NORM_4X4 = [
  [10, 16, 13],
  [11, 18, 14],
  [13, 20, 16],
  [14, 23, 18],
  [16, 25, 20],
  [18, 29, 23],
] as const;

/** Equation 8-318: normAdjust8x8 by qp % 6. */
const NORM_8X8 = [
  [20, 18, 32, 19, 25, 24],
  [22, 19, 35, 21, 28, 26],
  [26, 23, 42, 24, 33, 31],
  [28, 25, 45, 26, 35, 33],
  [32, 28, 51, 30, 40, 38],
  [36, 32, 58, 34, 46, 43],
] as const;

/** `lists`: from resolveScaling; undefined means all 16. */
export function buildScales(lists: ResolvedLists | undefined): Scales {
  const blocks4x4 = new Int32Array(3 * QPS * 16);
  const blocks8x8 = new Int32Array(QPS * 64);
  for (let qp = 0; qp < QPS; qp += 1) {
    const octave = Math.floor(qp / 6);
    for (let n = 0; n < 16; n += 1) {
      const place = ZIGZAG_4X4[n]!;
      const odd = (place & 1) + ((place >> 2) & 1);
      const norm = NORM_4X4[qp % 6]![odd === 0 ? 0 : odd === 2 ? 1 : 2];
      for (let plane = 0; plane < 3; plane += 1) {
        blocks4x4[16 * (QPS * plane + qp) + place] = ((lists?.[plane]?.[n] ?? 16) * norm) << (octave + 2);
      }
    }
    for (let n = 0; n < 64; n += 1) {
      const place = ZIGZAG_8X8[n]!;
      const norm = NORM_8X8[qp % 6]![class8x8(place & 7, place >> 3)]!;
      blocks8x8[64 * qp + place] = ((lists?.[3][n] ?? 16) * norm) << octave;
    }
  }
  return { blocks4x4, blocks8x8 };
}

/** QPc from QPY and chroma_qp_index_offset (8.5.8). */
export function chromaQp(qp: number, offset: number): number {
  const index = qp + offset;
  return CHROMA_QP[index < 0 ? 0 : index > QPS - 1 ? QPS - 1 : index]!;
}

function class8x8(x: number, y: number): number {
  if (x % 4 === 0 && y % 4 === 0) return 0;
  if (x % 2 === 1 && y % 2 === 1) return 1;
  if (x % 4 === 2 && y % 4 === 2) return 2;
  if ((x % 4 === 0 && y % 2 === 1) || (x % 2 === 1 && y % 4 === 0)) return 3;
  if ((x % 4 === 0 && y % 4 === 2) || (x % 4 === 2 && y % 4 === 0)) return 4;
  return 5;
}

/** DC of Intra_16x16 (8.5.10): turns 16 levels into coefficients in place. `scale`: scale of a block's DC. */
export function transformLumaDc(block: Int32Array, scale: number): void {
  for (let i = 0; i < 16; i += 4) hadamard(block, i, 1);
  for (let i = 0; i < 4; i += 1) hadamard(block, i, 4);
  for (let i = 0; i < 16; i += 1) block[i] = (Math.imul(block[i]!, scale) + 128) >> 8;
}

function hadamard(block: Int32Array, at: number, step: number): void {
  const a = block[at]!;
  const b = block[at + step]!;
  const c = block[at + 2 * step]!;
  const d = block[at + 3 * step]!;
  block[at] = a + b + c + d;
  block[at + step] = a + b - c - d;
  block[at + 2 * step] = a - b - c + d;
  block[at + 3 * step] = a - b + c - d;
}

/** Chroma DC of 4:2:0 (8.5.11): turns four levels into coefficients in place. */
export function transformChromaDc(block: Int32Array, scale: number): void {
  const a = block[0]!;
  const b = block[1]!;
  const c = block[2]!;
  const d = block[3]!;
  block[0] = Math.imul(a + b + c + d, scale) >> 7;
  block[1] = Math.imul(a - b + c - d, scale) >> 7;
  block[2] = Math.imul(a + b - c - d, scale) >> 7;
  block[3] = Math.imul(a - b - c + d, scale) >> 7;
}

/** Adds the residual of a block with only a DC coefficient. */
export function addDc(plane: Uint8ClampedArray, at: number, stride: number, size: number, dc: number): void {
  const value = (dc + 32) >> 6;
  if (value === 0) return;
  for (let row = at, end = at + size * stride; row < end; row += stride) {
    for (let i = row; i < row + size; i += 1) plane[i] = plane[i]! + value;
  }
}

/** 4x4 inverse transform (8.5.12.2). Leaves `block` all zero. */
export function add4x4(block: Int32Array, plane: Uint8ClampedArray, at: number, stride: number): void {
  for (let i = 0; i < 16; i += 4) {
    const c1 = block[i + 1]!;
    const c3 = block[i + 3]!;
    const e0 = block[i]! + block[i + 2]!;
    const e1 = block[i]! - block[i + 2]!;
    const e2 = (c1 >> 1) - c3;
    const e3 = c1 + (c3 >> 1);
    block[i] = e0 + e3;
    block[i + 1] = e1 + e2;
    block[i + 2] = e1 - e2;
    block[i + 3] = e0 - e3;
  }
  const at1 = at + stride;
  const at2 = at1 + stride;
  const at3 = at2 + stride;
  for (let i = 0; i < 4; i += 1) {
    const c1 = block[i + 4]!;
    const c3 = block[i + 12]!;
    const e0 = block[i]! + block[i + 8]! + 32;
    const e1 = block[i]! - block[i + 8]! + 32;
    const e2 = (c1 >> 1) - c3;
    const e3 = c1 + (c3 >> 1);
    plane[at + i] = plane[at + i]! + ((e0 + e3) >> 6);
    plane[at1 + i] = plane[at1 + i]! + ((e1 + e2) >> 6);
    plane[at2 + i] = plane[at2 + i]! + ((e1 - e2) >> 6);
    plane[at3 + i] = plane[at3 + i]! + ((e0 - e3) >> 6);
  }
  for (let i = 0; i < 16; i += 1) block[i] = 0;
}

/** 8x8 inverse transform (8.5.13). Leaves `block` all zero. */
export function add8x8(block: Int32Array, plane: Uint8ClampedArray, at: number, stride: number): void {
  for (let i = 0; i < 64; i += 8) pass8(block, i, 1);
  for (let i = 0; i < 8; i += 1) pass8(block, i, 8);
  let from = 0;
  for (let row = at, end = at + 8 * stride; row < end; row += stride) {
    for (let i = row; i < row + 8; i += 1) {
      plane[i] = plane[i]! + ((block[from]! + 32) >> 6);
      block[from] = 0;
      from += 1;
    }
  }
}

function pass8(block: Int32Array, at: number, step: number): void {
  const at1 = at + step;
  const at2 = at1 + step;
  const at3 = at2 + step;
  const at4 = at3 + step;
  const at5 = at4 + step;
  const at6 = at5 + step;
  const at7 = at6 + step;
  const d0 = block[at]!;
  const d1 = block[at1]!;
  const d2 = block[at2]!;
  const d3 = block[at3]!;
  const d4 = block[at4]!;
  const d5 = block[at5]!;
  const d6 = block[at6]!;
  const d7 = block[at7]!;
  const a0 = d0 + d4;
  const a1 = d5 - d3 - d7 - (d7 >> 1);
  const a2 = d0 - d4;
  const a3 = d1 + d7 - d3 - (d3 >> 1);
  const a4 = (d2 >> 1) - d6;
  const a5 = d7 - d1 + d5 + (d5 >> 1);
  const a6 = d2 + (d6 >> 1);
  const a7 = d3 + d5 + d1 + (d1 >> 1);
  const b0 = a0 + a6;
  const b1 = a1 + (a7 >> 2);
  const b2 = a2 + a4;
  const b3 = a3 + (a5 >> 2);
  const b4 = a2 - a4;
  const b5 = (a3 >> 2) - a5;
  const b6 = a0 - a6;
  const b7 = a7 - (a1 >> 2);
  block[at] = b0 + b7;
  block[at1] = b2 + b5;
  block[at2] = b4 + b3;
  block[at3] = b6 + b1;
  block[at4] = b6 - b1;
  block[at5] = b4 - b3;
  block[at6] = b2 - b5;
  block[at7] = b0 - b7;
}
