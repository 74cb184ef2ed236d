// Converts decoded planes to a JPEG: scales them or makes pixels square if requested, converts colours to
// JFIF's, and encodes.

import type { SampleAspect } from '../../codec/unit.js';
import { encodeJpeg } from './encode.js';
import { shownMatrix } from './matrix.js';
import type { PlanarPicture } from './picture.js';
import { resize, shownSize } from './scale.js';

interface JpegOptions {
  /** 1..100. */
  readonly quality: number;
  /** Samples use 0..255 (VUI video_full_range_flag). */
  readonly fullRange: boolean;
  /** VUI matrix_coefficients; 2 or absent means unspecified. */
  readonly matrixCoefficients?: number;
  /** Largest width in pixels; wider pictures are scaled down. */
  readonly width?: number;
  /** Sample aspect ratio; absent if square. */
  readonly sar?: SampleAspect;
  /**
   * Widens pictures with non-square pixels to their display width; otherwise the file carries the aspect
   * ratio.
   */
  readonly squarePixels?: boolean;
}

export interface Jpeg {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

export function toJpeg(decoded: PlanarPicture, options: JpegOptions): Jpeg {
  const { quality, sar, squarePixels = false } = options;
  // Unspecified colours are inferred from the stream's size, not from the scaled one.
  const matrix = shownMatrix(options.matrixCoefficients, decoded.height);
  const picture = resize(decoded, shownSize(decoded, options.width, squarePixels ? sar : undefined));
  const { fullRange } = options;
  return {
    data: encodeJpeg(picture, { quality, fullRange, matrix, ...(sar && !squarePixels && { sar }) }),
    width: picture.width,
    height: picture.height,
  };
}

export type { PlanarPicture } from './picture.js';
