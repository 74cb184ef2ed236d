// Clips for the H.264 keyframe decoder: made and judged by ffmpeg, rewritten where x264 has no option for it,
// and mutated.

import assert from 'node:assert/strict';

import { joinAnnexB, splitAnnexB } from '../../lib/codec/annexb.js';
import { NvrError } from '../../lib/errors.js';
import { IntraDecoder } from '../../lib/media/h264-intra/index.js';
import type { DecodedPicture } from '../../lib/media/h264-intra/index.js';
import { ffmpeg } from '../kit/ffmpeg-judge.js';

export interface Clip {
  readonly source?: string;
  readonly width: number;
  readonly height: number;
  readonly frames?: number;
  readonly format?: string;
  /** Of libx264's -x264-params, `:` between. */
  readonly params?: string;
  readonly options?: readonly string[];
}

const SLICE = 1;
const IDR = 5;
const SPS = 7;
const PPS = 8;

/** Every frame is a keyframe, unless `options` say otherwise. */
export function encode(clip: Clip): Buffer {
  const {
    source = 'testsrc2',
    width,
    height,
    frames = 3,
    format = 'yuv420p',
    params = '',
    options = [],
  } = clip;
  return ffmpeg([
    ...[
      '-loglevel',
      'error',
      '-f',
      'lavfi',
      '-i',
      `${source}=s=${width}x${height}`,
      '-frames:v',
      String(frames),
    ],
    ...['-pix_fmt', format, '-c:v', 'libx264', '-g', '1', '-threads', '1', ...options],
    ...['-x264-params', `log-level=none${params === '' ? '' : `:${params}`}`, '-f', 'h264', '-'],
  ]);
}

/** The frames of a clip as ffmpeg's rawvideo, end to end. */
export function reference(clip: Buffer, ...options: string[]): Buffer {
  const input = ['-loglevel', 'error', ...options, '-f', 'h264', '-i', '-'];
  return ffmpeg([...input, '-fps_mode', 'passthrough', '-f', 'rawvideo', '-'], clip);
}

export const typeOf = (nal: Uint8Array): number => nal[0]! & 31;

/** Each intra picture with the parameter sets before it. */
export function pictures(clip: Buffer): Buffer[] {
  const all: Buffer[][] = [];
  let sets: Buffer[] = [];
  for (const nal of splitAnnexB(clip)) {
    const type = typeOf(nal);
    if (type === SPS) sets = [];
    if (type === SPS || type === PPS) sets.push(nal);
    if (type !== SLICE && type !== IDR) continue;
    // first_mb_in_slice 0 is a single 1.
    if (nal[1]! >= 0x80) all.push([...sets]);
    all.at(-1)!.push(nal);
  }
  return all.map(joinAnnexB);
}

/** The planes as rawvideo has them; grey ones with the chroma that ffmpeg gives them. */
export function rawOf(picture: DecodedPicture): Buffer {
  const { width, height } = picture;
  const cWidth = (width + 1) >> 1;
  const cHeight = (height + 1) >> 1;
  const raw = Buffer.alloc(width * height + 2 * cWidth * cHeight, 128);
  let at = 0;
  const copy = (plane: Uint8Array | undefined, stride: number, columns: number, rows: number): void => {
    for (let y = 0; y < rows && plane; y += 1)
      raw.set(plane.subarray(y * stride, y * stride + columns), at + y * columns);
    at += columns * rows;
  };
  copy(picture.y, picture.yStride, width, height);
  copy(picture.cb, picture.cStride, cWidth, cHeight);
  copy(picture.cr, picture.cStride, cWidth, cHeight);
  return raw;
}

/** Decodes every picture and compares each with ffmpeg's, byte for byte. Gives their count. */
export function compare(clip: Buffer, decoder: IntraDecoder, name: string, raw = reference(clip)): number {
  const all = pictures(clip);
  let at = 0;
  for (const [n, data] of all.entries()) {
    const picture = decoder.decode(data);
    const ours = rawOf(picture);
    const theirs = raw.subarray(at, at + ours.length);
    at += ours.length;
    if (ours.equals(theirs)) continue;
    const first = ours.findIndex((value, i) => value !== theirs[i]);
    assert.fail(`${name}, picture ${n}: byte ${first} is ${ours[first]!}, not ${String(theirs[first])}`);
  }
  assert.equal(raw.length, at, `${name}: ffmpeg gives as many bytes`);
  return all.length;
}

