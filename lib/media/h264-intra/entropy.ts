// What both entropy decoders do: the syntax elements of I macroblocks in the order in which they stand (H.264
// 7.3.5).

/**
 * How levels become coefficients: `block` is indexed by `scan`, and each is scaled by `scale` of the same
 * index.
 */
export interface Entropy {
  /** At the first bit of slice_data(). */
  start(qp: number, grey: boolean): void;
  /** 0: I_NxN, 1 to 24: I_16x16, 25: I_PCM. */
  mbType(): number;
  /** The position of `count` whole bytes in the source's data, which are passed over. */
  pcm(count: number): number;
  transform8x8(): boolean;
  /** -1: as expected; else rem_intra_pred_mode. */
  predictionMode(): number;
  chromaMode(): number;
  codedBlockPattern(): number;
  qpDelta(): number;
  /** The macroblock has no mb_qp_delta. */
  noQpDelta(): void;
  /** These give the count of coefficients. DC levels are left unscaled. */
  lumaDc(block: Int32Array): number;
  luma4x4(block: Int32Array, x: number, y: number, first: number, scale: Int32Array, scaleAt: number): number;
  luma8x8(block: Int32Array, x: number, y: number, scale: Int32Array, scaleAt: number): number;
  /** `plane`: 0 Cb, 1 Cr. */
  chromaDc(block: Int32Array, plane: number): number;
  chromaAc(
    block: Int32Array,
    plane: number,
    x: number,
    y: number,
    scale: Int32Array,
    scaleAt: number,
  ): number;
  /** EDECODE if it read past the end. */
  endOfSlice(): boolean;
}

export const I_PCM = 25;

/** Scales of levels that stay as they are: (level * 64 + 32) >> 6. */
export const UNSCALED = new Int32Array(64).fill(64);
