// Intra_8x8 prediction (H.264 8.3.2.2), which filters the neighbours first.

import { broken } from './errors.js';
import { fillRow } from './predict-16x16.js';
import { NEEDS_CORNER, NEEDS_LEFT, NEEDS_TOP } from './predict-4x4.js';

/**
 * The filtered neighbours as one line: the left ones from bottom to top (0..7), the corner, and the upper
 * ones from left to right (9..24).
 */
const line = new Int32Array(25);
const CORNER = 8;
const ABOVE = 9;

/** The unfiltered neighbours, above and left. */
const rawTop = new Int32Array(16);
const rawLeft = new Int32Array(8);

export function predict8x8(
  plane: Uint8ClampedArray,
  at: number,
  stride: number,
  mode: number,
  left: boolean,
  top: boolean,
  corner: boolean,
  topRight: boolean,
): void {
  if (
    (NEEDS_TOP[mode]! !== 0 && !top) ||
    (NEEDS_LEFT[mode]! !== 0 && !left) ||
    (NEEDS_CORNER[mode]! !== 0 && !corner)
  ) {
    throw broken('a prediction has no neighbour');
  }
  smooth(plane, at, stride, left, top, corner, topRight);
  switch (mode) {
    case 0:
      for (let y = 0; y < 8; y += 1)
        for (let x = 0; x < 8; x += 1) plane[at + y * stride + x] = line[ABOVE + x]!;
      break;
    case 1:
      for (let y = 0; y < 8; y += 1) {
        fillRow(plane, at + y * stride, 8, line[7 - y]!);
      }
      break;
    case 2:
      predictDc(plane, at, stride, left, top);
      break;
    case 3:
      downLeft(plane, at, stride);
      break;
    case 4:
      downRight(plane, at, stride);
      break;
    case 5:
      verticalRight(plane, at, stride);
      break;
    case 6:
      horizontalDown(plane, at, stride);
      break;
    case 7:
      verticalLeft(plane, at, stride);
      break;
    default:
      horizontalUp(plane, at, stride);
  }
}

/** Reference sample filtering (8.3.2.2.1). */
function smooth(
  plane: Uint8ClampedArray,
  at: number,
  stride: number,
  left: boolean,
  top: boolean,
  corner: boolean,
  topRight: boolean,
): void {
  const above = at - stride;
  const m = corner ? plane[above - 1]! : 0;
  if (top) {
    for (let x = 0; x < 8; x += 1) rawTop[x] = plane[above + x]!;
    const last = rawTop[7]!;
    for (let x = 8; x < 16; x += 1) rawTop[x] = topRight ? plane[above + x]! : last;
    const first = rawTop[0]!;
    line[ABOVE] = ((corner ? m : first) + 2 * first + rawTop[1]! + 2) >> 2;
    for (let x = 1; x < 15; x += 1)
      line[ABOVE + x] = (rawTop[x - 1]! + 2 * rawTop[x]! + rawTop[x + 1]! + 2) >> 2;
    line[ABOVE + 15] = (rawTop[14]! + 3 * rawTop[15]! + 2) >> 2;
  }
  if (left) {
    for (let y = 0, from = at - 1; y < 8; y += 1, from += stride) rawLeft[y] = plane[from]!;
    const first = rawLeft[0]!;
    line[7] = ((corner ? m : first) + 2 * first + rawLeft[1]! + 2) >> 2;
    for (let y = 1; y < 7; y += 1)
      line[7 - y] = (rawLeft[y - 1]! + 2 * rawLeft[y]! + rawLeft[y + 1]! + 2) >> 2;
    line[0] = (rawLeft[6]! + 3 * rawLeft[7]! + 2) >> 2;
  }
  if (corner) line[CORNER] = ((top ? rawTop[0]! : m) + 2 * m + (left ? rawLeft[0]! : m) + 2) >> 2;
}

function predictDc(plane: Uint8ClampedArray, at: number, stride: number, left: boolean, top: boolean): void {
  let sum = 0;
  if (left) for (let i = 0; i < 8; i += 1) sum += line[i]!;
  if (top) for (let i = ABOVE; i < ABOVE + 8; i += 1) sum += line[i]!;
  const dc = left && top ? (sum + 8) >> 4 : left || top ? (sum + 4) >> 3 : 128;
  for (let y = 0; y < 8; y += 1) fillRow(plane, at + y * stride, 8, dc);
}

/** Three-tap filter around index `i`. */
function three(i: number): number {
  return (line[i - 1]! + 2 * line[i]! + line[i + 1]! + 2) >> 2;
}

/** Mean of `i` and the next sample. */
function two(i: number): number {
  return (line[i]! + line[i + 1]! + 1) >> 1;
}

function downLeft(plane: Uint8ClampedArray, at: number, stride: number): void {
  for (let sum = 0; sum < 15; sum += 1) {
    const value = sum === 14 ? (line[ABOVE + 14]! + 3 * line[ABOVE + 15]! + 2) >> 2 : three(ABOVE + sum + 1);
    for (let y = sum < 8 ? 0 : sum - 7; y < 8 && y <= sum; y += 1) plane[at + y * stride + sum - y] = value;
  }
}

function downRight(plane: Uint8ClampedArray, at: number, stride: number): void {
  for (let shift = -7; shift < 8; shift += 1) {
    const value = three(CORNER + shift);
    const end = shift > 0 ? 8 - shift : 8;
    for (let y = shift < 0 ? -shift : 0; y < end; y += 1) plane[at + y * stride + y + shift] = value;
  }
}

function verticalRight(plane: Uint8ClampedArray, at: number, stride: number): void {
  for (let y = 0; y < 8; y += 1) {
    const row = at + y * stride;
    for (let x = 0; x < 8; x += 1) {
      const z = 2 * x - y;
      if (z >= 0) plane[row + x] = (z & 1) === 0 ? two(CORNER + (z >> 1)) : three(CORNER + ((z + 1) >> 1));
      else plane[row + x] = three(CORNER + z + 1);
    }
  }
}

function horizontalDown(plane: Uint8ClampedArray, at: number, stride: number): void {
  for (let y = 0; y < 8; y += 1) {
    const row = at + y * stride;
    for (let x = 0; x < 8; x += 1) {
      const z = 2 * y - x;
      if (z >= 0)
        plane[row + x] = (z & 1) === 0 ? two(CORNER - 1 - (z >> 1)) : three(CORNER - ((z + 1) >> 1));
      else plane[row + x] = three(CORNER - z - 1);
    }
  }
}

function verticalLeft(plane: Uint8ClampedArray, at: number, stride: number): void {
  for (let y = 0; y < 8; y += 1) {
    const row = at + y * stride;
    const from = ABOVE + (y >> 1);
    if ((y & 1) === 0) for (let x = 0; x < 8; x += 1) plane[row + x] = two(from + x);
    else for (let x = 0; x < 8; x += 1) plane[row + x] = three(from + x + 1);
  }
}

function horizontalUp(plane: Uint8ClampedArray, at: number, stride: number): void {
  for (let y = 0; y < 8; y += 1) {
    const row = at + y * stride;
    for (let x = 0; x < 8; x += 1) {
      const z = x + 2 * y;
      const i = 7 - (z >> 1);
      if (z > 13) plane[row + x] = line[0]!;
      else if (z === 13) plane[row + x] = (line[1]! + 3 * line[0]! + 2) >> 2;
      else if ((z & 1) === 0) plane[row + x] = two(i - 1);
      else plane[row + x] = three(i - 1);
    }
  }
}
