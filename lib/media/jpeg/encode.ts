// A baseline JPEG encoder (ITU-T T.81) for pictures that are planes already: 4:2:0 or grey, no colour conversion through RGB.

import { NvrError } from '../../errors.js';
import { forwardDct, reciprocals } from './fdct.js';
import type { PlanarPicture } from './picture.js';
import { CHROMA_AC, CHROMA_DC, headers, LUMA_AC, LUMA_DC, quantTables, ZIGZAG } from './tables.js';
import type { HuffmanCodes } from './tables.js';

export interface EncodeOptions {
  /** 1..100, as libjpeg understands it; others are clamped and rounded. */
  readonly quality: number;
  /** False: luma 16..235 and chroma 16..240 are stretched to the 0..255 that JFIF asks for. */
  readonly fullRange: boolean;
}

/** A JFIF file. NvrError EUNSUPPORTED for an empty picture, one above 65535 a side, or planes too short for their size. */
export function encodeJpeg(picture: PlanarPicture, options: EncodeOptions): Uint8Array {
  checkPlanes(picture);
  const { width, height, cb, cr } = picture;
  const quant = quantTables(Math.min(100, Math.max(1, Math.round(options.quality))));
  const output = new Scan(headers(width, height, quant, !cb || !cr));
  const levels = options.fullRange ? FULL_RANGE : LIMITED_RANGE;
  const luma = new Component(
    picture.y,
    picture.yStride,
    width,
    height,
    levels.luma,
    reciprocals(quant.luma),
    LUMA_DC,
    LUMA_AC,
  );
  if (!cb || !cr) {
    for (let y = 0; y < height; y += 8) {
      for (let x = 0; x < width; x += 8) output.block(luma, x, y);
    }
    return output.finish();
  }
  const chromaWidth = (width + 1) >> 1;
  const chromaHeight = (height + 1) >> 1;
  const divisors = reciprocals(quant.chroma);
  const blue = new Component(
    cb,
    picture.cStride,
    chromaWidth,
    chromaHeight,
    levels.chroma,
    divisors,
    CHROMA_DC,
    CHROMA_AC,
  );
  const red = new Component(
    cr,
    picture.cStride,
    chromaWidth,
    chromaHeight,
    levels.chroma,
    divisors,
    CHROMA_DC,
    CHROMA_AC,
  );
  for (let y = 0; y < chromaHeight; y += 8) {
    for (let x = 0; x < chromaWidth; x += 8) {
      output.block(luma, 2 * x, 2 * y);
      output.block(luma, 2 * x + 8, 2 * y);
      output.block(luma, 2 * x, 2 * y + 8);
      output.block(luma, 2 * x + 8, 2 * y + 8);
      output.block(blue, x, y);
      output.block(red, x, y);
    }
  }
  return output.finish();
}

interface Levels {
  readonly luma: Float64Array;
  readonly chroma: Float64Array;
}

/** Sample to level-shifted value. The stretch is not rounded to 8 bits first: the quantizer rounds once, later. */
const FULL_RANGE: Levels = { luma: levelsOf((n) => n - 128), chroma: levelsOf((n) => n - 128) };
const LIMITED_RANGE: Levels = {
  luma: levelsOf((n) => ((n - 16) * 255) / 219 - 128),
  chroma: levelsOf((n) => ((n - 128) * 255) / 224),
};

function levelsOf(level: (sample: number) => number): Float64Array {
  return Float64Array.from({ length: 256 }, (_, n) => Math.min(127, Math.max(-128, level(n))));
}

/** One plane on its way through the encoder, with the DC value its next block is told against. */
class Component {
  lastDc = 0;

  constructor(
    readonly plane: Uint8Array,
    readonly stride: number,
    readonly width: number,
    readonly height: number,
    readonly levels: Float64Array,
    readonly divisors: Float64Array,
    readonly dc: HuffmanCodes,
    readonly ac: HuffmanCodes,
  ) {}

  /** The 8x8 samples at x, y, level-shifted; past the picture's edge its last column and row are repeated, which costs the fewest bits. */
  load(block: Float64Array, x: number, y: number): void {
    const { plane, stride, width, height, levels } = this;
    if (x + 8 <= width && y + 8 <= height) {
      let from = y * stride + x;
      for (let to = 0; to < 64; to += 8, from += stride) {
        block[to] = levels[plane[from]!]!;
        block[to + 1] = levels[plane[from + 1]!]!;
        block[to + 2] = levels[plane[from + 2]!]!;
        block[to + 3] = levels[plane[from + 3]!]!;
        block[to + 4] = levels[plane[from + 4]!]!;
        block[to + 5] = levels[plane[from + 5]!]!;
        block[to + 6] = levels[plane[from + 6]!]!;
        block[to + 7] = levels[plane[from + 7]!]!;
      }
      return;
    }
    for (let to = 0; to < 64; to++) {
      const row = Math.min(height - 1, y + (to >> 3));
      block[to] = levels[plane[row * stride + Math.min(width - 1, x + (to & 7))]!]!;
    }
  }
}

