// CABAC: reads the syntax elements of I macroblocks as bins (H.264 9.3), for entropy_coding_mode_flag 1.

import { ArithmeticDecoder } from './cabac-engine.js';
import { LAST_8X8, SIGNIFICANT_8X8, startContexts } from './cabac-tables.js';
import { I_PCM, UNSCALED } from './entropy.js';
import type { Entropy } from './entropy.js';
import { broken } from './errors.js';
import { FLAG } from './neighbours.js';
import type { Neighbours } from './neighbours.js';
import type { BitSource } from './rbsp.js';
import { CHROMA_DC_SCAN, ZIGZAG_4X4, ZIGZAG_8X8 } from './tables.js';

/** First context of each syntax element (table 9-34), for frame macroblocks. */
const CONTEXT = {
  mbType: 3,
  qpDelta: 60,
  chromaMode: 64,
  expectedMode: 68,
  remainingMode: 69,
  lumaPattern: 73,
  chromaPattern: 77,
  coded: 85,
  significant: 105,
  last: 166,
  level: 227,
  transform8x8: 399,
  significant8x8: 402,
  last8x8: 417,
  level8x8: 426,
} as const;

/** ctxBlockCat. */
const CATEGORY = { lumaDc: 0, lumaAc: 1, luma4x4: 2, chromaDc: 3, chromaAc: 4 } as const;

/**
 * ctxBlockCatOffset of significant_coeff_flag (the same for last_significant_coeff_flag) and of
 * coeff_abs_level_minus1.
 */
const SIGNIFICANT_OFFSET = Uint8Array.of(0, 15, 29, 44, 47);
const LEVEL_OFFSET = Uint8Array.of(0, 10, 20, 30, 39);

/** Longest escape of a level in bits, and longest code of mb_qp_delta. */
const MAX_ESCAPE = 20;
const MAX_QP_DELTA = 53;

export class Cabac extends ArithmeticDecoder implements Entropy {
  private readonly source: BitSource;
  private readonly neighbours: Neighbours;
  private readonly places = new Uint8Array(64);
  private grey = false;
  private hadQpDelta = false;

  constructor(source: BitSource, neighbours: Neighbours) {
    super();
    this.source = source;
    this.neighbours = neighbours;
  }

  start(qp: number, grey: boolean): void {
    this.grey = grey;
    this.hadQpDelta = false;
    startContexts(this.contexts, qp);
    this.startEngine(this.source.data, (this.source.at + 7) >> 3);
  }

  mbType(): number {
    const { flagsLeft, flagsTop, mbX } = this.neighbours;
    const first = CONTEXT.mbType;
    if (this.bin(first + (flagsLeft & FLAG.notNxN) + (flagsTop[mbX]! & FLAG.notNxN)) === 0) return 0;
    if (this.terminate()) return I_PCM;
    let type = 1;
    if (this.bin(first + 3) !== 0) type += 12;
    if (this.bin(first + 4) !== 0) type += this.bin(first + 5) !== 0 ? 8 : 4;
    type += 2 * this.bin(first + 6);
    return type + this.bin(first + 7);
  }

  pcm(count: number): number {
    // codIOffset's nine bits end where the arithmetic code does.
    const from = (this.bitsRead + 7) >> 3;
    if (from + count > this.source.length) throw broken('it ends too early');
    this.startEngine(this.source.data, from + count);
    return from;
  }

  transform8x8(): boolean {
    const { flagsLeft, flagsTop, mbX } = this.neighbours;
    const left = (flagsLeft & FLAG.transform8x8) !== 0 ? 1 : 0;
    const top = (flagsTop[mbX]! & FLAG.transform8x8) !== 0 ? 1 : 0;
    return this.bin(CONTEXT.transform8x8 + left + top) !== 0;
  }

  predictionMode(): number {
    if (this.bin(CONTEXT.expectedMode) !== 0) return -1;
    const low = this.bin(CONTEXT.remainingMode);
    const middle = this.bin(CONTEXT.remainingMode);
    return low + 2 * middle + 4 * this.bin(CONTEXT.remainingMode);
  }

