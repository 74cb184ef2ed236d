// From decoded planes to a JPEG: smaller or of square pixels if asked, in JFIF's colours, then encoded.

import type { SampleAspect } from '../../codec/unit.js';
import { encodeJpeg } from './encode.js';
import { shownMatrix } from './matrix.js';
import type { PlanarPicture } from './picture.js';
import { resize, shownSize } from './scale.js';

export interface JpegOptions {
  /** 1..100. */
  readonly quality: number;
  /** The picture's samples span 0..255 (VUI video_full_range_flag). */
  readonly fullRange: boolean;
  /** VUI matrix_coefficients; 2 or absent means unsaid. */
  readonly matrixCoefficients?: number;
  /** Pixels; a wider picture is made this wide, a narrower one is left alone. */
  readonly width?: number;
  /** The shape of a pixel; absent: square. */
  readonly sar?: SampleAspect;
  /** Makes a picture of other pixels as wide as it is shown; otherwise the file says what their shape is. */
  readonly squarePixels?: boolean;
}

export interface Jpeg {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

export function toJpeg(decoded: PlanarPicture, options: JpegOptions): Jpeg {
  const { quality, sar, squarePixels = false } = options;
  // What is not said of colours is taken from the stream's size, not from that of a smaller picture of it.
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
