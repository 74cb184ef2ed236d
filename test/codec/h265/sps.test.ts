import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseH265Sps } from '../../../lib/codec/h265/sps.js';
import { BitWriter } from '../bit-writer.js';

/** Made with `ffmpeg -f lavfi -i testsrc2=size=…:rate=… -c:v libx265 -x265-params …`. */
const X265: [name: string, hex: string, expected: Record<string, unknown>][] = [
  [
    '1920x1080 at 25, Main',
    '420101016000000300900000030000030078a003c08010e596566924caf0168080000003008000000c84',
    {
      width: 1920,
      height: 1080,
      frameRate: 25,
      profile: 'Main',
      codecString: 'hvc1.1.6.L120.90',
      colour: undefined,
    },
  ],
  [
    '722x406 at 29.97: conformance window',
    '42010101600000030090000003000003005aa005b20199c9596566924caf01680800001f480003a98040',
    { width: 722, height: 406, frameRate: 29.97, profile: 'Main', codecString: 'hvc1.1.6.L90.90' },
  ],
  [
    '642x362 at 12.5, Main 10, full range, colours, overscan, chroma location',
    '42010102200000030090000003000003003fa005120171c92365959a4932bc0edc04080a9040000003008000000642',
    {
      width: 642,
      height: 362,
      frameRate: 12.5,
      profile: 'Main 10',
      codecString: 'hvc1.2.4.L63.90',
      colour: { primaries: 1, transfer: 2, matrix: 2, fullRange: true },
    },
  ],
  [
    '1280x720 at 50, 4:2:2, level 5.1 high tier asked for',
    '4201012408000003009d08000003000099b00280802d165959a4932bc05a020000030002000003006410',
    {
      width: 1280,
      height: 720,
      frameRate: 50,
      profile: 'Range Extensions',
      highTier: true,
      codecString: 'hvc1.4.10.H153.9D.8',
    },
  ],
  [
    '322x242 at 15, 4:4:4, scaling lists on',
    '4201010408000003009e0800000300003c90014901f39e7cb2b349272bc05a020000030002000003001e10',
    { width: 322, height: 242, frameRate: 15, codecString: 'hvc1.4.10.L60.9E.8' },
  ],
  [
    '640x360 at 25, monochrome with a temporal layer',
    '4201020408000003009fc800000300003f0000c0140805a5965662b349265780b6040000030004000003006420',
    {
      width: 640,
      height: 360,
      frameRate: 25,
      codecString: 'hvc1.4.10.L63.9F.C8',
      chromaFormat: 0,
      temporalLayers: 2,
      temporalIdNested: false,
    },
  ],
  [
    '720x576 of 27:20 pixels with the colours of HD',
    '42010101600000030090000003000003005aa005a20090596566924cafff001b00146a02020208000003000800000300c840',
    {
      width: 720,
      height: 576,
      frameRate: 25,
      sar: { width: 27, height: 20 },
      colour: { primaries: 1, transfer: 1, matrix: 1, fullRange: false },
      generalProfile: [1, 96, 0, 0, 0, 144, 0, 0, 0, 0, 0, 90],
      temporalLayers: 1,
      temporalIdNested: true,
      lumaDepth: 8,
      chromaDepth: 8,
    },
  ],
];

const HEADER = [0x42, 0x01];

interface HandMade {
  subLayers?: (writer: BitWriter) => void;
  maxSubLayersMinus1?: number;
  profile?: number;
  space?: number;
  id?: number;
  chroma?: number;
  separate?: boolean;
  width?: number;
  window?: [number, number, number, number];
}

/** Everything up to the conformance window, of 640x360 unless told otherwise. */
function start(options: HandMade = {}): BitWriter {
  const writer = new BitWriter()
    .u(0, 4)
    .u(options.maxSubLayersMinus1 ?? 0, 3)
    .flag(true);
  writer
    .u(options.space ?? 0, 2)
    .flag(false)
    .u(options.profile ?? 1, 5)
    .u(0x60000000, 32)
    .u(0, 32)
    .u(0, 16)
    .u(93, 8);
  options.subLayers?.(writer);
  writer.ue(options.id ?? 0).ue(options.chroma ?? 1);
  if (options.chroma === 3) writer.flag(options.separate ?? false);
  writer
    .ue(options.width ?? 640)
    .ue(360)
    .flag(options.window !== undefined);
  for (const side of options.window ?? []) writer.ue(side);
  return writer;
}

