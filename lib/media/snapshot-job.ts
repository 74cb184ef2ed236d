// Decodes one keyframe and encodes it as a JPEG: the work of the snapshot worker, independent of the thread.

import { NvrError } from '../errors.js';
import { IntraDecoder } from './h264-intra/index.js';
import type { DecodedPicture } from './h264-intra/index.js';
import { H265Decoder } from './h265.js';
import type { H265Picture } from './h265.js';
import { toJpeg } from './jpeg/index.js';
import type { Jpeg } from './jpeg/index.js';

export interface SnapshotJob {
  readonly codec: 'h264' | 'h265';
  /** Annex B: a keyframe with its parameter sets in front. */
  readonly data: Uint8Array;
  /** 1..100. */
  readonly quality: number;
  /** Largest width in pixels; wider pictures are scaled down. */
  readonly width?: number;
  /** Make non-square pixels square. */
  readonly squarePixels?: boolean;
  /** Identifies the camera: state between pictures is kept for one camera only. */
  readonly camera?: number;
}

/**
 * Keeps a decoder of each kind between the pictures of one camera, to reuse its memory. That memory is never
 * shared with another camera, whose pixels could otherwise appear.
 */
export class SnapshotMaker {
  private camera: number | undefined;
  private h264: IntraDecoder | undefined;
  private h265: H265Decoder | undefined;

  /** Throws only NvrError: EUNSUPPORTED for streams that cannot be decoded, EDECODE for invalid data. */
  make(job: SnapshotJob): Jpeg {
    const encode = (picture: DecodedPicture | H265Picture): Jpeg => {
      const { fullRange, matrixCoefficients, sar } = picture;
      const { quality, width, squarePixels = false } = job;
      return toJpeg(picture, {
        quality,
        fullRange,
        matrixCoefficients,
        squarePixels,
        ...(sar && { sar }),
        ...(width !== undefined && { width }),
      });
    };
    if (job.camera !== this.camera) this.release();
    this.camera = job.camera;
    try {
      if (job.codec === 'h265') return (this.h265 ??= new H265Decoder()).decode(job.data, encode);
      return encode((this.h264 ??= new IntraDecoder()).decode(job.data));
    } catch (error) {
      if (error instanceof NvrError) throw error;
      // After an unexpected error, start over with new decoders.
      this.release();
      throw new NvrError('EDECODE', `the keyframe could not be decoded (${job.codec})`, { cause: error });
    }
  }

  release(): void {
    this.h264?.release();
    this.h264 = undefined;
    this.h265 = undefined;
  }
}