  chromaMode(): number {
    const { flagsLeft, flagsTop, mbX } = this.neighbours;
    const left = (flagsLeft & FLAG.chromaMode) !== 0 ? 1 : 0;
    const top = (flagsTop[mbX]! & FLAG.chromaMode) !== 0 ? 1 : 0;
    if (this.bin(CONTEXT.chromaMode + left + top) === 0) return 0;
    if (this.bin(CONTEXT.chromaMode + 3) === 0) return 1;
    return 2 + this.bin(CONTEXT.chromaMode + 3);
  }

  codedBlockPattern(): number {
    const { patternLeft, patternTop, mbX } = this.neighbours;
    const top = patternTop[mbX]!;
    const first = CONTEXT.lumaPattern;
    // ctxIdxInc counts neighbours without coefficients: the left one as 1, the upper one as 2.
    const bit0 = this.bin(first + 1 - ((patternLeft >> 1) & 1) + 2 - ((top >> 1) & 2));
    const bit1 = this.bin(first + 1 - bit0 + 2 - ((top >> 2) & 2));
    const bit2 = this.bin(first + 1 - ((patternLeft >> 3) & 1) + 2 - 2 * bit0);
    const bit3 = this.bin(first + 1 - bit2 + 2 - 2 * bit1);
    const luma = bit0 + 2 * bit1 + 4 * bit2 + 8 * bit3;
    if (this.grey) return luma;
    const chromaLeft = patternLeft >> 4;
    const chromaTop = top >> 4;
    const chroma = CONTEXT.chromaPattern;
    if (this.bin(chroma + (chromaLeft !== 0 ? 1 : 0) + (chromaTop !== 0 ? 2 : 0)) === 0) return luma;
    const both = this.bin(chroma + 4 + (chromaLeft === 2 ? 1 : 0) + (chromaTop === 2 ? 2 : 0));
    return luma + 16 + 16 * both;
  }

  qpDelta(): number {
    let context: number = CONTEXT.qpDelta + (this.hadQpDelta ? 1 : 0);
    let code = 0;
    while (this.bin(context) !== 0) {
      context = CONTEXT.qpDelta + (code === 0 ? 2 : 3);
      code += 1;
      if (code > MAX_QP_DELTA) throw broken('a quantiser is out of range');
    }
    this.hadQpDelta = code !== 0;
    return (code & 1) === 1 ? (code + 1) >> 1 : -(code >> 1);
  }

  noQpDelta(): void {
    this.hadQpDelta = false;
  }

  lumaDc(block: Int32Array): number {
    if (!this.codedDc(CATEGORY.lumaDc, FLAG.lumaDc)) return 0;
    return this.block(CATEGORY.lumaDc, 16, block, ZIGZAG_4X4, 0, UNSCALED, 0);
  }

  luma4x4(
    block: Int32Array,
    x: number,
    y: number,
    first: number,
    scale: Int32Array,
    scaleAt: number,
  ): number {
    const { lumaLeft, lumaTop, mbX } = this.neighbours;
    const column = 4 * mbX + x;
    const category = first === 0 ? CATEGORY.luma4x4 : CATEGORY.lumaAc;
    const count = this.coded(category, lumaLeft[y]!, lumaTop[column]!)
      ? this.block(category, 16 - first, block, ZIGZAG_4X4, first, scale, scaleAt)
      : 0;
    lumaLeft[y] = count;
    lumaTop[column] = count;
    return count;
  }

  luma8x8(block: Int32Array, x: number, y: number, scale: Int32Array, scaleAt: number): number {
    const places = this.places;
    let count = 0;
    let i = 0;
    while (i < 63) {
      if (this.bin(CONTEXT.significant8x8 + SIGNIFICANT_8X8[i]!) !== 0) {
        places[count] = i;
        count += 1;
        if (this.bin(CONTEXT.last8x8 + LAST_8X8[i]!) !== 0) break;
      }
      i += 1;
    }
    if (i === 63) {
      places[count] = 63;
      count += 1;
    }
    this.levels(count, CONTEXT.level8x8, 4, block, ZIGZAG_8X8, 0, scale, scaleAt);
    this.neighbours.fillLuma(x, y, 2, 1);
    return count;
  }

