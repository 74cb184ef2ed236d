// Intra_16x16 and chroma prediction (H.264 8.3.3, 8.3.4), written directly to the plane.

import { broken } from './errors.js';

/** Modes of Intra_16x16. Chroma modes are numbered differently: DC, horizontal, vertical, plane. */
export function predict16x16(
  plane: Uint8ClampedArray,
  at: number,
  stride: number,
  mode: number,
  left: boolean,
  top: boolean,
  corner: boolean,
): void {
  switch (mode) {
    case 0:
      if (!top) throw missing();
      vertical(plane, at, stride, 16);
      break;
    case 1:
      if (!left) throw missing();
      horizontal(plane, at, stride, 16);
      break;
    case 2: {
      let sum = 0;
      if (top) for (let x = at - stride; x < at - stride + 16; x += 1) sum += plane[x]!;
      if (left) for (let y = at - 1, end = at - 1 + 16 * stride; y < end; y += stride) sum += plane[y]!;
      fill(plane, at, stride, 16, left && top ? (sum + 16) >> 5 : left || top ? (sum + 8) >> 4 : 128);
      break;
    }
    default:
      if (!corner || !left || !top) throw missing();
      slope(plane, at, stride, 16, 5);
  }
}

export function predictChroma(
  plane: Uint8ClampedArray,
  at: number,
  stride: number,
  mode: number,
  left: boolean,
  top: boolean,
  corner: boolean,
): void {
  switch (mode) {
    case 0:
      for (let y = 0; y < 8; y += 4) {
        for (let x = 0; x < 8; x += 4) chromaDc(plane, at, stride, x, y, left, top);
      }
      break;
    case 1:
      if (!left) throw missing();
      horizontal(plane, at, stride, 8);
      break;
    case 2:
      if (!top) throw missing();
      vertical(plane, at, stride, 8);
      break;
    default:
      if (!corner || !left || !top) throw missing();
      slope(plane, at, stride, 8, 34);
  }
}

/** 8.3.4.1 to 8.3.4.3: blocks off the diagonal use first the one side that they touch. */
function chromaDc(
  plane: Uint8ClampedArray,
  at: number,
  stride: number,
  x: number,
  y: number,
  left: boolean,
  top: boolean,
): void {
  const useTop = top && (x > 0 || y === 0 || !left);
  const useLeft = left && (y > 0 || x === 0 || !top);
  let sum = 0;
  if (useTop) for (let i = at - stride + x, end = i + 4; i < end; i += 1) sum += plane[i]!;
  if (useLeft) for (let i = at - 1 + y * stride, end = i + 4 * stride; i < end; i += stride) sum += plane[i]!;
  const dc = useTop && useLeft ? (sum + 4) >> 3 : useTop || useLeft ? (sum + 2) >> 2 : 128;
  fill(plane, at + y * stride + x, stride, 4, dc);
}

function vertical(plane: Uint8ClampedArray, at: number, stride: number, size: number): void {
  const end = at + size * stride;
  for (let x = at; x < at + size; x += 1) {
    const value = plane[x - stride]!;
    for (let i = x; i < end; i += stride) plane[i] = value;
  }
}

function horizontal(plane: Uint8ClampedArray, at: number, stride: number, size: number): void {
  for (let row = at, end = at + size * stride; row < end; row += stride)
    fillRow(plane, row, size, plane[row - 1]!);
}

function fill(plane: Uint8ClampedArray, at: number, stride: number, size: number, value: number): void {
  for (let row = at, end = at + size * stride; row < end; row += stride) fillRow(plane, row, size, value);
}

/** For so few samples a loop is much faster than TypedArray's fill. */
export function fillRow(plane: Uint8ClampedArray, row: number, size: number, value: number): void {
  for (let i = row; i < row + size; i += 4) {
    plane[i] = value;
    plane[i + 1] = value;
    plane[i + 2] = value;
    plane[i + 3] = value;
  }
}

/** Plane prediction (8.3.3.4, 8.3.4.4). `factor`: 5 for 16 samples, 34 for 8. */
function slope(plane: Uint8ClampedArray, at: number, stride: number, size: number, factor: number): void {
  const half = size >> 1;
  const above = at - stride;
  let h = 0;
  let v = 0;
  for (let i = 1; i <= half; i += 1) {
    h += i * (plane[above + half - 1 + i]! - plane[above + half - 1 - i]!);
    v += i * (plane[at - 1 + (half - 1 + i) * stride]! - plane[at - 1 + (half - 1 - i) * stride]!);
  }
  const b = (factor * h + 32) >> 6;
  const c = (factor * v + 32) >> 6;
  const a = 16 * (plane[at - 1 + (size - 1) * stride]! + plane[above + size - 1]!);
  let start = a - (half - 1) * (b + c) + 16;
  for (let row = at, end = at + size * stride; row < end; row += stride) {
    let value = start;
    for (let i = row; i < row + size; i += 1) {
      plane[i] = value >> 5;
      value += b;
    }
    start += c;
  }
}

function missing(): Error {
  return broken('a prediction has no neighbour');
}
