import assert from 'node:assert/strict';

import fc from 'fast-check';

import { NvrError } from '../../../lib/errors.js';
import { encodeJpeg } from '../../../lib/media/jpeg/encode.js';
import { toJpeg } from '../../../lib/media/jpeg/index.js';
import type { PlanarPicture } from '../../../lib/media/jpeg/picture.js';
import { resize, shownSize } from '../../../lib/media/jpeg/scale.js';
import { jpegSize } from '../../../lib/media/jpeg/size.js';
import { quantTables } from '../../../lib/media/jpeg/tables.js';
import { some } from '../../kit/cases.js';
import { decodeJpeg, ffmpeg, lavfiFrame, planesOf, psnr } from '../../kit/ffmpeg-judge.js';
import { needs } from '../../kit/tools.js';

/** Any content, without ffmpeg: smooth waves with some noise. */
function waves(width: number, height: number, grey = false): PlanarPicture {
  const cStride = (width + 1) >> 1;
  const plane = (columns: number, rows: number, step: number): Uint8Array =>
    Uint8Array.from(
      { length: columns * rows },
      (_, n) => 128 + 90 * Math.sin((n % columns) * step) * Math.cos(Math.floor(n / columns) * step),
    );
  const y = plane(width, height, 0.05);
  if (grey) return { width, height, y, yStride: width, cStride };
  const rows = (height + 1) >> 1;
  return {
    width,
    height,
    y,
    yStride: width,
    cb: plane(cStride, rows, 0.07),
    cr: plane(cStride, rows, 0.09),
    cStride,
  };
}

function flat(width: number, height: number, y: number, cb: number, cr: number): PlanarPicture {
  const chroma = ((width + 1) >> 1) * ((height + 1) >> 1);
  const fill = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
  return {
    width,
    height,
    y: fill(width * height, y),
    yStride: width,
    cb: fill(chroma, cb),
    cr: fill(chroma, cr),
    cStride: (width + 1) >> 1,
  };
}