  chromaDc(block: Int32Array, plane: number): number {
    if (!this.codedDc(CATEGORY.chromaDc, plane === 0 ? FLAG.cbDc : FLAG.crDc)) return 0;
    return this.block(CATEGORY.chromaDc, 4, block, CHROMA_DC_SCAN, 0, UNSCALED, 0);
  }

  chromaAc(
    block: Int32Array,
    plane: number,
    x: number,
    y: number,
    scale: Int32Array,
    scaleAt: number,
  ): number {
    const { chromaLeft, chromaTop, mbX } = this.neighbours;
    const row = 2 * plane + y;
    const column = 4 * mbX + 2 * plane + x;
    const count = this.coded(CATEGORY.chromaAc, chromaLeft[row]!, chromaTop[column]!)
      ? this.block(CATEGORY.chromaAc, 15, block, ZIGZAG_4X4, 1, scale, scaleAt)
      : 0;
    chromaLeft[row] = count;
    chromaTop[column] = count;
    return count;
  }

  endOfSlice(): boolean {
    if (this.bitsRead > 8 * this.source.length) throw broken('it ends too early');
    return this.terminate();
  }

  /** coded_block_flag. A neighbour without coefficients counts as 0, an unavailable one as 1. */
  private coded(category: number, left: number, top: number): boolean {
    return this.bin(CONTEXT.coded + 4 * category + (left !== 0 ? 1 : 0) + (top !== 0 ? 2 : 0)) !== 0;
  }

  private codedDc(category: number, flag: number): boolean {
    const neighbours = this.neighbours;
    const coded = this.coded(
      category,
      neighbours.flagsLeft & flag,
      neighbours.flagsTop[neighbours.mbX]! & flag,
    );
    if (coded) neighbours.flags |= flag;
    return coded;
  }

  /** residual_block_cabac() behind coded_block_flag, for all but 8x8 blocks. */
  private block(
    category: number,
    max: number,
    block: Int32Array,
    scan: Uint8Array,
    scanAt: number,
    scale: Int32Array,
    scaleAt: number,
  ): number {
    const offset = SIGNIFICANT_OFFSET[category]!;
    const significant = CONTEXT.significant + offset;
    const last = CONTEXT.last + offset;
    const places = this.places;
    const end = max - 1;
    let count = 0;
    let i = 0;
    while (i < end) {
      if (this.bin(significant + i) !== 0) {
        places[count] = i;
        count += 1;
        if (this.bin(last + i) !== 0) break;
      }
      i += 1;
    }
    if (i === end) {
      places[count] = end;
      count += 1;
    }
    const largest = category === CATEGORY.chromaDc ? 3 : 4;
    this.levels(count, CONTEXT.level + LEVEL_OFFSET[category]!, largest, block, scan, scanAt, scale, scaleAt);
    return count;
  }

  /** coeff_abs_level_minus1 and sign of the coefficients at `places`, from the last to the first. */
  private levels(
    count: number,
    context: number,
    largest: number,
    block: Int32Array,
    scan: Uint8Array,
    scanAt: number,
    scale: Int32Array,
    scaleAt: number,
  ): void {
    const places = this.places;
    let ones = 1;
    let more = 0;
    for (let i = count - 1; i >= 0; i -= 1) {
      let level = 1;
      if (this.bin(context + (more > 0 ? 0 : ones)) === 0) {
        if (ones < 4) ones += 1;
      } else {
        const next = context + 5 + (more < largest ? more : largest);
        more += 1;
        level = 2;
        while (level < 15 && this.bin(next) !== 0) level += 1;
        if (level === 15) level += this.escape();
      }
      const place = scan[scanAt + places[i]!]!;
      if (this.bypass() !== 0) level = -level;
      block[place] = (Math.imul(level, scale[scaleAt + place]!) + 32) >> 6;
    }
  }

  /** The Exp-Golomb suffix of a level (9.3.2.3). */
  private escape(): number {
    let bits = 0;
    let value = 0;
    while (this.bypass() !== 0) {
      value += 1 << bits;
      bits += 1;
      if (bits > MAX_ESCAPE) throw broken('a coefficient is out of range');
    }
    for (bits -= 1; bits >= 0; bits -= 1) value += this.bypass() << bits;
    return value;
  }
}
