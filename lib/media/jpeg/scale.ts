// Resizes a picture: scales down by averaging the covered area, and widens (never heightens) pictures with
// non-square pixels.

import type { SampleAspect } from '../../codec/unit.js';
import type { PlanarPicture } from './picture.js';

interface Size {
  readonly width: number;
  readonly height: number;
}

/** Largest width after making pixels square. */
export const MAX_SQUARED = 8192;

/**
 * The size to display a picture in: at most `width` pixels wide, never larger than the original, with the
 * same aspect ratio. With `sar` the pixels become square: the height stays and the width is adapted. Sides
 * other than the original ones are even.
 */
export function shownSize(picture: Size, width = Infinity, sar?: SampleAspect): Size {
  const natural = sar ? (picture.width * sar.width) / sar.height : picture.width;
  const target = Math.min(width, sar ? MAX_SQUARED : Infinity);
  const whole = sar ? even(natural) : picture.width;
  if (whole <= Math.max(2, target)) return { width: whole, height: picture.height };
  const shown = Math.max(2, Math.floor(target / 2) * 2);
  return { width: shown, height: Math.min(picture.height, even((picture.height * shown) / natural)) };
}

/**
 * Returns the same picture if it already has this size. `size` may be wider than the picture, but not taller.
 */
export function resize(picture: PlanarPicture, size: Size): PlanarPicture {
  if (size.width === picture.width && size.height === picture.height) return picture;
  const chromaWidth = (picture.width + 1) >> 1;
  const chromaHeight = (picture.height + 1) >> 1;
  const toChromaWidth = (size.width + 1) >> 1;
  const toChromaHeight = (size.height + 1) >> 1;
  const chroma = (plane: Uint8Array | undefined): Uint8Array | undefined =>
    plane && resizePlane(plane, picture.cStride, chromaWidth, chromaHeight, toChromaWidth, toChromaHeight);
  return {
    width: size.width,
    height: size.height,
    y: resizePlane(picture.y, picture.yStride, picture.width, picture.height, size.width, size.height),
    yStride: size.width,
    cb: chroma(picture.cb),
    cr: chroma(picture.cr),
    cStride: toChromaWidth,
  };
}

function even(side: number): number {
  return Math.max(2, 2 * Math.round(side / 2));
}

function resizePlane(
  plane: Uint8Array,
  stride: number,
  width: number,
  height: number,
  toWidth: number,
  toHeight: number,
): Uint8Array {
  if (toWidth <= width) return averageArea(plane, stride, width, height, toWidth, toHeight);
  // Reduce the height first, so that fewer lines have to be widened.
  const fewer = toHeight < height ? averageArea(plane, stride, width, height, width, toHeight) : plane;
  return widen(fewer, toHeight < height ? width : stride, width, toHeight, toWidth);
}

/** Each new sample is interpolated between two old ones, such that the centres of pixels stay in place. */
function widen(
  plane: Uint8Array,
  stride: number,
  width: number,
  height: number,
  toWidth: number,
): Uint8Array {
  const left = new Int32Array(toWidth);
  const right = new Int32Array(toWidth);
  const share = new Int32Array(toWidth);
  for (let x = 0; x < toWidth; x++) {
    const at = Math.min(width - 1, Math.max(0, ((x + 0.5) * width) / toWidth - 0.5));
    left[x] = Math.floor(at);
    right[x] = Math.min(width - 1, left[x]! + 1);
    share[x] = Math.round((at - left[x]!) * 256);
  }
  const out = new Uint8Array(toWidth * height);
  for (let row = 0; row < height; row++) {
    const from = row * stride;
    const to = row * toWidth;
    for (let x = 0; x < toWidth; x++) {
      const sample = plane[from + left[x]!]!;
      out[to + x] = (256 * sample + share[x]! * (plane[from + right[x]!]! - sample) + 128) >> 8;
    }
  }
  return out;
}

/** Rows are reduced one at a time, and each is distributed to the one or two new rows that it overlaps. */
function averageArea(
  plane: Uint8Array,
  stride: number,
  width: number,
  height: number,
  toWidth: number,
  toHeight: number,
): Uint8Array {
  const out = new Uint8Array(toWidth * toHeight);
  const row = new Float64Array(toWidth);
  const sum = new Float64Array(toWidth);
  const rowsEach = height / toHeight;
  const norm = (toWidth * toHeight) / (width * height);
  let to = 0;
  let room = rowsEach;
  for (let from = 0; from < height; from++) {
    reduceRow(plane, from * stride, width, row);
    const share = Math.min(1, room);
    for (let x = 0; x < toWidth; x++) sum[x] = sum[x]! + row[x]! * share;
    room -= share;
    if (room > 1e-9 && from < height - 1) continue;
    const at = to * toWidth;
    for (let x = 0; x < toWidth; x++) {
      out[at + x] = sum[x]! * norm + 0.5;
      sum[x] = row[x]! * (1 - share);
    }
    if (++to === toHeight) break;
    room = rowsEach - (1 - share);
  }
  return out;
}

/** Sums of the samples that each column of `row` covers; those at its ends count by the covered share. */
function reduceRow(plane: Uint8Array, start: number, width: number, row: Float64Array): void {
  const step = width / row.length;
  let rest = 0;
  let at = start;
  let end = 0;
  for (let x = 0; x < row.length; x++) {
    end += step;
    let sum = rest;
    const whole = Math.min(start + Math.floor(end + 1e-9), start + width);
    while (at < whole) sum += plane[at++]!;
    const part = Math.max(0, end - (at - start));
    if (part > 1e-9 && at < start + width) {
      const sample = plane[at++]!;
      row[x] = sum + sample * part;
      rest = sample * (1 - part);
    } else {
      row[x] = sum;
      rest = 0;
    }
  }
}
