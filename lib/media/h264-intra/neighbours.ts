// What parsing a macroblock must know of those to its left and above: a row of values above, and the values
// to the left (H.264 6.4.11).

/**
 * Blocks are parsed in an order in which every row and column advances, so one value per column and one per
 * row, replaced block by block, always are those of the neighbours above and to the left.
 */
export class Neighbours {
  /** Coefficients of 4x4 luma blocks; UNKNOWN outside the slice. */
  readonly lumaTop: Uint8Array;
  readonly lumaLeft = new Uint8Array(4);
  /** Of chroma blocks: two of Cb, then two of Cr. */
  readonly chromaTop: Uint8Array;
  readonly chromaLeft = new Uint8Array(4);
  /** Prediction modes of 4x4 blocks; -1: not available, DC where the macroblock has none. */
  readonly modeTop: Int8Array;
  readonly modeLeft = new Int8Array(4);
  readonly patternTop: Uint8Array;
  patternLeft = 0;
  readonly flagsTop: Uint8Array;
  flagsLeft = 0;
  /** Of the macroblock at hand. */
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

  /** What lies outside the slice is given the values that the standard's rules for it come out at. */
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

  /** The count of 2x2 luma blocks, or of all 16: `size` 2 or 4, from column `x` and row `y`. */
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

  /** The mode that is most probable for the block at `x`, `y` (8.3.1.1). */
  expectedMode(x: number, y: number): number {
    const left = this.modeLeft[y]!;
    const top = this.modeTop[4 * this.mbX + x]!;
    const mode = left < top ? left : top;
    return mode < 0 ? DC_MODE : mode;
  }
}

/**
 * Above any count, and with no bit in common with one: a sum that holds it tells that there is but one
 * neighbour.
 */
export const UNKNOWN = 64;

export const DC_MODE = 2;

export const FLAG = { notNxN: 1, chromaMode: 2, transform8x8: 4, lumaDc: 8, cbDc: 16, crDc: 32 } as const;

/**
 * An intra macroblock takes coefficients as coded where it knows nothing (9.3.3.1.1.9), and luma of
 * coded_block_pattern too.
 */
const OUTSIDE_FLAGS = FLAG.lumaDc | FLAG.cbDc | FLAG.crDc;
const OUTSIDE_PATTERN = 0x0f;
