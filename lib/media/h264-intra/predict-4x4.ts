// Intra_4x4 prediction (H.264 8.3.1.2), written directly to the plane.

import { broken } from './errors.js';

/**
 * `at`: the block's first sample. `top`, `left`, `corner`, `topRight`: whether these neighbours are
 * available.
 */
export function predict4x4(
  plane: Uint8ClampedArray,
  at: number,
  stride: number,
  mode: number,
  left: boolean,
  top: boolean,
  corner: boolean,
  topRight: boolean,
): void {
  const above = at - stride;
  const row1 = at + stride;
  const row2 = row1 + stride;
  const row3 = row2 + stride;
  if (
    (NEEDS_TOP[mode]! !== 0 && !top) ||
    (NEEDS_LEFT[mode]! !== 0 && !left) ||
    (NEEDS_CORNER[mode]! !== 0 && !corner)
  ) {
    throw broken('a prediction has no neighbour');
  }
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let i = 0;
  let j = 0;
  let k = 0;
  let l = 0;
  if (top) {
    a = plane[above]!;
    b = plane[above + 1]!;
    c = plane[above + 2]!;
    d = plane[above + 3]!;
  }
  if (left) {
    i = plane[at - 1]!;
    j = plane[row1 - 1]!;
    k = plane[row2 - 1]!;
    l = plane[row3 - 1]!;
  }
  const m = corner ? plane[above - 1]! : 0;
  let e = d;
  let f = d;
  let g = d;
  let h = d;
  if (topRight) {
    e = plane[above + 4]!;
    f = plane[above + 5]!;
    g = plane[above + 6]!;
    h = plane[above + 7]!;
  }
  switch (mode) {
    case 0: // vertical
      for (let x = at; x <= row3; x += stride) put(plane, x, a, b, c, d);
      break;
    case 1: // horizontal
      put(plane, at, i, i, i, i);
      put(plane, row1, j, j, j, j);
      put(plane, row2, k, k, k, k);
      put(plane, row3, l, l, l, l);
      break;
    case 2: {
      // DC
      let dc = 128;
      if (top && left) dc = (a + b + c + d + i + j + k + l + 4) >> 3;
      else if (top) dc = (a + b + c + d + 2) >> 2;
      else if (left) dc = (i + j + k + l + 2) >> 2;
      for (let x = at; x <= row3; x += stride) put(plane, x, dc, dc, dc, dc);
      break;
    }
    case 3: {
      // diagonal down left
      const s1 = (b + 2 * c + d + 2) >> 2;
      const s2 = (c + 2 * d + e + 2) >> 2;
      const s3 = (d + 2 * e + f + 2) >> 2;
      const s4 = (e + 2 * f + g + 2) >> 2;
      const s5 = (f + 2 * g + h + 2) >> 2;
      put(plane, at, (a + 2 * b + c + 2) >> 2, s1, s2, s3);
      put(plane, row1, s1, s2, s3, s4);
      put(plane, row2, s2, s3, s4, s5);
      put(plane, row3, s3, s4, s5, (g + 3 * h + 2) >> 2);
      break;
    }
    case 4: {
      // diagonal down right
      const s0 = (i + 2 * m + a + 2) >> 2;
      const s1 = (m + 2 * a + b + 2) >> 2;
      const s2 = (a + 2 * b + c + 2) >> 2;
      const r1 = (m + 2 * i + j + 2) >> 2;
      const r2 = (i + 2 * j + k + 2) >> 2;
      put(plane, at, s0, s1, s2, (b + 2 * c + d + 2) >> 2);
      put(plane, row1, r1, s0, s1, s2);
      put(plane, row2, r2, r1, s0, s1);
      put(plane, row3, (j + 2 * k + l + 2) >> 2, r2, r1, s0);
      break;
    }
    case 5: {
      // vertical right
      const s0 = (m + a + 1) >> 1;
      const s1 = (a + b + 1) >> 1;
      const s2 = (b + c + 1) >> 1;
      const t0 = (i + 2 * m + a + 2) >> 2;
      const t1 = (m + 2 * a + b + 2) >> 2;
      const t2 = (a + 2 * b + c + 2) >> 2;
      put(plane, at, s0, s1, s2, (c + d + 1) >> 1);
      put(plane, row1, t0, t1, t2, (b + 2 * c + d + 2) >> 2);
      put(plane, row2, (m + 2 * i + j + 2) >> 2, s0, s1, s2);
      put(plane, row3, (i + 2 * j + k + 2) >> 2, t0, t1, t2);
      break;
    }
    case 6: {
      // horizontal down
      const s0 = (m + i + 1) >> 1;
      const s1 = (i + 2 * m + a + 2) >> 2;
      const s2 = (i + j + 1) >> 1;
      const s3 = (m + 2 * i + j + 2) >> 2;
      const s4 = (j + k + 1) >> 1;
      const s5 = (i + 2 * j + k + 2) >> 2;
      put(plane, at, s0, s1, (m + 2 * a + b + 2) >> 2, (a + 2 * b + c + 2) >> 2);
      put(plane, row1, s2, s3, s0, s1);
      put(plane, row2, s4, s5, s2, s3);
      put(plane, row3, (k + l + 1) >> 1, (j + 2 * k + l + 2) >> 2, s4, s5);
      break;
    }
    case 7: {
      // vertical left
      const s1 = (b + c + 1) >> 1;
      const s2 = (c + d + 1) >> 1;
      const s3 = (d + e + 1) >> 1;
      const t1 = (b + 2 * c + d + 2) >> 2;
      const t2 = (c + 2 * d + e + 2) >> 2;
      const t3 = (d + 2 * e + f + 2) >> 2;
      put(plane, at, (a + b + 1) >> 1, s1, s2, s3);
      put(plane, row1, (a + 2 * b + c + 2) >> 2, t1, t2, t3);
      put(plane, row2, s1, s2, s3, (e + f + 1) >> 1);
      put(plane, row3, t1, t2, t3, (e + 2 * f + g + 2) >> 2);
      break;
    }
    default: {
      // horizontal up
      const s2 = (j + k + 1) >> 1;
      const s3 = (j + 2 * k + l + 2) >> 2;
      const s4 = (k + l + 1) >> 1;
      const s5 = (k + 3 * l + 2) >> 2;
      put(plane, at, (i + j + 1) >> 1, (i + 2 * j + k + 2) >> 2, s2, s3);
      put(plane, row1, s2, s3, s4, s5);
      put(plane, row2, s4, s5, l, l);
      put(plane, row3, l, l, l, l);
    }
  }
}

/** Which neighbours modes 0 to 8 of 4x4 and 8x8 blocks need. */
export const NEEDS_TOP = Uint8Array.of(1, 0, 0, 1, 1, 1, 1, 1, 0);
export const NEEDS_LEFT = Uint8Array.of(0, 1, 0, 0, 1, 1, 1, 0, 1);
export const NEEDS_CORNER = Uint8Array.of(0, 0, 0, 0, 1, 1, 1, 0, 0);

function put(plane: Uint8ClampedArray, at: number, a: number, b: number, c: number, d: number): void {
  plane[at] = a;
  plane[at + 1] = b;
  plane[at + 2] = c;
  plane[at + 3] = d;
}
