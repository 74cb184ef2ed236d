// Baseline JPEG encoder (ITU-T T.81) for planar pictures, 4:2:0 or grey, without conversion through RGB.

import type { SampleAspect } from '../../codec/unit.js';
import { NvrError } from '../../errors.js';
import { Bt601Band } from './matrix.js';
import { reciprocals, transformColumns, transformLine } from './fdct.js';
import type { PlanarPicture } from './picture.js';
import { CHROMA_AC, CHROMA_DC, headers, LUMA_AC, LUMA_DC, quantTables, ZIGZAG } from './tables.js';
import type { HuffmanCodes } from './tables.js';

interface EncodeOptions {
  /** 1..100, with the same meaning as in libjpeg; clamped and rounded. */
  readonly quality: number;
  /** False: luma 16..235 and chroma 16..240 are stretched to the 0..255 of JFIF. */
  readonly fullRange: boolean;
  /** matrix_coefficients of the picture (H.264 and H.265 table E.5); default BT.601, as in JFIF. */
  readonly matrix?: number;
  /** Sample aspect ratio; absent if square. */
  readonly sar?: SampleAspect;
}

/**
 * Encodes a JFIF file. Throws EUNSUPPORTED for an empty picture, a side above 65535, or planes too short for
 * the size.
 */
