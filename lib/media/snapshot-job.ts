// One keyframe in, one JPEG out: the work that the snapshot's worker thread does, without the thread.

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
  /** Pixels; a wider picture is made this wide. */
  readonly width?: number;
  /** Pixels of another shape are made square. */
  readonly squarePixels?: boolean;
  /** Whose it is: what is kept between pictures is kept for one camera. */
  readonly camera?: number;
}

/**
 * Keeps a decoder of each kind between pictures of one camera, as their memory is worth reusing: another
 * camera's pixels are never in it.
 */
export class SnapshotMaker {
  #camera: number | undefined;
  #h264: IntraDecoder | undefined;
  #h265: H265Decoder | undefined;

  /**
   * NvrError EUNSUPPORTED for what the decoders cannot read, EDECODE for what is broken; no other error
   * leaves.
   */
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
    if (job.camera !== this.#camera) this.release();
    this.#camera = job.camera;
    try {
      if (job.codec === 'h265') return (this.#h265 ??= new H265Decoder()).decode(job.data, encode);
      return encode((this.#h264 ??= new IntraDecoder()).decode(job.data));
    } catch (error) {
      if (error instanceof NvrError) throw error;
      // What went wrong in a way nobody foresaw starts over with fresh decoders.
      this.release();
      throw new NvrError('EDECODE', `the keyframe could not be decoded (${job.codec})`, { cause: error });
    }
  }

  release(): void {
    this.#h264?.release();
    this.#h264 = undefined;
    this.#h265 = undefined;
  }
}
