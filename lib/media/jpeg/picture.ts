// A decoded picture as planes, as decoders return it and the JPEG encoder takes it.

/**
 * 8-bit samples, 4:2:0 or luma only. Chroma planes are (width + 1) / 2 by (height + 1) / 2, rounded down.
 * Strides are in bytes.
 */
export interface PlanarPicture {
  readonly width: number;
  readonly height: number;
  readonly y: Uint8Array;
  readonly yStride: number;
  readonly cb?: Uint8Array | undefined;
  readonly cr?: Uint8Array | undefined;
  readonly cStride: number;
}

/**
 * Kr and Kb for a matrix_coefficients code (ISO 23091-2; H.264 and H.265 table E.5); undefined if the code
 * has no luma weights.
 */
export function lumaWeights(matrixCoefficients: number): { kr: number; kb: number } | undefined {
  switch (matrixCoefficients) {
    case 1:
      return { kr: 0.2126, kb: 0.0722 };
    case 4:
      return { kr: 0.3, kb: 0.11 };
    case 5:
    case 6:
      return { kr: 0.299, kb: 0.114 };
    case 7:
      return { kr: 0.212, kb: 0.087 };
    case 9:
      return { kr: 0.2627, kb: 0.0593 };
    default:
      return undefined;
  }
}
