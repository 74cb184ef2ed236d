// Exp-Golomb codes and CAVLC: the entropy decoder of entropy_coding_mode_flag 0 (H.264 9.1, 9.2).

import {
  CHROMA_DC_BITS,
  CHROMA_DC_TOKENS,
  CHROMA_DC_ZEROS,
  CHROMA_DC_ZEROS_BITS,
  COEFF_TOKENS,
  RUNS,
  RUN_BITS,
  TOTAL_ZEROS,
  TOTAL_ZEROS_BITS,
} from './cavlc-tables.js';
import { I_PCM, UNSCALED } from './entropy.js';
import type { Entropy } from './entropy.js';
import { broken } from './errors.js';
import { UNKNOWN } from './neighbours.js';
import type { Neighbours } from './neighbours.js';
import type { BitSource } from './rbsp.js';
import { CHROMA_DC_SCAN, INTRA_CBP, INTRA_CBP_GREY, ZIGZAG_4X4, ZIGZAG_8X8 } from './tables.js';

/** nC of chroma DC in 4:2:0. */
const CHROMA_DC = -1;

/** Largest level_prefix that the levels of any profile need. */
const MAX_PREFIX = 20;

export class Cavlc implements Entropy {
  private readonly source: BitSource;
  private readonly neighbours: Neighbours;
  private readonly levels = new Int32Array(16);
  private grey = false;

  constructor(source: BitSource, neighbours: Neighbours) {
    this.source = source;
    this.neighbours = neighbours;
  }

  start(_qp: number, grey: boolean): void {
    this.grey = grey;
  }

  mbType(): number {
    const type = this.source.ue();
    if (type > I_PCM) throw broken('a macroblock’s type does not exist');
    return type;
  }

  pcm(count: number): number {
    const source = this.source;
    const from = (source.at + 7) >> 3;
    if (from + count > source.length) throw broken('it ends too early');
    source.at = 8 * (from + count);
    return from;
  }

  transform8x8(): boolean {
    return this.source.flag();
  }

  predictionMode(): number {
    const source = this.source;
    const window = source.peek(4);
    if (window >= 8) {
      source.at += 1;
      return -1;
    }
    source.at += 4;
    return window;
  }

  chromaMode(): number {
    const mode = this.source.ue();
    if (mode > 3) throw broken('a prediction mode does not exist');
    return mode;
  }

  codedBlockPattern(): number {
    const pattern = (this.grey ? INTRA_CBP_GREY : INTRA_CBP)[this.source.ue()];
    if (pattern === undefined) throw broken('a coded block pattern does not exist');
    return pattern;
  }

  qpDelta(): number {
    return this.source.se();
  }

  noQpDelta(): void {
    // Nothing to do: CAVLC does not depend on an earlier mb_qp_delta.
  }

  lumaDc(block: Int32Array): number {
    const { lumaLeft, lumaTop, mbX } = this.neighbours;
    const context = contextOf(lumaLeft[0]!, lumaTop[4 * mbX]!);
    return this.block(context, 16, block, ZIGZAG_4X4, 0, 1, UNSCALED, 0);
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
    const context = contextOf(lumaLeft[y]!, lumaTop[column]!);
    const count = this.block(context, 16 - first, block, ZIGZAG_4X4, first, 1, scale, scaleAt);
    lumaLeft[y] = count;
    lumaTop[column] = count;
    return count;
  }

  luma8x8(block: Int32Array, x: number, y: number, scale: Int32Array, scaleAt: number): number {
    const { lumaLeft, lumaTop, mbX } = this.neighbours;
    let all = 0;
    for (let part = 0; part < 4; part += 1) {
      const row = y + (part >> 1);
      const column = 4 * mbX + x + (part & 1);
      const context = contextOf(lumaLeft[row]!, lumaTop[column]!);
      const count = this.block(context, 16, block, ZIGZAG_8X8, part, 4, scale, scaleAt);
      lumaLeft[row] = count;
      lumaTop[column] = count;
      all += count;
    }
    return all;
  }

  chromaDc(block: Int32Array, _plane: number): number {
    return this.block(CHROMA_DC, 4, block, CHROMA_DC_SCAN, 0, 1, UNSCALED, 0);
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
    const context = contextOf(chromaLeft[row]!, chromaTop[column]!);
    const count = this.block(context, 15, block, ZIGZAG_4X4, 1, 1, scale, scaleAt);
    chromaLeft[row] = count;
    chromaTop[column] = count;
    return count;
  }