describe('the JPEG encoder', () => {
  it('scales the quantization tables as libjpeg does', () => {
    assert.deepEqual([...quantTables(50).luma.subarray(0, 4)], [16, 11, 10, 16]);
    assert.deepEqual([...quantTables(80).luma.subarray(0, 4)], [6, 4, 4, 6]);
    assert.deepEqual([...quantTables(100).chroma.subarray(0, 4)], [1, 1, 1, 1]);
    assert.equal(quantTables(1).luma[0], 255);
  });

  it('takes any quality, and a better one makes a larger file', () => {
    const sizes = [-5, 1, 50, 80, 100, 300].map(
      (quality) => encodeJpeg(waves(64, 64), { quality, fullRange: true }).length,
    );
    assert.deepEqual(
      [...sizes].sort((a, b) => a - b),
      sizes,
    );
  });

  it('refuses empty, oversized and short planes with EUNSUPPORTED', () => {
    const good = waves(32, 32);
    for (const bad of [
      { width: 0 },
      { height: -1 },
      { width: 70000 },
      { width: 1.5 },
      { y: good.y.subarray(1) },
      { cStride: 3 },
      { cr: new Uint8Array(4) },
    ]) {
      assert.throws(
        () => encodeJpeg({ ...good, ...bad }, { quality: 80, fullRange: true }),
        (error) => error instanceof NvrError && error.code === 'EUNSUPPORTED',
      );
    }
  });

  it('encodes planes of any size, noise included, to a file that tells its size', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 70 }),
        fc.integer({ min: 1, max: 70 }),
        fc.integer({ min: 1, max: 100 }),
        fc.infiniteStream(fc.nat(255)),
        (width, height, quality, noise) => {
          const picture = waves(width, height);
          const y = picture.y.map(() => noise.next().value as number);
          const jpeg = encodeJpeg({ ...picture, y }, { quality, fullRange: false });
          assert.deepEqual(jpegSize(jpeg), { width, height });
        },
      ),
      { numRuns: 60 },
    );
  });

  describe('judged by ffmpeg', () => {
    before(function () {
      needs(this, 'ffmpeg');
    });

    for (const [source, skip] of some(
      [
        ['mandelbrot', 40],
        ['testsrc2', 10],
        ['smptehdbars', 0],
      ] as const,
      1,
    )) {
      it(`keeps a ${source} picture within 38 dB of its planes at quality 80`, () => {
        const planes = planesOf(lavfiFrame(source, 1280, 720, 'yuvj420p', skip), 1280, 720);
        const decoded = decodeJpeg(encodeJpeg(planes, { quality: 80, fullRange: true }), 1280, 720);
        assert.ok(psnr(planes, decoded) > 38, `${psnr(planes, decoded).toFixed(2)} dB`);
      });
    }

    for (const [width, height] of [
      [1, 1],
      [2, 2],
      [7, 9],
      [15, 17],
      [16, 16],
      [33, 31],
      [177, 143],
    ] as const) {
      it(`encodes ${String(width)} x ${String(height)} in colour and in grey`, () => {
        for (const grey of [false, true]) {
          const planes = waves(width, height, grey);
          const decoded = decodeJpeg(
            encodeJpeg(planes, { quality: 95, fullRange: true }),
            width,
            height,
            grey,
          );
          assert.ok(psnr(planes, decoded) > 38, `${psnr(planes, decoded).toFixed(2)} dB`);
        }
      });
    }

    it('ignores what lies between width and stride', () => {
      const tight = waves(50, 40);
      const widen = (plane: Uint8Array, width: number, stride: number, rows: number): Uint8Array => {
        const wide = new Uint8Array(stride * rows).fill(255);
        for (let row = 0; row < rows; row++)
          wide.set(plane.subarray(row * width, (row + 1) * width), row * stride);
        return wide;
      };
      const loose = {
        ...tight,
        y: widen(tight.y, 50, 64, 40),
        yStride: 64,
        cb: widen(tight.cb!, 25, 32, 20),
        cr: widen(tight.cr!, 25, 32, 20),
        cStride: 32,
      };
      assert.deepEqual(
        encodeJpeg(loose, { quality: 90, fullRange: true }),
        encodeJpeg(tight, { quality: 90, fullRange: true }),
      );
    });

    it('stretches limited range to the full range of JFIF as ffmpeg does', () => {
      const raw = lavfiFrame('testsrc2', 640, 360, 'yuv420p', 10);
      const stretched = ffmpeg(
        [
          '-f',
          'rawvideo',
          '-s',
          '640x360',
          '-pix_fmt',
          'yuv420p',
          '-i',
          'pipe:0',
          '-vf',
          'scale=in_range=tv:out_range=pc',
          '-pix_fmt',
          'yuvj420p',
          '-f',
          'rawvideo',
          '-',
        ],
        raw,
      );
      const decoded = decodeJpeg(
        encodeJpeg(planesOf(raw, 640, 360), { quality: 95, fullRange: false }),
        640,
        360,
      );
      assert.ok(psnr(planesOf(stretched, 640, 360), decoded) > 40);
    });

    it('makes black 0, white 255 and clamps what lies beyond', () => {
      for (const [y, expected] of [
        [16, 0],
        [235, 255],
        [0, 0],
        [255, 255],
      ] as const) {
        const decoded = decodeJpeg(
          encodeJpeg(flat(16, 16, y, 128, 128), { quality: 90, fullRange: false }),
          16,
          16,
        );
        assert.equal(decoded.y[0], expected);
        assert.equal(decoded.cb![0], 128);
      }
    });

    it("shows a BT.709 video's red as red: the colours become those of BT.601", () => {
      // Pure red in limited-range BT.709 (Y 63, Cb 102, Cr 240); JFIF's red is Y 76, Cb 85, Cr 255.
      const jpeg = toJpeg(flat(32, 32, 63, 102, 240), {
        quality: 100,
        fullRange: false,
        matrixCoefficients: 1,
      });
      const rgb = ffmpeg(
        ['-f', 'jpeg_pipe', '-i', 'pipe:0', '-pix_fmt', 'rgb24', '-f', 'rawvideo', '-'],
        jpeg.data,
      );
      assert.ok(rgb[0]! >= 252 && rgb[1]! <= 4 && rgb[2]! <= 4, [...rgb.subarray(0, 3)].join());
    });

    it('converts BT.709 as ffmpeg converts it', () => {
      const raw = lavfiFrame(
        'testsrc2',
        640,
        360,
        'yuv420p',
        10,
        'scale=out_color_matrix=bt709:out_range=tv,',
      );
      const filter =
        'scale=in_color_matrix=bt709:in_range=tv:out_color_matrix=bt601:out_range=pc:flags=accurate_rnd+bitexact';
      const theirs = ffmpeg(
        [
          '-f',
          'rawvideo',
          '-s',
          '640x360',
          '-pix_fmt',
          'yuv420p',
          '-i',
          'pipe:0',
          '-vf',
          filter,
          '-pix_fmt',
          'yuvj420p',
          '-f',
          'rawvideo',
          '-',
        ],
        raw,
      );
      const jpeg = toJpeg(planesOf(raw, 640, 360), {
        quality: 100,
        fullRange: false,
        matrixCoefficients: 1,
      });
      const likeness = psnr(planesOf(theirs, 640, 360), decodeJpeg(jpeg.data, 640, 360));
      assert.ok(likeness > 35, String(likeness));
    });

    it('converts the last lines and columns of any size too', () => {
      for (const [width, height] of [
        [1, 1],
        [17, 33],
        [31, 47],
        [64, 16],
      ] as const) {
        // Red in limited-range BT.709.
        const jpeg = toJpeg(flat(width, height, 63, 102, 240), {
          quality: 100,
          fullRange: false,
          matrixCoefficients: 1,
        });
        const { y, cb, cr } = decodeJpeg(jpeg.data, width, height);
        assert.ok(y.every((sample) => Math.abs(sample - 76) <= 2));
        assert.ok(cb!.every((sample) => Math.abs(sample - 85) <= 2));
        assert.ok(cr!.every((sample) => sample >= 252));
      }
    });

    it('makes a picture smaller as an area average does', () => {
      const raw = lavfiFrame('mandelbrot', 1280, 720, 'yuvj420p', 40);
      const theirs = ffmpeg(
        [
          '-f',
          'rawvideo',
          '-s',
          '1280x720',
          '-pix_fmt',
          'yuvj420p',
          '-i',
          'pipe:0',
          '-vf',
          'scale=500:-2:flags=area',
          '-f',
          'rawvideo',
          '-',
        ],
        raw,
      );
      const jpeg = toJpeg(planesOf(raw, 1280, 720), {
        quality: 95,
        fullRange: true,
        matrixCoefficients: 6,
        width: 500,
      });
      assert.deepEqual({ width: jpeg.width, height: jpeg.height }, { width: 500, height: 282 });
      assert.ok(psnr(planesOf(theirs, 500, 282), decodeJpeg(jpeg.data, 500, 282)) > 35);
    });
  });
});

