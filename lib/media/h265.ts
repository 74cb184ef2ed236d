// H.265 keyframes to planes, by libde265 as libheif-js brings it in wasm: no native code, no file to load at run time.

import { createRequire } from 'node:module';

import { splitAnnexB } from '../codec/annexb.js';
import { H265_NAL } from '../codec/h265/nal.js';
import { parseH265Sps } from '../codec/h265/sps.js';
import type { SampleAspect } from '../codec/unit.js';
import { NvrError } from '../errors.js';
import type { PlanarPicture } from './jpeg/index.js';

/** Planes of the shown picture with what its VUI says of their colours. */
export interface H265Picture extends PlanarPicture {
  readonly fullRange: boolean;
  /** H.265 table E.5; 2: not said. */
  readonly matrixCoefficients: number;
  /** The shape of a pixel; absent: square. */
  readonly sar?: SampleAspect;
}

/** Pixels of the largest picture worth the memory: 8192 x 4608, either way up. */
const MAX_LONG_SIDE = 8192;
const MAX_SHORT_SIDE = 4608;

/** Bytes of wasm memory past which it is given back: it never shrinks by itself, and the largest picture needs less. */
const MAX_MEMORY = 512 * 1024 * 1024;

/**
 * libde265 is called itself, not as libheif's decoder of HEIC files: that one leaves out the deblocking and the SAO filter in its wasm build
 * (41 dB off at low bit rates) and converts the colours on its way.
 */
export class H265Decoder {
  #library: LibDe265 | undefined;

