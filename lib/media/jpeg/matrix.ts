// Converts colours to BT.601, the only matrix in JFIF. HD video uses BT.709; without the conversion its reds
// and greens are off by up to 10 %.

import { lumaWeights } from './picture.js';
import type { PlanarPicture } from './picture.js';

const BT601 = { kr: 0.299, kb: 0.114 };
const BT601_CODE = 6;
const BT709_CODE = 1;
/** Height from which unspecified colours are taken for HD, as in browsers and players. */
const HD_LINES = 720;

/**
 * The matrix to display a picture with (code of H.264 and H.265 table E.5): the specified one, else the usual
 * one for its height.
 */
export function shownMatrix(matrixCoefficients: number | undefined, height: number): number {
  if (matrixCoefficients !== undefined && lumaWeights(matrixCoefficients)) return matrixCoefficients;
  return height >= HD_LINES ? BT709_CODE : BT601_CODE;
}

/** Luma lines in a band: one row of the encoder's blocks. */
const BAND = 16;

/** A band of lines in full-range BT.601, converted on demand, to avoid a copy of the whole picture. */
export class Bt601Band {
  readonly y: Uint8Array;
  readonly cb: Uint8Array;
  readonly cr: Uint8Array;
  private readonly clampedY: Uint8ClampedArray<ArrayBuffer>;
  private readonly clampedCb: Uint8ClampedArray<ArrayBuffer>;
  private readonly clampedCr: Uint8ClampedArray<ArrayBuffer>;
  private readonly added: Int32Array;

  private constructor(
    private readonly picture: ColourPicture,
    private readonly shares: Shares,
  ) {
    const { width } = picture;
    const chromaWidth = (width + 1) >> 1;
    this.clampedY = new Uint8ClampedArray(width * BAND);
    this.clampedCb = new Uint8ClampedArray((chromaWidth * BAND) / 2);
    this.clampedCr = new Uint8ClampedArray((chromaWidth * BAND) / 2);
    this.added = new Int32Array(chromaWidth);
    this.y = new Uint8Array(this.clampedY.buffer);
    this.cb = new Uint8Array(this.clampedCb.buffer);
    this.cr = new Uint8Array(this.clampedCr.buffer);
  }

  /** Undefined if the picture already uses the BT.601 matrix. `matrix`: code of table E.5. */
  static of(picture: ColourPicture, matrix: number | undefined, fullRange: boolean): Bt601Band | undefined {
    const weights = matrix === undefined ? undefined : lumaWeights(matrix);
    const isOther = weights && (weights.kr !== BT601.kr || weights.kb !== BT601.kb);
    return isOther ? new Bt601Band(picture, sharesOf(weights, fullRange)) : undefined;
  }

  /**
   * Converts the lines from chroma line `top` (luma line 2 * `top`) on. The strides are the picture's width
   * and half of it.
   */
  fill(top: number): void {
    const { y, cb, cr, yStride, cStride, width, height } = this.picture;
    const added = this.added;
    const rows = Math.min(BAND / 2, ((height + 1) >> 1) - top);
    for (let row = 0; row < rows; row++) {
      const from = (top + row) * cStride;
      convertChroma(cb, cr, from, this.clampedCb, this.clampedCr, row * added.length, added, this.shares);
      for (let line = 2 * row; line < Math.min(height - 2 * top, 2 * row + 2); line++)
        convertLuma(y, (2 * top + line) * yStride, this.clampedY, line * width, width, added, this.shares);
    }
  }
}

type ColourPicture = PlanarPicture & { readonly cb: Uint8Array; readonly cr: Uint8Array };

/**
 * Factors from old to new samples, in units of 1 / 65536. Results are clamped by the typed arrays they are
 * stored in.
 */
interface Shares {
  readonly luma: number;
  readonly lumaZero: number;
  readonly lumaOfCb: number;
  readonly lumaOfCr: number;
  readonly cbOfCb: number;
  readonly cbOfCr: number;
  readonly crOfCb: number;
  readonly crOfCr: number;
}

const POINT = 16;
/** 128, and 0.5 for rounding. */
const MIDDLE = 128.5 * (1 << POINT);

function sharesOf({ kr, kb }: { kr: number; kb: number }, fullRange: boolean): Shares {
  const kg = 1 - kr - kb;
  // Express R, G and B as luma plus shares of Cb and Cr; then compute luma and colour differences with BT.601
  // weights.
  const red = 2 * (1 - kr);
  const blue = 2 * (1 - kb);
  const lumaCb = BT601.kb * blue - (1 - BT601.kr - BT601.kb) * ((kb * blue) / kg);
  const lumaCr = BT601.kr * red - (1 - BT601.kr - BT601.kb) * ((kr * red) / kg);
  const bluish = 2 * (1 - BT601.kb);
  const reddish = 2 * (1 - BT601.kr);
  const lumaGain = fullRange ? 1 : 255 / 219;
  const chromaGain = fullRange ? 1 : 255 / 224;
  // `| 0` lets V8 treat it as an integer.
  const fixed = (share: number): number => Math.round(share * (1 << POINT)) | 0;
  return {
    luma: fixed(lumaGain),
    lumaZero: fixed(0.5 - (fullRange ? 0 : 16) * lumaGain),
    lumaOfCb: fixed(lumaCb * chromaGain),
    lumaOfCr: fixed(lumaCr * chromaGain),
    cbOfCb: fixed(((blue - lumaCb) / bluish) * chromaGain),
    cbOfCr: fixed((-lumaCr / bluish) * chromaGain),
    crOfCb: fixed((-lumaCb / reddish) * chromaGain),
    crOfCr: fixed(((red - lumaCr) / reddish) * chromaGain),
  };
}

/**
 * Converts one line of both chroma planes; `added` receives what it adds to the luma. This and `convertLuma`
 * run for every sample.
 */
function convertChroma(
  cb: Uint8Array,
  cr: Uint8Array,
  at: number,
  newCb: Uint8ClampedArray,
  newCr: Uint8ClampedArray,
  to: number,
  added: Int32Array,
  shares: Shares,
): void {
  const { lumaZero, lumaOfCb, lumaOfCr, cbOfCb, cbOfCr, crOfCb, crOfCr } = shares;
  for (let x = 0; x < added.length; x++) {
    const u = cb[at + x]! - 128;
    const v = cr[at + x]! - 128;
    added[x] = lumaZero + lumaOfCb * u + lumaOfCr * v;
    newCb[to + x] = (cbOfCb * u + cbOfCr * v + MIDDLE) >> POINT;
    newCr[to + x] = (crOfCb * u + crOfCr * v + MIDDLE) >> POINT;
  }
}

/** Converts two samples at a time, because they share a chroma sample. */
function convertLuma(
  y: Uint8Array,
  at: number,
  newY: Uint8ClampedArray,
  to: number,
  width: number,
  added: Int32Array,
  { luma }: Shares,
): void {
  const even = width & ~1;
  for (let x = 0; x < even; x += 2) {
    const more = added[x >> 1]!;
    newY[to + x] = (luma * y[at + x]! + more) >> POINT;
    newY[to + x + 1] = (luma * y[at + x + 1]! + more) >> POINT;
  }
  if (even < width) newY[to + even] = (luma * y[at + even]! + added[even >> 1]!) >> POINT;
}
