import assert from 'node:assert/strict';

import sinon from 'sinon';

import { joinAnnexB, splitAnnexB } from '../../lib/codec/annexb.js';
import { NvrError } from '../../lib/errors.js';
import { checkPicture } from '../../lib/media/h265-intra/index.js';
import { newLibDe265 } from '../../lib/media/h265-library.js';
import { SnapshotMaker } from '../../lib/media/snapshot-job.js';
import { H265Decoder } from '../../lib/media/h265.js';
import { BitWriter } from '../codec/bit-writer.js';
import { needs } from '../kit/tools.js';
import { ffmpeg, planesOf } from '../kit/ffmpeg-judge.js';
import { writePicture } from './h265-writer.js';
import type { Layout } from './h265-writer.js';

const NOTHING = (): void => undefined;

function encode(params: string, source = 'mandelbrot', format = 'yuv420p', frames = 1): Buffer[] {
  const input = [
    '-loglevel',
    'fatal',
    '-f',
    'lavfi',
    '-i',
    `${source}=s=320x192`,
    '-frames:v',
    String(frames),
  ];
  return splitAnnexB(
    ffmpeg([
      ...input,
      '-pix_fmt',
      format,
      '-c:v',
      'libx265',
      '-x265-params',
      `log-level=none${params}`,
      '-f',
      'hevc',
      '-',
    ]),
  );
}

const typeOf = (nal: Buffer): number => (nal[0]! >> 1) & 63;
const slicesOf = (nals: readonly Buffer[]): number[] => [...nals.keys()].filter((n) => typeOf(nals[n]!) < 32);
const isCode = (code: string) => (error: unknown) => error instanceof NvrError && error.code === code;

