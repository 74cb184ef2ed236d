// Constants shared by the parts of the decoder (H.264 tables 7-2, 8-15, 9-4 and figures 6-10, 8-8).

/** Raster index of the n-th coefficient of a 4x4 block, frame macroblocks. */
export const ZIGZAG_4X4 = Uint8Array.of(0, 1, 4, 8, 5, 2, 3, 6, 9, 12, 13, 10, 7, 11, 14, 15);

/** Raster index of the n-th coefficient of an 8x8 block, frame macroblocks. */
// prettier-ignore
export const ZIGZAG_8X8 = Uint8Array.of(
  0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
  35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
);

/** Raster index of the four chroma DC coefficients. */
export const CHROMA_DC_SCAN = Uint8Array.of(0, 1, 2, 3);

/** Column and row, in 4x4 blocks, of the n-th luma block of a macroblock. */
export const BLOCK_X = Uint8Array.of(0, 1, 0, 1, 2, 3, 2, 3, 0, 1, 0, 1, 2, 3, 2, 3);
export const BLOCK_Y = Uint8Array.of(0, 0, 1, 1, 0, 0, 1, 1, 2, 2, 3, 3, 2, 2, 3, 3);

/** Table 8-15: QPc by qPI. */
// prettier-ignore
export const CHROMA_QP = Uint8Array.of(
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29,
  29, 30, 31, 32, 32, 33, 34, 34, 35, 35, 36, 36, 37, 37, 37, 38, 38, 38, 39, 39, 39, 39,
);

/** Table 9-4: coded_block_pattern of an intra macroblock by codeNum: with chroma, and without. */
// prettier-ignore
export const INTRA_CBP = Uint8Array.of(
  47, 31, 15, 0, 23, 27, 29, 30, 7, 11, 13, 14, 39, 43, 45, 46, 16, 3, 5, 10, 12, 19, 21, 26,
  28, 35, 37, 42, 44, 1, 2, 4, 8, 17, 18, 20, 24, 6, 9, 22, 25, 32, 33, 34, 36, 40, 38, 41,
);
export const INTRA_CBP_GREY = Uint8Array.of(15, 0, 7, 11, 13, 14, 3, 5, 10, 12, 1, 2, 4, 8, 6, 9);

/** Table 7-2, in zigzag order. */
export const DEFAULT_4X4_INTRA = Uint8Array.of(6, 13, 13, 20, 20, 20, 28, 28, 28, 28, 32, 32, 32, 37, 37, 42);
// prettier-ignore
export const DEFAULT_8X8_INTRA = Uint8Array.of(
  6, 10, 10, 13, 11, 13, 16, 16, 16, 16, 18, 18, 18, 18, 18, 23, 23, 23, 23, 23, 23, 25, 25, 25, 25, 25, 25, 25, 27, 27, 27, 27,
  27, 27, 27, 27, 29, 29, 29, 29, 29, 29, 29, 31, 31, 31, 31, 31, 31, 33, 33, 33, 33, 33, 36, 36, 36, 36, 38, 38, 38, 40, 40, 42,
);
