// Makes a picture smaller by averaging the area each new sample covers. Never makes one larger.

import type { PlanarPicture } from './picture.js';

/** The size a picture gets when `width` is asked for: even sides, the aspect kept, never larger than the picture is. */
export function scaledSize(
  picture: { width: number; height: number },
  width: number,
): { width: number; height: number } {
  const target = Math.max(2, Math.floor(width / 2) * 2);
  if (!(target < picture.width)) return { width: picture.width, height: picture.height };
  return {
    width: target,
    height: Math.max(2, 2 * Math.round((picture.height * target) / picture.width / 2)),
  };
}

/** The picture itself where it is not wider than `width` pixels, else a smaller one of `scaledSize`. */
export function downscale(picture: PlanarPicture, width: number): PlanarPicture {
  const size = scaledSize(picture, width);
  if (size.width >= picture.width || size.height > picture.height) return picture;
  const chromaWidth = (picture.width + 1) >> 1;
  const chromaHeight = (picture.height + 1) >> 1;
  const chroma = (plane: Uint8Array | undefined): Uint8Array | undefined =>
    plane &&
    averageArea(plane, picture.cStride, chromaWidth, chromaHeight, size.width >> 1, size.height >> 1);
  return {
    ...size,
    y: averageArea(picture.y, picture.yStride, picture.width, picture.height, size.width, size.height),
    yStride: size.width,
    cb: chroma(picture.cb),
    cr: chroma(picture.cr),
    cStride: size.width >> 1,
  };
}

/** Rows are reduced one at a time, and each is shared out between the one or two new rows that it lies in. */
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

/** Sums of the samples each column of `row` covers, the ones at its ends by the part that is covered. */
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
