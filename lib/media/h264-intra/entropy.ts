// Interface of both entropy decoders: the syntax elements of I macroblocks in bitstream order (H.264 7.3.5).

/**
 * Writes coefficients to `block` at the indices of `scan`, each level multiplied by `scale` at the same
 * index.
 */
export interface Entropy {
  /** Call at the first bit of slice_data(). */
  start(qp: number, grey: boolean): void;
  /** 0: I_NxN, 1 to 24: I_16x16, 25: I_PCM. */
  mbType(): number;
  /** Skips `count` whole bytes and returns their position in the source's data. */
  pcm(count: number): number;
  transform8x8(): boolean;
  /** -1 if the mode is as predicted, else rem_intra_pred_mode. */
  predictionMode(): number;
  chromaMode(): number;
  codedBlockPattern(): number;
  qpDelta(): number;
  /** Call for a macroblock without mb_qp_delta. */
  noQpDelta(): void;
  /** The following return the number of coefficients. DC levels are not scaled. */
  lumaDc(block: Int32Array): number;
  luma4x4(block: Int32Array, x: number, y: number, first: number, scale: Int32Array, scaleAt: number): number;
  luma8x8(block: Int32Array, x: number, y: number, scale: Int32Array, scaleAt: number): number;
  /** `plane`: 0 for Cb, 1 for Cr. */
  chromaDc(block: Int32Array, plane: number): number;
  chromaAc(
    block: Int32Array,
    plane: number,
    x: number,
    y: number,
    scale: Int32Array,
    scaleAt: number,
  ): number;
  /** Throws EDECODE if it read past the end. */
  endOfSlice(): boolean;
}

export const I_PCM = 25;

/** Scale that leaves levels unchanged: (level * 64 + 32) >> 6. */
export const UNSCALED = new Int32Array(64).fill(64);