/** A deterministic source of numbers in [0, 1). */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** The bound on one mutated picture: even one that claims 8192 x 4608 has few bytes to go on with. */
const SLOWEST_MS = 3000;

export interface MutationResult {
  decoded: number;
  damaged: number;
  unsupported: number;
  slowestMs: number;
}

/**
 * Keyframes for the mutations: both entropy coders, all macroblock types, several slices; 176x144 and less.
 */
export function mutationClips(): Buffer[] {
  return [
    { width: 64, height: 48, options: ['-profile:v', 'baseline', '-qp', '28'] },
    { width: 176, height: 144, params: 'slices=3', options: ['-profile:v', 'baseline', '-qp', '36'] },
    { width: 80, height: 64, source: 'mandelbrot', options: ['-profile:v', 'main', '-qp', '26'] },
    { width: 98, height: 82, source: 'mandelbrot', params: 'slices=2:cqm=jvt', options: ['-qp', '24'] },
    { width: 176, height: 144, options: ['-qp', '38'] },
    { width: 64, height: 64, params: 'cabac=0', options: ['-vf', 'noise=alls=100:allf=t', '-qp', '1'] },
    { width: 64, height: 64, options: ['-vf', 'noise=alls=100:allf=t', '-qp', '1'] },
    { width: 96, height: 64, format: 'gray', options: ['-qp', '30'] },
  ].flatMap((clip) => pictures(encode({ ...clip, frames: 2 })));
}

/** Throws on anything but a picture or a typed error within its time. */
export function decodeMutated(keyframes: readonly Buffer[], count: number, seed: number): MutationResult {
  const decoder = new IntraDecoder();
  const next = random(seed);
  const result: MutationResult = { decoded: 0, damaged: 0, unsupported: 0, slowestMs: 0 };
  for (let n = 0; n < count; n += 1) {
    const data = mutate(keyframes[Math.floor(next() * keyframes.length)]!, next);
    const start = performance.now();
    try {
      const picture = decoder.decode(data);
      assert.ok(picture.y.length >= (picture.height - 1) * picture.yStride + picture.width);
      result.decoded += 1;
    } catch (error) {
      if (!(error instanceof NvrError)) throw new Error(`mutation ${n} of seed ${seed}`, { cause: error });
      assert.ok(error.code === 'EDECODE' || error.code === 'EUNSUPPORTED', `${error.code} of mutation ${n}`);
      if (error.code === 'EDECODE') result.damaged += 1;
      else result.unsupported += 1;
    }
    const taken = performance.now() - start;
    assert.ok(taken < SLOWEST_MS, `mutation ${n} of seed ${seed} took ${Math.round(taken)} ms`);
    result.slowestMs = Math.max(result.slowestMs, taken);
  }
  return result;
}

function mutate(original: Buffer, next: () => number): Buffer {
  let data = Buffer.from(original);
  const place = (): number => Math.floor(next() * data.length);
  const times = 1 + Math.floor(next() * 4);
  for (let i = 0; i < times && data.length > 8; i += 1) {
    const at = place();
    const length = 1 + Math.floor(next() * 32);
    switch (Math.floor(next() * 8)) {
      case 0:
        data[at] = Math.floor(next() * 256);
        break;
      case 1:
        data = data.subarray(0, at);
        break;
      case 2:
        data = Buffer.concat([data.subarray(0, at), data.subarray(at + length)]);
        break;
      case 3:
        data = Buffer.concat([data.subarray(0, at + length), data.subarray(at)]);
        break;
      case 4:
        data.fill(next() < 0.5 ? 0 : 255, at, Math.min(data.length, at + length));
        break;
      case 5:
        // The parameter sets and the slice header stand in the first bytes.
        data[Math.floor(next() * Math.min(60, data.length))]! ^= 1 << Math.floor(next() * 8);
        break;
      default:
        data[at]! ^= 1 << Math.floor(next() * 8);
    }
  }
  return data;
}
