// libde265 in wasm, as libheif-js brings it: compiled once, and an instance with memory of its own for each
// who asks.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import { NvrError } from '../errors.js';

/**
 * Bytes that an instance's memory may grow to. The largest picture that is admitted needs less; one that asks
 * for more is refused by a failed allocation.
 */
const MAX_MEMORY = 512 * 1024 * 1024;
const PAGE = 65_536;

let compiled: WebAssembly.Module | undefined;

/** What it would print is dropped. */
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
 * Its memory grows by one call, from the side of JavaScript; `resourceLimits` of a worker do not count it.
 */
function boundMemory({ exports }: WebAssembly.Instance): void {
  const memory = Object.values(exports).find((one) => one instanceof WebAssembly.Memory);
  if (!memory) throw new NvrError('EUNSUPPORTED', 'this version of libheif-js keeps its memory to itself');
  const grow = memory.grow.bind(memory);
  memory.grow = (pages) => {
    if (memory.buffer.byteLength + pages * PAGE > MAX_MEMORY) throw new RangeError('too much memory');
    return grow(pages);
  };
}

/**
 * The part of the bundle that is used here, as libheif-wasm/libheif.d.ts declares it: pointers and C integers
 * are numbers.
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