describe('making a picture smaller', () => {
  it('gives even sizes, keeps the aspect and never makes one larger', () => {
    assert.deepEqual(shownSize({ width: 1920, height: 1080 }, 640), { width: 640, height: 360 });
    assert.deepEqual(shownSize({ width: 1920, height: 1080 }, 641), { width: 640, height: 360 });
    assert.deepEqual(shownSize({ width: 720, height: 576 }, 353), { width: 352, height: 282 });
    assert.deepEqual(shownSize({ width: 640, height: 360 }, 1920), { width: 640, height: 360 });
    assert.deepEqual(shownSize({ width: 4000, height: 10 }, 1), { width: 2, height: 2 });
  });

  it('keeps an even area even, whatever the ratio', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 3, max: 90 }),
        fc.integer({ min: 2, max: 90 }),
        fc.integer({ min: 1, max: 100 }),
        (width, height, target) => {
          const picture = flat(width, height, 200, 50, 100);
          const small = resize(picture, shownSize(picture, target));
          assert.ok(small.width <= width && small.height <= height);
          assert.equal(small.y.length, small.yStride * small.height);
          assert.ok(small.y.every((sample) => sample === 200));
          assert.ok(small.cb!.every((sample) => sample === 50));
          assert.ok(small.cr!.every((sample) => sample === 100));
        },
      ),
    );
  });
});

