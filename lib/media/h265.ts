// Decodes H.265 keyframes to planes with libde265 (WebAssembly from libheif-js, no native code).

import { splitAnnexB } from '../codec/annexb.js';
import type { SampleAspect } from '../codec/unit.js';
import { NvrError } from '../errors.js';
import { broken } from './h265-intra/errors.js';
import { checkPicture } from './h265-intra/index.js';
import type { WholePicture } from './h265-intra/index.js';
import type { Sps } from './h265-intra/parameter-sets.js';
import { newLibDe265 } from './h265-library.js';
import type { LibDe265 } from './h265-library.js';
import type { PlanarPicture } from './jpeg/index.js';

/** Planes of the displayed picture, and how its VUI describes their colours. */
export interface H265Picture extends PlanarPicture {
  readonly fullRange: boolean;
  /** H.265 table E.5; 2 means unspecified. */
  readonly matrixCoefficients: number;
  /** Sample aspect ratio; absent if square. */
  readonly sar?: SampleAspect;
}

/** Largest supported picture: 8192 x 4608 luma samples, or rotated. */
const MAX_LONG_SIDE = 8192;
const MAX_SHORT_SIDE = 4608;
/**
 * Largest memory in bytes of the picture and its reference pictures, which libde265 generates if missing:
 * enough for 4K in 10 bits with three references.
 */
const MAX_PICTURE_BYTES = 96 * 1024 * 1024;
/** Coded samples allowed in excess of twice the displayed ones, for the borders of small pictures. */
const MAX_HIDDEN = 256 * 256;

/** DE265_DECODER_PARAM_SUPPRESS_FAULTY_PICTURES. */
const SUPPRESS_FAULTY = 6;

/**
 * Uses libde265 directly instead of libheif's HEIC decoder, whose wasm build omits deblocking and SAO (41 dB
 * off at low bit rates) and converts the colours. Where a part of a picture is missing, libde265 shows old
 * memory contents; so it only gets pictures that were parsed completely before.
 */
export class H265Decoder {
  private library: LibDe265 | undefined;

  /**
   * Decodes `annexB`: one IRAP picture with its parameter sets in front. The planes are views of wasm memory,
   * valid while `use` runs; its result is returned. Throws EUNSUPPORTED if the picture is too large or
   * neither 4:2:0 nor grey, EDECODE if it is invalid or incomplete.
   */
  decode<T>(annexB: Uint8Array, use: (picture: H265Picture) => T): T {
    const nals = splitAnnexB(Buffer.from(annexB.buffer, annexB.byteOffset, annexB.byteLength));
    const picture = checkPicture(nals, admit);
    const library = (this.library ??= newLibDe265());
    try {
      return decodeIn(library, picture, use);
    } catch (error) {
      // After any fault the instance's memory cannot be trusted.
      this.library = undefined;
      throw error instanceof NvrError ? error : broken('the decoder has failed');
    }
  }
}

/** Checks the memory that a picture needs, from its parameter sets, before anything is allocated. */
function admit(sps: Sps, references: number): void {
  const { codedWidth, codedHeight, width, height } = sps;
  const samples = codedWidth * codedHeight;
  const long = Math.max(codedWidth, codedHeight);
  const short = Math.min(codedWidth, codedHeight);
  const bytes =
    samples * (sps.chromaFormat === 0 ? 1 : 1.5) * (Math.max(sps.lumaDepth, sps.chromaDepth) > 8 ? 2 : 1);
  if (long > MAX_LONG_SIDE || short > MAX_SHORT_SIDE || bytes * (1 + references) > MAX_PICTURE_BYTES) {
    throw new NvrError(
      'EUNSUPPORTED',
      `a picture coded as ${codedWidth} x ${codedHeight} is too large to decode: use the camera's smaller stream`,
    );
  }
  if (samples > 2 * width * height + MAX_HIDDEN) {
    throw new NvrError(
      'EUNSUPPORTED',
      `a picture coded as ${codedWidth} x ${codedHeight} that shows ${width} x ${height} of it is not decoded`,
    );
  }
}

function decodeIn<T>(library: LibDe265, { nals, sps }: WholePicture, use: (picture: H265Picture) => T): T {
  const decoder = library._de265_new_decoder();
  const scratch = library._malloc(Math.max(8, ...nals.map((nal) => nal.length)));
  if (decoder === 0 || scratch === 0) throw broken('the decoder has no memory');
  library._de265_set_parameter_bool(decoder, SUPPRESS_FAULTY, 1);
  for (const nal of nals) {
    library.HEAPU8.set(nal, scratch);
    library._de265_push_NAL(decoder, scratch, nal.length, 0, 0, 0);
  }
  library._de265_flush_data(decoder);
  // Each call consumes a NAL unit or makes one step of output, so a valid picture never reaches this bound.
  let image = 0;
  for (let step = 0; step < 2 * nals.length + 16 && image === 0; step++) {
    library._de265_decode(decoder, scratch);
    image = library._de265_get_next_picture(decoder);
    if (image === 0 && library.HEAP32[scratch >> 2] === 0) break;
  }
  if (image === 0) throw broken('no picture came out');
  const result = use({ ...viewPicture(library, image, scratch), ...(sps.sar && { sar: sps.sar }) });
  library._free(scratch);
  library._de265_free_decoder(decoder);
  return result;
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

/** Of samples deeper than 8 bits (16 bits little-endian), copies the upper 8. */
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
