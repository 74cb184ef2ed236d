// From decoded planes to a JPEG: smaller if asked, in JFIF's colours, then encoded.

import { encodeJpeg } from './encode.js';
import { toBt601 } from './matrix.js';
import type { PlanarPicture } from './picture.js';
import { downscale } from './scale.js';

export interface JpegOptions {
  /** 1..100. */
  readonly quality: number;
  /** The picture's samples span 0..255 (VUI video_full_range_flag). */
  readonly fullRange: boolean;
  /** VUI matrix_coefficients; 2 or absent means unsaid. */
  readonly matrixCoefficients?: number;
  /** Pixels; a wider picture is made this wide, a narrower one is left alone. */
  readonly width?: number;
}

export interface Jpeg {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

export function toJpeg(decoded: PlanarPicture, options: JpegOptions): Jpeg {
  const small = options.width === undefined ? decoded : downscale(decoded, options.width);
  const { picture, fullRange } = toBt601(small, options.matrixCoefficients ?? 2, options.fullRange);
  return {
    data: encodeJpeg(picture, { quality: options.quality, fullRange }),
    width: picture.width,
    height: picture.height,
  };
}

export type { PlanarPicture } from './picture.js';