export function encodeJpeg(picture: PlanarPicture, options: EncodeOptions): Uint8Array {
  checkPlanes(picture);
  const { width, height, cb, cr } = picture;
  const quant = quantTables(Math.min(100, Math.max(1, Math.round(options.quality))));
  const output = new Scan(headers(width, height, quant, !cb || !cr, options.sar));
  const band = cb && cr && Bt601Band.of({ ...picture, cb, cr }, options.matrix, options.fullRange);
  const levels = band || options.fullRange ? FULL_RANGE : LIMITED_RANGE;
  const luma = new Component(
    band?.y ?? picture.y,
    band ? width : picture.yStride,
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
    band?.cb ?? cb,
    band ? chromaWidth : picture.cStride,
    chromaWidth,
    chromaHeight,
    levels.chroma,
    divisors,
    CHROMA_DC,
    CHROMA_AC,
  );
  const red = new Component(
    band?.cr ?? cr,
    band ? chromaWidth : picture.cStride,
    chromaWidth,
    chromaHeight,
    levels.chroma,
    divisors,
    CHROMA_DC,
    CHROMA_AC,
  );
  for (let top = 0; top < chromaHeight; top += 8) {
    if (band) {
      band.fill(top);
      luma.height = Math.min(16, height - 2 * top);
      blue.height = red.height = Math.min(8, chromaHeight - top);
    }
    const y = band ? 0 : top;
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

/**
 * Sample to level-shifted value. The stretched value is not rounded to 8 bits, because the quantizer rounds
 * later.
 */
const FULL_RANGE: Levels = { luma: levelsOf((n) => n - 128), chroma: levelsOf((n) => n - 128) };
const LIMITED_RANGE: Levels = {
  luma: levelsOf((n) => ((n - 16) * 255) / 219 - 128),
  chroma: levelsOf((n) => ((n - 128) * 255) / 224),
};

function levelsOf(level: (sample: number) => number): Float64Array {
  return Float64Array.from({ length: 256 }, (_, n) => Math.min(127, Math.max(-128, level(n))));
}

/** One plane being encoded, with the DC value for the prediction of the next block. */
class Component {
  lastDc = 0;

  constructor(
    readonly plane: Uint8Array,
    readonly stride: number,
    readonly width: number,
    public height: number,
    readonly levels: Float64Array,
    readonly divisors: Float64Array,
    readonly dc: HuffmanCodes,
    readonly ac: HuffmanCodes,
  ) {}

  /**
   * Loads the level-shifted 8x8 samples at x, y and transforms their rows. Past the edge of the picture the
   * last column and row are repeated, which takes the fewest bits.
   */
  load(block: Float64Array, x: number, y: number): void {
    const { plane, stride, width, height, levels } = this;
    if (x + 8 > width || y + 8 > height) {
      this.loadEdge(block, x, y);
      return;
    }
    let from = y * stride + x;
    for (let to = 0; to < 64; to += 8, from += stride) {
      transformLine(
        block,
        to,
        1,
        levels[plane[from]!]!,
        levels[plane[from + 1]!]!,
        levels[plane[from + 2]!]!,
        levels[plane[from + 3]!]!,
        levels[plane[from + 4]!]!,
        levels[plane[from + 5]!]!,
        levels[plane[from + 6]!]!,
        levels[plane[from + 7]!]!,
      );
    }
  }

  private loadEdge(block: Float64Array, x: number, y: number): void {
    const { plane, stride, width, height, levels } = this;
    for (let to = 0; to < 64; to += 8) {
      const row = Math.min(height - 1, y + (to >> 3)) * stride;
      const at = (column: number): number => levels[plane[row + Math.min(width - 1, x + column)]!]!;
      transformLine(block, to, 1, at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7));
    }
  }
}

/**
 * One bit per coefficient, by natural index: its zigzag position from the top, in the first or the last 32.
 */
const TOP_BIT = 0x80000000;
const PLACES = Array.from({ length: 64 }, (_, at) => ZIGZAG.indexOf(at));
const LOW_BIT = Int32Array.from(PLACES, (place) => (place < 32 ? TOP_BIT >>> place : 0));
const HIGH_BIT = Int32Array.from(PLACES, (place) => (place < 32 ? 0 : TOP_BIT >>> (place - 32)));

/** Most bytes of a block: 64 symbols of 16 + 11 bits, each byte stuffed. */
const BLOCK_BYTES = 512;

/**
 * Output buffer, kept between pictures and as large as the largest so far, so that a picture only allocates
 * its own file.
 */
let workspace: Uint8Array = new Uint8Array(256 * 1024);

/** The growing file, and the bits that do not fill a byte yet. */
class Scan {
  private out: Uint8Array;
  private length: number;
  private bits = 0;
  private bitCount = 0;
  private readonly samples = new Float64Array(64);
  private readonly levels = new Int32Array(64);
  private readonly places = new Int32Array(2);

  constructor(head: Uint8Array) {
    this.out = workspace;
    this.out.set(head);
    this.length = head.length;
  }

  block(component: Component, x: number, y: number): void {
    if (this.length + BLOCK_BYTES > this.out.length) this.grow();
    const block = this.samples;
    component.load(block, x, y);
    transformColumns(block);
    this.code(block, component);
  }

  finish(): Uint8Array {
    // Pad the last byte with ones.
    this.put(0x7f, 7);
    while (this.bitCount >= 8) {
      this.bitCount -= 8;
      this.byte((this.bits >>> this.bitCount) & 255);
    }
    this.out[this.length++] = 0xff;
    this.out[this.length++] = 0xd9;
    workspace = this.out;
    return this.out.slice(0, this.length);
  }

  /** Quantizes and codes a block (T.81 F.1.2). Only non-zero levels are visited, found by a bit for each. */
  private code(block: Float64Array, component: Component): void {
    const { divisors, ac, dc } = component;
    const levels = this.levels;
    const places = this.places;
    quantize(block, divisors, levels, places);
    const level = levels[0]!;
    const difference = level - component.lastDc;
    component.lastDc = level;
    const category = 32 - Math.clz32(Math.abs(difference));
    this.put(dc.codes[category]!, dc.lengths[category]!);
    if (category > 0) this.put(magnitude(difference, category), category);
    const middle = this.codeHalf(places[0]! & ~TOP_BIT, 0, ac, 0);
    const last = this.codeHalf(places[1]!, 32, ac, middle);
    if (last < 63) this.put(ac.codes[0]!, ac.lengths[0]!);
  }

  /**
   * Codes the levels of half a zigzag that begins at `first`; the previous level was at `before`. Returns the
   * position of the last one.
   */
  private codeHalf(places: number, first: number, ac: HuffmanCodes, before: number): number {
    const { codes, lengths } = ac;
    const levels = this.levels;
    const out = this.out;
    let last = before;
    let bits = this.bits;
    let pending = this.bitCount;
    let written = this.length;
    for (let left = places; left !== 0;) {
      const top = Math.clz32(left);
      left &= ~(TOP_BIT >>> top);
      const place = first + top;
      const run = place - last - 1;
      last = place;
      const value = levels[ZIGZAG[place]!]!;
      const size = 32 - Math.clz32(Math.abs(value));
      const symbol = ((run & 15) << 4) | size;
      const length = lengths[symbol]! + size;
      if (run > 15 || length > 16) {
        this.bits = bits;
        this.bitCount = pending;
        this.length = written;
        for (let zeros = run; zeros > 15; zeros -= 16) this.put(codes[0xf0]!, lengths[0xf0]!);
        this.put(codes[symbol]!, lengths[symbol]!);
        this.put(magnitude(value, size), size);
        bits = this.bits;
        pending = this.bitCount;
        written = this.length;
        continue;
      }
      bits = (bits << length) | (codes[symbol]! << size) | magnitude(value, size);
      pending += length;
      if (pending < 16) continue;
      pending -= 16;
      const upper = (bits >>> (pending + 8)) & 255;
      const lower = (bits >>> pending) & 255;
      out[written++] = upper;
      if (upper === 255) out[written++] = 0;
      out[written++] = lower;
      if (lower === 255) out[written++] = 0;
    }
    this.bits = bits;
    this.bitCount = pending;
    this.length = written;
    return last;
  }

  /** `count` is at most 16; fewer than 16 bits are pending. */
  private put(value: number, count: number): void {
    const bits = (this.bits << count) | value;
    let pending = this.bitCount + count;
    if (pending >= 16) {
      pending -= 16;
      this.byte((bits >>> (pending + 8)) & 255);
      this.byte((bits >>> pending) & 255);
    }
    this.bits = bits;
    this.bitCount = pending;
  }

  /** A zero follows a 0xFF byte, so that it is not taken for a marker (T.81 B.1.1.5). */
  private byte(byte: number): void {
    this.out[this.length++] = byte;
    if (byte === 255) this.out[this.length++] = 0;
  }

  private grow(): void {
    const larger = new Uint8Array(this.out.length * 2);
    larger.set(this.out);
    this.out = larger;
  }
}

/**
 * Rounds coefficients to levels without a branch (|level| is far below 16384). Sets bits in `places` for
 * non-zero levels, in zigzag order from the top, for the first and the last 32. A separate function so that
 * V8 optimises it as a whole: it runs three million times for a 1080p picture.
 */
function quantize(block: Float64Array, divisors: Float64Array, levels: Int32Array, places: Int32Array): void {
  let low = 0;
  let high = 0;
  for (let at = 0; at < 64; at++) {
    const level = ((block[at]! * divisors[at]! + 16384.5) | 0) - 16384;
    levels[at] = level;
    const isSet = (level | -level) >> 31;
    low |= LOW_BIT[at]! & isSet;
    high |= HIGH_BIT[at]! & isSet;
  }
  places[0] = low;
  places[1] = high;
}

/** T.81 F.1.2.1: a negative value is coded as value - 1 in `size` bits. */
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
