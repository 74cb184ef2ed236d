// Values that parsing needs from the macroblocks to the left and above: one row of values above, and those to
// the left (H.264 6.4.11).

/**
 * Blocks are parsed in an order that advances along every row and column. So one value per column and one per
 * row, overwritten block by block, are always those of the upper and left neighbours.
 */
export class Neighbours {
  /** Coefficient counts of 4x4 luma blocks; UNKNOWN outside the slice. */
  readonly lumaTop: Uint8Array;
  readonly lumaLeft = new Uint8Array(4);
  /** The same for chroma blocks: two of Cb, then two of Cr. */
  readonly chromaTop: Uint8Array;
  readonly chromaLeft = new Uint8Array(4);
  /** Prediction modes of 4x4 blocks: -1 if not available, DC if the macroblock has none. */
  readonly modeTop: Int8Array;
  readonly modeLeft = new Int8Array(4);
  readonly patternTop: Uint8Array;
  patternLeft = 0;
  readonly flagsTop: Uint8Array;
  flagsLeft = 0;
  /** Of the current macroblock. */
  mbX = 0;
  flags = 0;
  pattern = 0;

  constructor(widthInMbs: number) {
    this.lumaTop = new Uint8Array(4 * widthInMbs);
    this.chromaTop = new Uint8Array(4 * widthInMbs);
    this.modeTop = new Int8Array(4 * widthInMbs);
    this.patternTop = new Uint8Array(widthInMbs);
    this.flagsTop = new Uint8Array(widthInMbs);
  }

  /** Outside the slice, sets the values that the standard's rules for unavailable neighbours amount to. */
  begin(mbX: number, hasLeft: boolean, hasTop: boolean): void {
    this.mbX = mbX;
    this.flags = 0;
    this.pattern = 0;
    if (!hasLeft) {
      this.lumaLeft.fill(UNKNOWN);
      this.chromaLeft.fill(UNKNOWN);
      this.modeLeft.fill(-1);
      this.patternLeft = OUTSIDE_PATTERN;
      this.flagsLeft = OUTSIDE_FLAGS;
    }
    if (!hasTop) {
      const at = 4 * mbX;
      for (let i = at; i < at + 4; i += 1) {
        this.lumaTop[i] = UNKNOWN;
        this.chromaTop[i] = UNKNOWN;
        this.modeTop[i] = -1;
      }
      this.patternTop[mbX] = OUTSIDE_PATTERN;
      this.flagsTop[mbX] = OUTSIDE_FLAGS;
    }
  }

  end(): void {
    this.patternTop[this.mbX] = this.pattern;
    this.patternLeft = this.pattern;
    this.flagsTop[this.mbX] = this.flags;
    this.flagsLeft = this.flags;
  }

  /** Sets the count for 2x2 luma blocks (`size` 2) or all 16 (`size` 4), from column `x` and row `y`. */
  fillLuma(x: number, y: number, size: number, count: number): void {
    const column = 4 * this.mbX + x;
    for (let i = 0; i < size; i += 1) {
      this.lumaTop[column + i] = count;
      this.lumaLeft[y + i] = count;
    }
  }

  fillChroma(count: number): void {
    const column = 4 * this.mbX;
    for (let i = 0; i < 4; i += 1) {
      this.chromaTop[column + i] = count;
      this.chromaLeft[i] = count;
    }
  }

  fillModes(x: number, y: number, size: number, mode: number): void {
    const column = 4 * this.mbX + x;
    for (let i = 0; i < size; i += 1) {
      this.modeTop[column + i] = mode;
      this.modeLeft[y + i] = mode;
    }
  }

  /** Most probable mode of the block at `x`, `y` (8.3.1.1). */
  expectedMode(x: number, y: number): number {
    const left = this.modeLeft[y]!;
    const top = this.modeTop[4 * this.mbX + x]!;
    const mode = left < top ? left : top;
    return mode < 0 ? DC_MODE : mode;
  }
}

/** A bit above any count: a sum of two counts shows by this bit that only one neighbour is available. */
export const UNKNOWN = 64;

export const DC_MODE = 2;

export const FLAG = { notNxN: 1, chromaMode: 2, transform8x8: 4, lumaDc: 8, cbDc: 16, crDc: 32 } as const;

/**
 * For an intra macroblock, unavailable neighbours count as having coefficients (9.3.3.1.1.9), also for luma
 * in coded_block_pattern.
 */
const OUTSIDE_FLAGS = FLAG.lumaDc | FLAG.cbDc | FLAG.crDc;
const OUTSIDE_PATTERN = 0x0f;