describe("reading a JPEG's size", () => {
  it('finds it behind other segments and fill bytes', () => {
    const jpeg = encodeJpeg(waves(33, 17), { quality: 50, fullRange: true });
    const padded = Buffer.concat([
      jpeg.subarray(0, 2),
      Buffer.of(0xff, 0xfe, 0, 4, 1, 2, 0xff),
      jpeg.subarray(2),
    ]);
    assert.deepEqual(jpegSize(padded), { width: 33, height: 17 });
  });

  it('answers undefined for anything else, and always ends', () => {
    assert.equal(jpegSize(Buffer.from('GIF89a')), undefined);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        const size = jpegSize(Buffer.concat([Buffer.of(0xff, 0xd8), noise]));
        assert.ok(size === undefined || size.width >= 0);
      }),
    );
  });
});

describe('pixels that are not square', () => {
  const PAL = { width: 16, height: 11 };

  it('give the width that a picture is shown in, its lines kept', () => {
    assert.deepEqual(shownSize({ width: 704, height: 576 }, undefined, PAL), { width: 1024, height: 576 });
    assert.deepEqual(shownSize({ width: 704, height: 576 }, undefined, { width: 12, height: 11 }), {
      width: 768,
      height: 576,
    });
    assert.deepEqual(shownSize({ width: 720, height: 480 }, undefined, { width: 10, height: 11 }), {
      width: 654,
      height: 480,
    });
  });

  it('count where a width is asked for', () => {
    assert.deepEqual(shownSize({ width: 704, height: 576 }, 900, PAL), { width: 900, height: 506 });
    assert.deepEqual(shownSize({ width: 704, height: 576 }, 512, PAL), { width: 512, height: 288 });
    assert.deepEqual(shownSize({ width: 704, height: 576 }, 1024, PAL), { width: 1024, height: 576 });
    assert.deepEqual(shownSize({ width: 8192, height: 4320 }, undefined, { width: 4, height: 1 }), {
      width: 8192,
      height: 1080,
    });
  });

  it('never make a picture wider than was asked for, an odd width neither', () => {
    const wide = { width: 3, height: 2 };
    assert.deepEqual(shownSize({ width: 682, height: 576 }, 1023, wide), { width: 1022, height: 576 });
    assert.deepEqual(shownSize({ width: 682, height: 576 }, 1024, wide), { width: 1024, height: 576 });
  });

  it('keep an even area even, wider or narrower', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 90 }),
        fc.integer({ min: 2, max: 90 }),
        fc.integer({ min: 1, max: 400 }),
        fc.record({ width: fc.integer({ min: 1, max: 64 }), height: fc.integer({ min: 16, max: 64 }) }),
        (width, height, target, sar) => {
          const picture = flat(width, height, 200, 50, 100);
          const shown = resize(picture, shownSize(picture, target, sar));
          assert.ok(shown.width <= Math.max(2, target) && shown.height <= height);
          assert.equal(shown.y.length, shown.yStride * shown.height);
          assert.ok(shown.y.every((sample) => sample === 200));
          assert.ok(shown.cb!.every((sample) => sample === 50));
          assert.equal(shown.cr!.length, shown.cStride * ((shown.height + 1) >> 1));
          assert.ok(shown.cr!.every((sample) => sample === 100));
        },
      ),
    );
  });
});