/** Bytes one block can take at most: 64 symbols of 16 + 11 bits, each byte stuffed. */
const BLOCK_BYTES = 512;

/** Kept between pictures, as large as the largest so far: a picture then costs no memory but its own file. */
let workspace: Uint8Array = new Uint8Array(256 * 1024);

/** The growing file, and the bits that do not fill a byte yet. */
class Scan {
  #out: Uint8Array;
  #length: number;
  #bits = 0;
  #bitCount = 0;
  readonly #block = new Float64Array(64);

  constructor(head: Uint8Array) {
    this.#out = workspace;
    this.#out.set(head);
    this.#length = head.length;
  }

  block(component: Component, x: number, y: number): void {
    if (this.#length + BLOCK_BYTES > this.#out.length) this.#grow();
    const block = this.#block;
    component.load(block, x, y);
    forwardDct(block);
    this.#code(block, component);
  }

  finish(): Uint8Array {
    this.#put(0x7f, 7);
    this.#out[this.#length++] = 0xff;
    this.#out[this.#length++] = 0xd9;
    workspace = this.#out;
    return this.#out.slice(0, this.#length);
  }

  /** Quantizes and codes in one pass over the zigzag (T.81 F.1.2). */
  #code(block: Float64Array, component: Component): void {
    const { divisors, ac, dc } = component;
    const acCodes = ac.codes;
    const acLengths = ac.lengths;
    const level = quantize(block[0]! * divisors[0]!);
    const difference = level - component.lastDc;
    component.lastDc = level;
    const category = 32 - Math.clz32(Math.abs(difference));
    this.#put(dc.codes[category]!, dc.lengths[category]!);
    if (category > 0) this.#put(magnitude(difference, category), category);

    let run = 0;
    for (let n = 1; n < 64; n++) {
      const at = ZIGZAG[n]!;
      const value = quantize(block[at]! * divisors[at]!);
      if (value === 0) {
        run++;
        continue;
      }
      for (; run > 15; run -= 16) this.#put(acCodes[0xf0]!, acLengths[0xf0]!);
      const size = 32 - Math.clz32(Math.abs(value));
      const symbol = (run << 4) | size;
      const length = acLengths[symbol]! + size;
      if (length <= 24) {
        this.#put((acCodes[symbol]! << size) | magnitude(value, size), length);
      } else {
        this.#put(acCodes[symbol]!, acLengths[symbol]!);
        this.#put(magnitude(value, size), size);
      }
      run = 0;
    }
    if (run > 0) this.#put(acCodes[0]!, acLengths[0]!);
  }

  /** At most 24 bits: fewer than 8 are pending from before. */
  #put(value: number, count: number): void {
    let bits = (this.#bits << count) | value;
    let pending = this.#bitCount + count;
    while (pending >= 8) {
      pending -= 8;
      const byte = (bits >>> pending) & 255;
      this.#out[this.#length++] = byte;
      if (byte === 255) this.#out[this.#length++] = 0;
    }
    bits &= (1 << pending) - 1;
    this.#bits = bits;
    this.#bitCount = pending;
  }

  #grow(): void {
    const larger = new Uint8Array(this.#out.length * 2);
    larger.set(this.#out);
    this.#out = larger;
  }
}

/** Rounds to the nearest integer without a branch; |value| stays far below 16384. */
function quantize(value: number): number {
  return ((value + 16384.5) | 0) - 16384;
}

/** T.81 F.1.2.1: negative values are told as value - 1 in `size` bits. */
function magnitude(value: number, size: number): number {
  return (value < 0 ? value - 1 : value) & ((1 << size) - 1);
}

function checkPlanes(picture: PlanarPicture): void {
  const { width, height, y, yStride, cb, cr, cStride } = picture;
  const sound =
    Number.isInteger(width) &&
    Number.isInteger(height) &&
    width > 0 &&
    height > 0 &&
    width <= 65535 &&
    height <= 65535;
  if (!sound)
    throw new NvrError('EUNSUPPORTED', `a JPEG of ${String(width)} x ${String(height)} cannot be made`);
  const chromaWidth = (width + 1) >> 1;
  const chromaHeight = (height + 1) >> 1;
  const holds = (plane: Uint8Array | undefined, stride: number, columns: number, rows: number): boolean =>
    plane === undefined || (stride >= columns && plane.length >= stride * (rows - 1) + columns);
  if (
    !holds(y, yStride, width, height) ||
    !holds(cb, cStride, chromaWidth, chromaHeight) ||
    !holds(cr, cStride, chromaWidth, chromaHeight)
  ) {
    throw new NvrError('EUNSUPPORTED', 'the decoded planes are shorter than the picture');
  }
}