  endOfSlice(): boolean {
    this.source.checkEnd();
    return !this.source.more;
  }

  /** residual_block_cavlc(): coefficient n goes to scan[scanAt + step * n]. */
  private block(
    context: number,
    max: number,
    block: Int32Array,
    scan: Uint8Array,
    scanAt: number,
    step: number,
    scale: Int32Array,
    scaleAt: number,
  ): number {
    const source = this.source;
    const token = this.coeffToken(context);
    const total = token >> 2;
    if (total === 0) return 0;
    if (total > max) throw broken('a block has too many coefficients');
    this.readLevels(total, token & 3);

    let zeros = 0;
    if (total < max) {
      const entry =
        context === CHROMA_DC
          ? CHROMA_DC_ZEROS[((total - 1) << CHROMA_DC_ZEROS_BITS) + source.peek(CHROMA_DC_ZEROS_BITS)]!
          : TOTAL_ZEROS[((total - 1) << TOTAL_ZEROS_BITS) + source.peek(TOTAL_ZEROS_BITS)]!;
      if (entry === 0) throw broken('a code does not exist');
      source.at += entry & 255;
      zeros = entry >> 8;
      if (zeros + total > max) throw broken('a block has too many coefficients');
    }
    const levels = this.levels;
    let at = zeros + total - 1;
    for (let i = 0; i < total; i += 1) {
      const place = scan[scanAt + step * at]!;
      block[place] = (Math.imul(levels[i]!, scale[scaleAt + place]!) + 32) >> 6;
      at -= 1;
      if (zeros > 0 && i < total - 1) {
        const entry = RUNS[(((zeros > 7 ? 7 : zeros) - 1) << RUN_BITS) + source.peek(RUN_BITS)]!;
        const run = entry >> 8;
        if (entry === 0 || run > zeros) throw broken('a code does not exist');
        source.at += entry & 255;
        zeros -= run;
        at -= run;
      }
    }
    return total;
  }

  /** 4 * TotalCoeff + TrailingOnes. */
  private coeffToken(context: number): number {
    const source = this.source;
    let entry: number;
    if (context >= 8) {
      const code = source.bits(6);
      if (code === 3) return 0;
      if ((code & 3) > (code >> 2) + 1) throw broken('a code does not exist');
      return code + 4;
    }
    if (context === CHROMA_DC) {
      entry = CHROMA_DC_TOKENS[source.peek(CHROMA_DC_BITS)]!;
    } else {
      const window = source.peek(19);
      const zeros = Math.clz32(window) - 13;
      if (zeros > 15) throw broken('a code does not exist');
      const table = context >= 4 ? 256 : context >= 2 ? 128 : 0;
      entry = COEFF_TOKENS[table + 8 * zeros + ((window >> (15 - zeros)) & 7)]!;
    }
    if (entry === 0) throw broken('a code does not exist');
    source.at += entry & 255;
    return entry >> 8;
  }

  /** Levels (9.2.2), from the highest frequency down. */
  private readLevels(total: number, ones: number): void {
    const source = this.source;
    const levels = this.levels;
    for (let i = 0; i < ones; i += 1) levels[i] = 1 - 2 * source.bits(1);
    let suffixLength = total > 10 && ones < 3 ? 1 : 0;
    for (let i = ones; i < total; i += 1) {
      const prefix = Math.clz32(source.peek(25)) - 7;
      if (prefix > MAX_PREFIX) throw broken('a coefficient is out of range');
      source.at += prefix + 1;
      let code = (prefix < 15 ? prefix : 15) << suffixLength;
      const suffix = prefix >= 15 ? prefix - 3 : prefix === 14 && suffixLength === 0 ? 4 : suffixLength;
      if (suffix > 0) code += source.bits(suffix);
      if (prefix >= 15 && suffixLength === 0) code += 15;
      if (prefix >= 16) code += (1 << (prefix - 3)) - 4096;
      if (i === ones && ones < 3) code += 2;
      const magnitude = (code + 2) >> 1;
      levels[i] = (code & 1) === 0 ? magnitude : -((code + 1) >> 1);
      if (suffixLength === 0) suffixLength = 1;
      if (suffixLength < 6 && ((code & 1) === 0 ? magnitude : (code + 1) >> 1) > 3 << (suffixLength - 1))
        suffixLength += 1;
    }
  }
}

/** nC from the counts of two neighbours (9.2.1). */
function contextOf(left: number, top: number): number {
  const sum = left + top;
  return sum < UNKNOWN ? (sum + 1) >> 1 : sum & (UNKNOWN - 1);
}