/** The same numbers each time. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >> 8) % below;
  };
}

describe('an H.265 keyframe read to its last bit', () => {
  const decoder = new H265Decoder();
  const size = (nals: readonly Buffer[]): number =>
    decoder.decode(joinAnnexB([...nals]), (picture) => picture.width);

  describe('of x265', () => {
    before(function () {
      needs(this, 'ffmpeg');
    });

    it('is whole with whatever tools', () => {
      for (const [params, format] of [
        [':slices=4:wpp=1', 'yuv420p'],
        [':ctu=16:tskip=1:rd=5', 'yuv420p'],
        [':ctu=32:tu-intra-depth=4:rd=6', 'yuv420p'],
        [':cu-lossless=1:rd=6:crf=2', 'yuv420p'],
        [':aq-mode=3:qg-size=8:no-signhide=1', 'yuv420p'],
        [':hrd=1:vbv-bufsize=1000:vbv-maxrate=1000:no-sao=1', 'yuv420p'],
        ['', 'gray'],
        [':qp=4', 'yuv420p10le'],
      ] as const) {
        const nals = encode(params, 'mandelbrot', format);
        const { sps } = checkPicture(nals, NOTHING);
        assert.deepEqual({ width: sps.width, height: sps.height }, { width: 320, height: 192 }, params);
      }
    });

    it('is found where it begins an open GOP, with pictures before it that are not there', () => {
      const nals = encode(':keyint=8:open-gop=1:bframes=3:repeat-headers=1', 'testsrc2', 'yuv420p', 20);
      const clean = nals.findIndex((nal) => typeOf(nal) === 21);
      assert.ok(clean > 0);
      const sets = nals.filter((nal) => typeOf(nal) >= 32 && typeOf(nal) <= 34).slice(0, 3);
      assert.equal(size([...sets, nals[clean]!]), 320);
    });

    it('is refused with EDECODE when a slice is missing, twice there, or of another picture', () => {
      const nals = encode(':slices=3');
      const slices = slicesOf(nals);
      assert.equal(slices.length, 3);
      assert.equal(size(nals), 320);
      for (const missing of slices) {
        assert.throws(() => size(nals.filter((_, n) => n !== missing)), isCode('EDECODE'));
        const twice = nals.flatMap((nal, n) => (n === missing ? [nal, nal] : [nal]));
        if (missing !== slices.at(-1)) assert.throws(() => size(twice), isCode('EDECODE'));
      }
      const other = encode(':slices=3', 'testsrc2');
      const mixed = [...nals];
      mixed[slices[2]!] = other[slicesOf(other)[1]!]!;
      assert.throws(() => size(mixed), isCode('EDECODE'));
    });

    it('is refused with EDECODE wherever a slice is cut or 20 of its bytes are overwritten', () => {
      const random = randomFrom(7);
      for (const params of [':slices=1', ':slices=4']) {
        const nals = encode(params);
        const slices = slicesOf(nals);
        for (let n = 0; n < 120; n += 1) {
          const at = slices[random(slices.length)]!;
          const nal = Buffer.from(nals[at]!);
          const damaged = [...nals];
          if (n % 2 === 0) {
            damaged[at] = nal.subarray(0, 6 + random(nal.length - 7));
          } else {
            const from = 12 + random(nal.length - 32);
            for (let i = from; i < from + 20; i += 1) nal[i] = (nal[i]! ^ 0x5a) | 1;
            damaged[at] = nal;
          }
          assert.throws(() => size(damaged), isCode('EDECODE'), `${params}, damage ${String(n)}`);
        }
      }
      assert.equal(size(encode(':slices=4')), 320, 'it goes on');
    });

    it('is decoded in memory that no other camera’s picture has been in', () => {
      const data = joinAnnexB(encode(''));
      const made = sinon.spy(WebAssembly, 'Instance');
      try {
        const maker = new SnapshotMaker();
        const instances = [1, 1, 2, 2, 1].map((camera) => {
          maker.make({ codec: 'h265', data, quality: 50, camera });
          return made.callCount;
        });
        assert.deepEqual(instances, [1, 1, 2, 2, 3]);
      } finally {
        made.restore();
      }
    });
  });

  describe('written by hand', () => {
    const layouts: [string, Omit<Layout, 'random' | 'breaks'>, number][] = [
      ['one slice', { width: 168, height: 104, log2Ctb: 4, columns: [11], rows: [7], wavefronts: false }, 0],
      [
        'slices and dependent segments anywhere',
        { width: 168, height: 104, log2Ctb: 4, columns: [11], rows: [7], wavefronts: false },
        5,
      ],
      [
        'tiles',
        { width: 168, height: 104, log2Ctb: 4, columns: [3, 1, 7], rows: [2, 5], wavefronts: false },
        0,
      ],
      [
        'tiles with slices in them',
        { width: 168, height: 104, log2Ctb: 4, columns: [4, 7], rows: [3, 4], wavefronts: false },
        4,
      ],
      ['wavefronts', { width: 168, height: 104, log2Ctb: 4, columns: [11], rows: [7], wavefronts: true }, 0],
      [
        'wavefronts in slices',
        { width: 168, height: 104, log2Ctb: 4, columns: [11], rows: [7], wavefronts: true },
        4,
      ],
      [
        'wavefronts of one column',
        { width: 16, height: 104, log2Ctb: 4, columns: [1], rows: [7], wavefronts: true },
        0,
      ],
      [
        'large trees, cut by the border',
        { width: 200, height: 136, log2Ctb: 6, columns: [4], rows: [3], wavefronts: false },
        2,
      ],
    ];
    for (const [what, shape, often] of layouts) {
      it(`is whole with ${what}, and says the same as ffmpeg`, function () {
        needs(this, 'ffmpeg');
        const random = randomFrom(what.length);
        const layout = { ...shape, random, breaks: breaksOf(shape, often, randomFrom(3)) };
        const { nals, blocks } = writePicture(layout);
        assert.equal(checkPicture(nals, NOTHING).sps.width, shape.width);

        const stream = joinAnnexB(nals);
        const { width, height } = shape;
        const theirs = planesOf(
          ffmpeg(['-threads', '1', '-f', 'hevc', '-i', 'pipe:0', '-f', 'rawvideo', '-'], stream),
          width,
          height,
        );
        decoder.decode(stream, (ours) => {
          for (const plane of [theirs, ours]) {
            for (const { x, y, side, luma } of blocks)
              for (let row = y; row < y + side; row += 1)
                for (let column = x; column < x + side; column += 1)
                  assert.equal(plane.y[row * plane.yStride + column], luma);
          }
        });

        for (const slice of slicesOf(nals))
          assert.throws(
            () =>
              checkPicture(
                nals.filter((_, n) => n !== slice),
                NOTHING,
              ),
            isCode('EDECODE'),
          );
      });
    }
  });

  describe('by its cost', () => {
    /**
     * An SPS of a coded size that shows `shown` x `shown` of it; and a PPS and the beginning of an IDR slice.
     */
    const keyframe = (
      codedWidth: number,
      codedHeight: number,
      shown: number,
      shownHeight = shown,
      depth = 8,
    ): Buffer => {
      const sps = new BitWriter().u(0, 4).u(0, 3).flag(true);
      sps.u(0, 3).u(1, 5).u(0x6000, 16).u(0, 16).u(0x90, 8).u(0, 24).u(0, 16).u(186, 8);
      sps.ue(0).ue(1).ue(codedWidth).ue(codedHeight);
      sps
        .flag(true)
        .ue(0)
        .ue((codedWidth - shown) / 2)
        .ue(0)
        .ue((codedHeight - shownHeight) / 2);
      sps
        .ue(depth - 8)
        .ue(depth - 8)
        .ue(4)
        .flag(true)
        .ue(15)
        .ue(0)
        .ue(0)
        .ue(0)
        .ue(3)
        .ue(0)
        .ue(3)
        .ue(0)
        .ue(0);
      sps
        .flag(false)
        .flag(false)
        .flag(false)
        .flag(false)
        .ue(0)
        .flag(false)
        .flag(false)
        .flag(false)
        .flag(false)
        .flag(false);
      const pps = new BitWriter()
        .ue(0)
        .ue(0)
        .flag(false)
        .flag(false)
        .u(0, 3)
        .flag(false)
        .flag(false)
        .ue(0)
        .ue(0);
      pps
        .se(0)
        .flag(false)
        .flag(false)
        .flag(false)
        .se(0)
        .se(0)
        .flag(false)
        .u(0, 2)
        .flag(false)
        .flag(false)
        .flag(false);
      pps.flag(false).flag(false).flag(false).flag(false).ue(0).flag(false).flag(false);
      const slice = new BitWriter().flag(true).flag(false).ue(0).ue(2).se(0);
      const data = Buffer.concat([slice.nal(0x26, 1), Buffer.alloc(2000, 0x55)]);
      return joinAnnexB([sps.nal(0x42, 1), pps.nal(0x44, 1), data]);
    };

    for (const [width, height, shown] of [
      [65_528, 65_528, 64],
      [65_528, 64, 64],
      [16_384, 16_384, 16_384],
      [4672, 4672, 4672],
      [8192, 4608, 64],
      [1920, 1080, 64],
    ] as const) {
      it(`is refused at once where ${String(width)} x ${String(height)} are coded and ${String(shown)} a side shown`, () => {
        const before = process.memoryUsage().rss;
        assert.throws(() => {
          decoder.decode(keyframe(width, height, shown), NOTHING);
        }, isCode('EUNSUPPORTED'));
        assert.ok(process.memoryUsage().rss - before < 32 * 1024 * 1024);
      });
    }

    it('is refused where its samples, with those of the pictures it names, take more than 96 MiB', () => {
      // 8192 x 4608 passes in 8 bits, and is then broken; in 10 bits it takes 108 MiB.
      assert.throws(() => {
        decoder.decode(keyframe(8192, 4608, 8192, 4608), NOTHING);
      }, isCode('EDECODE'));
      assert.throws(() => {
        decoder.decode(keyframe(8192, 4608, 8192, 4608, 10), NOTHING);
      }, isCode('EUNSUPPORTED'));
    });

    it('cannot make the library’s memory grow without end', () => {
      const library = newLibDe265();
      assert.notEqual(library._malloc(64 * 1024 * 1024), 0);
      assert.equal(library._malloc(600 * 1024 * 1024), 0);
      assert.ok(library.HEAPU8.length <= 512 * 1024 * 1024);
    });
  });
});

/**
 * Breaks at about one place in `often` (0: none), where the standard allows them: a tile that is cut is cut
 * at its ends too, and so is a row of wavefronts, whose slices end with it where they begin within.
 */
function breaksOf(
  shape: Omit<Layout, 'random' | 'breaks'>,
  often: number,
  random: (below: number) => number,
): Layout['breaks'] {
  if (often === 0) return () => undefined;
  const { columns, rows, wavefronts } = shape;
  const kinds: ('slice' | 'segment' | undefined)[] = [];
  for (const height of rows) {
    for (const width of columns) {
      let sliceInRow = false;
      for (let n = 0; n < width * height; n += 1) {
        const rowStart = wavefronts && n % width === 0;
        const cut = n === 0 || rowStart || random(often) === 0;
        const slice = n === 0 || (rowStart && sliceInRow) || random(2) === 0;
        kinds.push(cut ? (slice ? 'slice' : 'segment') : undefined);
        if (cut && slice) sliceInRow = !rowStart;
      }
    }
  }
  return (place) => kinds[place];
}
