// JFIF has one colour matrix, that of BT.601; HD video says BT.709 in its VUI. Shown without this step its reds and greens are off by up to 10 %.

import { lumaWeights } from './picture.js';
import type { PlanarPicture } from './picture.js';

const BT601 = { kr: 0.299, kb: 0.114 };

/**
 * The picture itself where its matrix is BT.601, is not said or is not one of luma weights (as ffmpeg does: what is not said is shown as 601);
 * else a new full-range picture in BT.601. `matrixCoefficients` is the code of H.264 and H.265 table E.5.
 */
export function toBt601(
  picture: PlanarPicture,
  matrixCoefficients: number,
  fullRange: boolean,
): { picture: PlanarPicture; fullRange: boolean } {
  const weights = lumaWeights(matrixCoefficients);
  const { width, height, cb, cr } = picture;
  if (!weights || (weights.kr === BT601.kr && weights.kb === BT601.kb) || !cb || !cr)
    return { picture, fullRange };

  const { kr, kb } = weights;
  const kg = 1 - kr - kb;
  // R, G and B as luma plus shares of Cb and Cr, then luma and the colour differences of those by BT.601's weights.
  const red = 2 * (1 - kr);
  const blue = 2 * (1 - kb);
  const lumaCb = BT601.kb * blue - (1 - BT601.kr - BT601.kb) * ((kb * blue) / kg);
  const lumaCr = BT601.kr * red - (1 - BT601.kr - BT601.kb) * ((kr * red) / kg);
  const bluish = 2 * (1 - BT601.kb);
  const reddish = 2 * (1 - BT601.kr);
  const lumaGain = fullRange ? 1 : 255 / 219;
  const lumaZero = fullRange ? 0 : 16;
  const chromaGain = fullRange ? 1 : 255 / 224;

  const chromaWidth = (width + 1) >> 1;
  const chromaHeight = (height + 1) >> 1;
  const out = {
    width,
    height,
    y: new Uint8Array(width * height),
    yStride: width,
    cb: new Uint8Array(chromaWidth * chromaHeight),
    cr: new Uint8Array(chromaWidth * chromaHeight),
    cStride: chromaWidth,
  };
  const added = new Float64Array(chromaWidth);
  for (let row = 0; row < chromaHeight; row++) {
    const from = row * picture.cStride;
    const to = row * chromaWidth;
    for (let x = 0; x < chromaWidth; x++) {
      const u = (cb[from + x]! - 128) * chromaGain;
      const v = (cr[from + x]! - 128) * chromaGain;
      added[x] = lumaCb * u + lumaCr * v;
      out.cb[to + x] = clamp(128.5 + ((blue - lumaCb) * u - lumaCr * v) / bluish);
      out.cr[to + x] = clamp(128.5 + ((red - lumaCr) * v - lumaCb * u) / reddish);
    }
    for (let y = 2 * row; y < Math.min(height, 2 * row + 2); y++) {
      const line = y * picture.yStride;
      for (let x = 0; x < width; x++) {
        out.y[y * width + x] = clamp((picture.y[line + x]! - lumaZero) * lumaGain + added[x >> 1]! + 0.5);
      }
    }
  }
  return { picture: out, fullRange: true };
}

function clamp(value: number): number {
  return value < 0 ? 0 : value > 255 ? 255 : value;
}