/** Sub-layers of which nothing is told. */
function noLayers(count: number): (writer: BitWriter) => void {
  return (writer) => {
    for (let i = 0; i < count; i += 1) writer.flag(false).flag(false);
    if (count > 0) writer.u(0, 2 * (8 - count));
  };
}

/** From the bit depths to the tools before the short-term sets. */
function middle(writer: BitWriter, scaling?: (writer: BitWriter) => void, pcm = false): BitWriter {
  writer.ue(0).ue(0).ue(4).flag(true).ue(4).ue(2).ue(0);
  for (let i = 0; i < 6; i += 1) writer.ue(1);
  writer.flag(scaling !== undefined);
  if (scaling !== undefined) {
    writer.flag(true);
    scaling(writer);
  }
  writer.flag(false).flag(true).flag(pcm);
  if (pcm) writer.u(0x77, 8).ue(0).ue(1).flag(true);
  return writer;
}

/** Temporal tools, and a VUI that says 25 frames a second. */
function end(writer: BitWriter): Buffer {
  writer.flag(true).flag(true).flag(true);
  writer.flag(false).flag(false).flag(false).flag(false).u(0, 3).flag(true).ue(0).ue(0).ue(0).ue(0);
  return writer
    .flag(true)
    .u(1, 32)
    .u(25, 32)
    .flag(false)
    .nal(...HEADER);
}

