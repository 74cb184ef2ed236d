// libde265 as WebAssembly, from libheif-js: compiled once; each caller gets an instance with its own memory.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import { NvrError } from '../errors.js';

/**
 * Largest memory of an instance. The largest supported picture needs less; for a larger one the allocation
 * fails and it is refused.
 */
const MAX_MEMORY = 512 * 1024 * 1024;
const PAGE = 65_536;

let compiled: WebAssembly.Module | undefined;

/** Output to the console is discarded. */
export function newLibDe265(): LibDe265 {
  const require = createRequire(__filename);
  const folder = 'libheif-js/libheif-wasm';
  compiled ??= new WebAssembly.Module(readFileSync(require.resolve(`${folder}/libheif.wasm`)));
  const module = compiled;
  const factory = require(`${folder}/libheif.js`) as (settings: object) => Partial<LibDe265>;
  const library = factory({
    print: () => undefined,
    printErr: () => undefined,
    instantiateWasm: (imports: WebAssembly.Imports, ready: (instance: WebAssembly.Instance) => unknown) => {
      const instance = new WebAssembly.Instance(module, imports);
      boundMemory(instance);
      return ready(instance);
    },
  });
  if (!library._de265_new_decoder)
    throw new NvrError('EUNSUPPORTED', 'this version of libheif-js has no H.265 decoder');
  return library as LibDe265;
}

/**
 * Bounds the memory of an instance. It grows through a single JavaScript call; `resourceLimits` of a worker
 * do not cover it.
 */
function boundMemory({ exports }: WebAssembly.Instance): void {
  const memory = Object.values(exports).find((one) => one instanceof WebAssembly.Memory);
  if (!memory) throw new NvrError('EUNSUPPORTED', 'this version of libheif-js does not export its memory');
  const grow = memory.grow.bind(memory);
  memory.grow = (pages) => {
    if (memory.buffer.byteLength + pages * PAGE > MAX_MEMORY) throw new RangeError('too much memory');
    return grow(pages);
  };
}

/**
 * The parts of the bundle used here, as declared in libheif-wasm/libheif.d.ts. Pointers and C integers are
 * numbers.
 */
export interface LibDe265 {
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
  _de265_set_parameter_bool(decoder: number, parameter: number, value: number): void;
  _de265_flush_data(decoder: number): number;
  /** Sets `more` if there is more to decode. */
  _de265_decode(decoder: number, more: number): number;
  /** Returns 0 if no picture is ready. */
  _de265_get_next_picture(decoder: number): number;
  _de265_get_chroma_format(image: number): number;
  _de265_get_image_width(image: number, channel: number): number;
  _de265_get_image_height(image: number, channel: number): number;
  _de265_get_bits_per_pixel(image: number, channel: number): number;
  _de265_get_image_plane(image: number, channel: number, stride: number): number;
  _de265_get_image_matrix_coefficients(image: number): number;
  _de265_get_image_full_range_flag(image: number): number;
}