  /**
   * `annexB`: one IRAP picture with its parameter sets in front. Its planes are views of the wasm memory, valid while `use` runs, whose result is returned.
   * NvrError EUNSUPPORTED for what is too large or not 4:2:0 or grey, EDECODE for what is broken.
   */
  decode<T>(annexB: Uint8Array, use: (picture: H265Picture) => T): T {
    const nals = splitAnnexB(Buffer.from(annexB.buffer, annexB.byteOffset, annexB.byteLength)).filter(
      isUseful,
    );
    if (
      !nals.some((nal) => typeOf(nal) <= H265_NAL.lastSlice) ||
      !nals.some((nal) => typeOf(nal) === H265_NAL.sps)
    ) {
      throw broken('there are no parameter sets or no picture in it');
    }
    const sar = parseH265Sps(nals.findLast((nal) => typeOf(nal) === H265_NAL.sps)!)?.sar;
    const library = (this.#library ??= loadLibrary());
    const decoder = library._de265_new_decoder();
    const scratch = library._malloc(Math.max(8, ...nals.map((nal) => nal.length)));
    try {
      for (const nal of nals) {
        library.HEAPU8.set(nal, scratch);
        library._de265_push_NAL(decoder, scratch, nal.length, 0, 0, 0);
      }
      library._de265_flush_data(decoder);
      // Each call takes one NAL unit or one step of the output, so the bound is never met by a picture that comes at all.
      for (let step = 0; step < 2 * nals.length + 16; step++) {
        library._de265_decode(decoder, scratch);
        const image = library._de265_get_next_picture(decoder);
        if (image !== 0) return use({ ...viewPicture(library, image, scratch), ...(sar && { sar }) });
        if (library.HEAP32[scratch >> 2] === 0) break;
      }
      throw broken('no picture came out');
    } catch (error) {
      // After an abort in wasm its memory is not to be trusted.
      if (!(error instanceof NvrError)) this.#library = undefined;
      throw error instanceof NvrError ? error : broken('the decoder has failed');
    } finally {
      if (this.#library) {
        library._free(scratch);
        library._de265_free_decoder(decoder);
        if (library.HEAPU8.length > MAX_MEMORY) this.#library = undefined;
      }
    }
  }
}

/** Parameter sets and slices of the base layer (H.265 7.3.1.2). An SPS must be one that can be read, and of a size that can be decoded. */
function isUseful(nal: Buffer): boolean {
  const type = typeOf(nal);
  const baseLayer = nal.length > 2 && (nal[0]! & 1) === 0 && nal[1]! >> 3 === 0;
  if (!baseLayer || type > H265_NAL.pps) return false;
  if (type !== H265_NAL.sps) return true;
  const sps = parseH265Sps(nal);
  if (!sps) return false;
  if (Math.max(sps.width, sps.height) > MAX_LONG_SIDE || Math.min(sps.width, sps.height) > MAX_SHORT_SIDE) {
    throw new NvrError(
      'EUNSUPPORTED',
      `a picture of ${sps.width} x ${sps.height} is too large to decode: use the camera's smaller stream`,
    );
  }
  return true;
}

function viewPicture(library: LibDe265, image: number, scratch: number): H265Picture {
  const format = library._de265_get_chroma_format(image);
  if (format > 1)
    throw new NvrError('EUNSUPPORTED', 'H.265 with more colour than 4:2:0 cannot be decoded here');
  const plane = (channel: number): { data: Uint8Array; stride: number } =>
    viewPlane(library, image, channel, scratch);
  const y = plane(0);
  const [cb, cr] = format === 1 ? [plane(1), plane(2)] : [];
  return {
    width: library._de265_get_image_width(image, 0),
    height: library._de265_get_image_height(image, 0),
    y: y.data,
    yStride: y.stride,
    cb: cb?.data,
    cr: cr?.data,
    cStride: cb?.stride ?? 0,
    fullRange: library._de265_get_image_full_range_flag(image) !== 0,
    matrixCoefficients: library._de265_get_image_matrix_coefficients(image),
  };
}

/** Deeper samples (16 bits, little endian) give their upper 8, in memory of their own. */
function viewPlane(
  library: LibDe265,
  image: number,
  channel: number,
  scratch: number,
): { data: Uint8Array; stride: number } {
  const width = library._de265_get_image_width(image, channel);
  const height = library._de265_get_image_height(image, channel);
  const depth = library._de265_get_bits_per_pixel(image, channel);
  const start = library._de265_get_image_plane(image, channel, scratch);
  const stride = library.HEAP32[scratch >> 2]!;
  if (width <= 0 || height <= 0 || start === 0) throw broken('it is empty');
  const data = library.HEAPU8.subarray(start, start + stride * height);
  if (depth <= 8) return { data, stride };
  const out = new Uint8Array(width * height);
  const shift = depth - 8;
  const half = 1 << (shift - 1);
  for (let row = 0; row < height; row++) {
    let from = row * stride;
    for (let to = row * width; to < (row + 1) * width; to++, from += 2) {
      out[to] = Math.min(255, ((data[from]! | (data[from + 1]! << 8)) + half) >> shift);
    }
  }
  return { data: out, stride: width };
}

/** The bundle holds its wasm, so no file is looked for; what it would print is dropped. */
function loadLibrary(): LibDe265 {
  const factory = createRequire(__filename)('libheif-js/libheif-wasm/libheif-bundle.js') as (
    settings: object,
  ) => Partial<LibDe265>;
  const library = factory({ print: () => undefined, printErr: () => undefined });
  if (!library._de265_new_decoder)
    throw new NvrError('EUNSUPPORTED', 'this version of libheif-js has no H.265 decoder');
  return library as LibDe265;
}

function broken(reason: string): NvrError {
  return new NvrError('EDECODE', `the H.265 keyframe cannot be decoded: ${reason}`);
}

function typeOf(nal: Buffer): number {
  return (nal[0]! >> 1) & 0x3f;
}

/** The part of the bundle that is used here, as libheif-wasm/libheif.d.ts declares it: pointers and C integers are numbers. */
interface LibDe265 {
  readonly HEAPU8: Uint8Array;
  readonly HEAP32: Int32Array;
  _malloc(bytes: number): number;
  _free(pointer: number): void;
  _de265_new_decoder(): number;
  _de265_free_decoder(decoder: number): number;
  /** The time stamp is an int64 in two halves. */
  _de265_push_NAL(
    decoder: number,
    data: number,
    length: number,
    timeLow: number,
    timeHigh: number,
    userData: number,
  ): number;
  _de265_flush_data(decoder: number): number;
  /** Writes to `more` whether there is more to do. */
  _de265_decode(decoder: number, more: number): number;
  /** 0: none yet. */
  _de265_get_next_picture(decoder: number): number;
  _de265_get_chroma_format(image: number): number;
  _de265_get_image_width(image: number, channel: number): number;
  _de265_get_image_height(image: number, channel: number): number;
  _de265_get_bits_per_pixel(image: number, channel: number): number;
  _de265_get_image_plane(image: number, channel: number, stride: number): number;
  _de265_get_image_matrix_coefficients(image: number): number;
  _de265_get_image_full_range_flag(image: number): number;
}
