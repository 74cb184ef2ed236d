import assert from 'node:assert/strict';

import fc from 'fast-check';

import { NvrError } from '../../lib/errors.js';
import { H265Decoder } from '../../lib/media/h265.js';
import type { H265Picture } from '../../lib/media/h265.js';
import { ffmpeg, planesOf, psnr } from '../kit/ffmpeg-judge.js';
import { needs } from '../kit/tools.js';

interface Clip {
  source?: string;
  width: number;
  height: number;
  format?: string;
  params?: string;
}

function encode(clip: Clip): Buffer {
  const { source = 'testsrc2', width, height, format = 'yuv420p', params = '' } = clip;
  const filter = `scale=out_color_matrix=bt601:out_range=${params.includes('range=full') ? 'pc' : 'tv'},format=${format}`;
  const input = [
    '-loglevel',
    'fatal',
    '-f',
    'lavfi',
    '-i',
    `${source}=s=${String(width)}x${String(height)}`,
    '-vf',
    filter,
    '-frames:v',
    '1',
  ];
  return ffmpeg([
    ...input,
    '-c:v',
    'libx265',
    '-x265-params',
    `log-level=none:repeat-headers=1${params}`,
    '-f',
    'hevc',
    '-',
  ]);
}

describe('H.265 keyframes in wasm', () => {
  before(function () {
    needs(this, 'ffmpeg');
  });

  const decoder = new H265Decoder();

  /** A copy, as the planes are the decoder's own. */
  const decode = (keyframe: Uint8Array): H265Picture =>
    decoder.decode(keyframe, (picture) => ({
      ...picture,
      y: picture.y.slice(),
      cb: picture.cb?.slice(),
      cr: picture.cr?.slice(),
    }));

  const clips: [string, Clip][] = [
    ['a flat-coloured picture', { width: 640, height: 360 }],
    ['a detailed picture', { source: 'mandelbrot', width: 640, height: 480 }],
    ['a size that must be cropped', { width: 174, height: 130 }],
    [
      'tiles of wavefronts with large blocks',
      { source: 'mandelbrot', width: 512, height: 256, params: ':wpp=1:ctu=64' },
    ],
    ['scaling lists', { width: 320, height: 240, params: ':scaling-list=default' }],
    ['full range', { width: 320, height: 240, params: ':range=full' }],
    ['the lowest quality', { source: 'mandelbrot', width: 320, height: 240, params: ':qp=51' }],
    ['no loss at all', { source: 'mandelbrot', width: 320, height: 240, params: ':lossless=1' }],
  ];
  for (const [what, clip] of clips) {
    it(`gives the very planes that ffmpeg decodes of ${what}`, () => {
      const keyframe = encode(clip);
      const theirs = ffmpeg(['-f', 'hevc', '-i', 'pipe:0', '-f', 'rawvideo', '-'], keyframe);
      const ours = decode(keyframe);
      assert.deepEqual(
        { width: ours.width, height: ours.height },
        { width: clip.width, height: clip.height },
      );
      assert.equal(psnr(planesOf(theirs, clip.width, clip.height), ours), Infinity);
    });
  }

  it('differs by a hair at the borders of slices, where the library filters a few samples otherwise', () => {
    const keyframe = encode({ width: 640, height: 480, params: ':slices=3' });
    const theirs = ffmpeg(['-f', 'hevc', '-i', 'pipe:0', '-f', 'rawvideo', '-'], keyframe);
    assert.ok(psnr(planesOf(theirs, 640, 480), decode(keyframe)) > 60);
  });

  it('gives 10 bits rounded to 8, and no more than 255', () => {
    const keyframe = encode({ width: 320, height: 240, format: 'yuv420p10le' });
    const theirs = ffmpeg(['-f', 'hevc', '-i', 'pipe:0', '-f', 'rawvideo', '-'], keyframe);
    const rounded = Uint8Array.from({ length: theirs.length / 2 }, (_, i) =>
      Math.min(255, (theirs.readUInt16LE(2 * i) + 2) >> 2),
    );
    assert.equal(psnr(planesOf(rounded, 320, 240), decode(keyframe)), Infinity);
  });

  it('gives luma alone for a grey stream', () => {
    const grey = decode(encode({ width: 320, height: 240, format: 'gray' }));
    assert.deepEqual({ width: grey.width, height: grey.height }, { width: 320, height: 240 });
    assert.equal(grey.cb, undefined);
  });

  it('tells range and colour matrix as the VUI says them', () => {
    const { fullRange, matrixCoefficients } = decode(
      encode({ width: 64, height: 64, params: ':range=full:colormatrix=bt709' }),
    );
    assert.deepEqual({ fullRange, matrixCoefficients }, { fullRange: true, matrixCoefficients: 1 });
    const silent = decode(encode({ width: 64, height: 64 }));
    assert.deepEqual(
      { fullRange: silent.fullRange, matrixCoefficients: silent.matrixCoefficients },
      { fullRange: false, matrixCoefficients: 2 },
    );
  });

  it('refuses 4:4:4 with EUNSUPPORTED', () => {
    const unsupported = (error: unknown): boolean =>
      error instanceof NvrError && error.code === 'EUNSUPPORTED';
    assert.throws(() => decode(encode({ width: 64, height: 64, format: 'yuv444p' })), unsupported);
  });

  it('answers broken keyframes with a picture or EDECODE, whatever is broken, and goes on', () => {
    const keyframe = encode({ source: 'mandelbrot', width: 176, height: 144 });
    const whole = decode(keyframe);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(keyframe.length - 1), fc.nat(255)), { minLength: 1, maxLength: 12 }),
        fc.nat(keyframe.length),
        (changes, length) => {
          const mutated = Buffer.from(length % 3 === 0 ? keyframe.subarray(0, length) : keyframe);
          for (const [at, value] of changes) if (at < mutated.length) mutated[at] = value;
          try {
            assert.ok(decode(mutated).width > 0);
          } catch (error) {
            assert.ok(
              error instanceof NvrError && (error.code === 'EDECODE' || error.code === 'EUNSUPPORTED'),
              String(error),
            );
          }
        },
      ),
      { numRuns: 300 },
    );
    assert.equal(psnr(whole, decode(keyframe)), Infinity);
  });

  it('answers an empty keyframe, and one without parameter sets, with EDECODE', () => {
    const keyframe = encode({ width: 64, height: 64 });
    for (const bytes of [
      Buffer.alloc(0),
      Buffer.from('hello'),
      keyframe.subarray(0, 40),
      keyframe.subarray(-200),
    ]) {
      assert.throws(
        () => decode(bytes),
        (error) => error instanceof NvrError && error.code === 'EDECODE',
      );
    }
  });
});