describe('parseH265Sps', () => {
  for (const [name, bytes, expected] of X265) {
    it(`reads ${name}`, () => {
      const sps = parseH265Sps(Buffer.from(bytes, 'hex'));
      assert.ok(sps);
      for (const [key, value] of Object.entries(expected))
        assert.deepEqual(sps[key as keyof typeof sps], value, key);
    });
  }

  it('finds the frame rate behind short-term sets, predicted ones included, and long-term pictures', () => {
    const writer = middle(start()).ue(3);
    writer.ue(2).ue(1).ue(0).flag(true).ue(0).flag(true).ue(1).flag(false);
    // Predicted from a set of three: four pairs of flags, of which used 1, unused but kept, and two dropped.
    writer
      .flag(true)
      .flag(false)
      .ue(0)
      .flag(true)
      .flag(false)
      .flag(true)
      .flag(false)
      .flag(false)
      .flag(false)
      .flag(false);
    // Predicted from a set of two: three entries.
    writer.flag(true).flag(true).ue(1).flag(true).flag(true).flag(true);
    writer.flag(true).ue(2).u(5, 8).flag(true).u(9, 8).flag(false);
    assert.equal(parseH265Sps(end(writer))?.frameRate, 25);
  });

  it('finds the frame rate behind scaling lists and PCM', () => {
    const scaling = (writer: BitWriter): void => {
      for (let size = 0; size < 4; size += 1) {
        for (let matrix = 0; matrix < 6; matrix += size === 3 ? 3 : 1) {
          if (matrix === 0) {
            writer.flag(false).ue(0);
            continue;
          }
          writer.flag(true);
          if (size > 1) writer.se(-3);
          for (let i = 0; i < Math.min(64, 16 << (2 * size)); i += 1) writer.se(i % 3);
        }
      }
    };
    assert.equal(parseH265Sps(end(middle(start(), scaling, true).ue(0).flag(false)))?.frameRate, 25);
  });

  it('reads sub-layer profiles and levels', () => {
    const subLayers = (writer: BitWriter): void => {
      writer.flag(true).flag(true).flag(false).flag(true).u(0, 12);
      writer.u(0, 32).u(0, 32).u(0, 24).u(60, 8).u(63, 8);
    };
    const sps = parseH265Sps(start({ maxSubLayersMinus1: 2, subLayers }).nal(...HEADER));
    assert.deepEqual(
      { width: sps?.width, height: sps?.height, levelIdc: sps?.levelIdc },
      { width: 640, height: 360, levelIdc: 93 },
    );
  });

  it('measures the conformance window in chroma samples', () => {
    const size = (options: HandMade): unknown => {
      const sps = parseH265Sps(start({ window: [1, 2, 3, 4], ...options }).nal(...HEADER));
      return [sps?.width, sps?.height];
    };
    assert.deepEqual(size({ chroma: 1 }), [634, 346]);
    assert.deepEqual(size({ chroma: 2 }), [634, 353]);
    assert.deepEqual(size({ chroma: 3 }), [637, 353]);
    assert.deepEqual(size({ chroma: 3, separate: true }), [637, 353]);
    assert.deepEqual(size({ chroma: 0 }), [637, 353]);
  });

  it('names profile spaces and unknown profiles', () => {
    const sps = parseH265Sps(start({ space: 2, profile: 30 }).nal(...HEADER));
    assert.equal(sps?.codecString, 'hvc1.B30.6.L93');
    assert.equal(sps.profile, 'profile 30');
  });

  it('gives the size without a frame rate where what follows makes no sense', () => {
    for (const writer of [
      middle(start()).ue(65),
      middle(start()).ue(1).ue(17).ue(0),
      middle(start()).ue(0).flag(true).ue(33),
      middle(start()).ue(1),
      start(),
    ]) {
      const sps = parseH265Sps(writer.nal(...HEADER));
      assert.equal(sps?.width, 640);
      assert.equal(sps.frameRate, undefined);
    }
    const noVui = parseH265Sps(
      middle(start())
        .ue(0)
        .flag(false)
        .u(3, 2)
        .flag(false)
        .nal(...HEADER),
    );
    assert.equal(noVui?.frameRate, undefined);
    const cutVui = parseH265Sps(
      middle(start())
        .ue(0)
        .flag(false)
        .u(3, 2)
        .flag(true)
        .nal(...HEADER),
    );
    assert.equal(cutVui?.frameRate, undefined);
    const noTiming = middle(start())
      .ue(0)
      .flag(false)
      .u(3, 2)
      .flag(true)
      .u(0, 4)
      .u(0, 3)
      .flag(false)
      .flag(false)
      .u(0, 8);
    assert.equal(parseH265Sps(noTiming.nal(...HEADER))?.frameRate, undefined);
  });

  it('tells the depth of reordering of the highest layer', () => {
    const depthOf = (layers: readonly number[], all: boolean): number | undefined => {
      const writer = start({ maxSubLayersMinus1: layers.length - 1, subLayers: noLayers(layers.length - 1) });
      writer.ue(0).ue(0).ue(4).flag(all);
      for (const depth of all ? layers : layers.slice(-1)) writer.ue(8).ue(depth).ue(0);
      for (let i = 0; i < 6; i += 1) writer.ue(1);
      return parseH265Sps(writer.nal(...HEADER))?.reorderDepth;
    };
    assert.equal(depthOf([0], true), 0);
    assert.equal(depthOf([1, 3], true), 3);
    assert.equal(depthOf([1, 2], false), 2);
    assert.equal(depthOf([17], true), undefined, 'no such depth');
  });

  it('refuses what cannot be a picture', () => {
    assert.equal(parseH265Sps(Buffer.from('4201', 'hex')), undefined);
    assert.equal(parseH265Sps(Buffer.from('42010f', 'hex')), undefined);
    assert.equal(parseH265Sps(start({ id: 16 }).nal(...HEADER)), undefined);
    assert.equal(parseH265Sps(start({ chroma: 4 }).nal(...HEADER)), undefined);
    assert.equal(parseH265Sps(start({ width: 20_000 }).nal(...HEADER)), undefined);
    assert.equal(parseH265Sps(start({ window: [400, 0, 0, 0] }).nal(...HEADER)), undefined);
  });

  it('never throws, and never gives an impossible size, on any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const sps = parseH265Sps(Buffer.concat([Buffer.from('420101', 'hex'), bytes]));
        assert.ok(
          sps === undefined ||
            (sps.width > 0 && sps.width <= 16_384 && sps.height > 0 && sps.height <= 16_384),
        );
      }),
      { numRuns: 1000 },
    );
  });
});
