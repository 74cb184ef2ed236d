import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseH264Sps } from '../../../lib/codec/h264/sps.js';
import { BitWriter } from '../bit-writer.js';

/** Made with `ffmpeg -f lavfi -i testsrc2=size=…:rate=… -c:v libx264 -profile:v …`. */
const X264: [name: string, hex: string, expected: Record<string, unknown>][] = [
  [
    '1920x1080 at 25, High',
    '67640028acd940780227e5c044000003000400000300c83c60c658',
    {
      width: 1920,
      height: 1080,
      frameRate: 25,
      profile: 'High',
      codecString: 'avc1.640028',
      framesOnly: true,
    },
  ],
  [
    '722x406 at 29.97, Main: odd sizes, cropped',
    '674d401eeca05c1af1136022000007d20001d4c01e2c5b2c',
    { width: 722, height: 406, frameRate: 29.97, profile: 'Main', codecString: 'avc1.4d401e' },
  ],
  [
    '640x480 at 12.5, Constrained Baseline',
    '6742c016d900a03db011000003000200000300320f162e48',
    { width: 640, height: 480, frameRate: 12.5, profile: 'Constrained Baseline', codecString: 'avc1.42c016' },
  ],
  [
    '1280x720 at 50, 4:2:2',
    '677a0020bcd9405005bb0110000003001000000640f1831960',
    {
      width: 1280,
      height: 720,
      frameRate: 50,
      profile: 'High 4:2:2',
      codecString: 'avc1.7a0020',
      chromaFormat: 2,
      lumaDepth: 8,
      chromaDepth: 8,
    },
  ],
  [
    '322x242 at 15, 4:4:4: crop units of one pixel',
    '67f4000c919b282a10f1f1f80880000003008000000f078a14cb',
    { width: 322, height: 242, frameRate: 15, profile: 'High 4:4:4 Predictive', codecString: 'avc1.f4000c' },
  ],
  [
    '720x576 at 25, interlaced',
    '6764001eacd940b424d8088000000300800000190f8a14cb',
    { width: 720, height: 576, frameRate: 25, framesOnly: false, sar: undefined, colour: undefined },
  ],
  [
    '352x288 at 25, full range',
    '6764000dacd9416096c05b20000003002000000641e28532c0',
    { width: 352, height: 288, frameRate: 25, fullRange: true },
  ],
  [
    '642x362 at 10, monochrome: crop units of one pixel',
    '67640016f3650290bf8f9f016c80000003008000000a078b16cb',
    { width: 642, height: 362, frameRate: 10, fullRange: true },
  ],
  [
    '640x360 with extended aspect ratio, overscan, colours and chroma location',
    '6764001eacd940a02ff97ff00030007b7010101a5000000300100000030320f162d960',
    {
      width: 640,
      height: 360,
      frameRate: 25,
      sar: { width: 3, height: 7 },
      colour: { primaries: 1, transfer: 1, matrix: 1, fullRange: true },
      fullRange: true,
    },
  ],
];

/** Everything up to the frame size, of 320x240, unless told otherwise. */
function handMade(
  options: {
    profile?: number;
    constraints?: number;
    level?: number;
    id?: number;
    poc?: (w: BitWriter) => void;
    chroma?: (w: BitWriter) => void;
    widthMbs?: number;
  } = {},
): BitWriter {
  const writer = new BitWriter()
    .u(options.profile ?? 77, 8)
    .u(options.constraints ?? 0, 8)
    .u(options.level ?? 30, 8)
    .ue(options.id ?? 0);
  options.chroma?.(writer);
  writer.ue(0);
  if (options.poc === undefined) writer.ue(2);
  else options.poc(writer);
  return writer
    .ue(1)
    .flag(false)
    .ue((options.widthMbs ?? 20) - 1)
    .ue(14)
    .flag(true)
    .flag(true);
}

describe('parseH264Sps', () => {
  for (const [name, bytes, expected] of X264) {
    it(`reads ${name}`, () => {
      const sps = parseH264Sps(Buffer.from(bytes, 'hex'));
      assert.ok(sps);
      const { fullRange = false, ...fields } = expected;
      for (const [key, value] of Object.entries(fields))
        assert.deepEqual(sps[key as keyof typeof sps], value, key);
      assert.equal(sps.colour?.fullRange ?? false, fullRange);
    });
  }

  it('reads picture order count type 1 and an SPS without VUI', () => {
    const sps = parseH264Sps(
      handMade({ poc: (w) => w.ue(1).flag(false).se(-1).se(2).ue(2).se(3).se(-4) })
        .flag(false)
        .flag(false)
        .nal(0x67),
    );
    assert.equal(sps?.width, 320);
    assert.equal(sps.height, 240);
    assert.equal(sps.frameRate, undefined);
  });

  it('reads over scaling lists, of both sizes, ended early or not', () => {
    const chroma = (w: BitWriter): void => {
      w.ue(1).ue(0).ue(0).flag(false).flag(true);
      w.flag(true);
      for (let i = 0; i < 16; i += 1) w.se(1);
      w.flag(true).se(-8);
      for (let i = 2; i < 6; i += 1) w.flag(false);
      w.flag(true);
      for (let i = 0; i < 64; i += 1) w.se(0);
      w.flag(false);
    };
    const sps = parseH264Sps(
      handMade({ profile: 100, chroma }).flag(true).ue(0).ue(4).ue(0).ue(2).flag(false).nal(0x67),
    );
    assert.deepEqual({ width: sps?.width, height: sps?.height }, { width: 312, height: 236 });
  });

  it('reads twelve scaling lists and separate planes with 4:4:4', () => {
    const chroma = (w: BitWriter): void => {
      w.ue(3).flag(true).ue(0).ue(0).flag(false).flag(true);
      for (let i = 0; i < 12; i += 1) w.flag(false);
    };
    const sps = parseH264Sps(
      handMade({ profile: 244, chroma }).flag(true).ue(1).ue(0).ue(0).ue(0).flag(false).nal(0x67),
    );
    assert.deepEqual(
      { width: sps?.width, height: sps?.height, profile: sps?.profile },
      { width: 319, height: 240, profile: 'High 4:4:4 Predictive' },
    );
  });

  it('names what it can: Constrained High, and an unknown profile by its number', () => {
    const chroma = (w: BitWriter): unknown => w.ue(1).ue(0).ue(0).flag(false).flag(false);
    assert.equal(
      parseH264Sps(handMade({ profile: 100, constraints: 0x0c, chroma }).flag(false).flag(false).nal(0x67))
        ?.profile,
      'Constrained High',
    );
    assert.equal(
      parseH264Sps(handMade({ profile: 99 }).flag(false).flag(false).nal(0x67))?.profile,
      'profile 99',
    );
  });

  it('gives no frame rate for timing that no camera has, or that is cut off', () => {
    const vui = (units: number, scale: number): BitWriter =>
      handMade().flag(false).flag(true).u(0, 4).flag(true).u(units, 32).u(scale, 32);
    assert.equal(parseH264Sps(vui(1, 50).flag(true).nal(0x67))?.frameRate, 25);
    assert.equal(parseH264Sps(vui(1, 90_000).flag(true).nal(0x67))?.frameRate, undefined);
    assert.equal(parseH264Sps(vui(0, 50).flag(true).nal(0x67))?.frameRate, undefined);
    assert.equal(parseH264Sps(vui(1, 0).flag(true).nal(0x67))?.frameRate, undefined);
    const cut = parseH264Sps(handMade().flag(false).flag(true).u(0, 4).flag(true).u(1, 16).nal(0x67));
    assert.equal(cut?.width, 320);
    assert.equal(cut.frameRate, undefined);
  });

  describe('the depth of reordering', () => {
    const count = (w: BitWriter): unknown => w.ue(0).ue(2);
    const depthOf = (options: Parameters<typeof handMade>[0]): number | undefined =>
      parseH264Sps(
        handMade({ poc: count, ...options })
          .flag(false)
          .flag(false)
          .nal(0x67),
      )?.reorderDepth;
    const plain = (w: BitWriter): unknown => w.ue(1).ue(0).ue(0).flag(false).flag(false);

    it('is none for Baseline, for pictures shown as decoded, and for profiles of intra pictures alone', () => {
      assert.equal(depthOf({ profile: 66 }), 0);
      assert.equal(depthOf({ poc: (w) => w.ue(2) }), 0);
      for (const profile of [44, 100, 110, 122, 244])
        assert.equal(depthOf({ profile, constraints: 0x10, chroma: plain }), 0, `${profile}`);
    });

    it('is what level and size allow where nothing is said, 16 at most', () => {
      // 300 macroblocks a frame.
      const levels: [level: number, depth: number][] = [
        [9, 1],
        [10, 1],
        [11, 3],
        [20, 7],
        [30, 16],
        [62, 16],
        [255, 16],
      ];
      for (const [level, depth] of levels) assert.equal(depthOf({ level }), depth, `level ${level}`);
      assert.equal(depthOf({ level: 11, constraints: 0x10 }), 1, 'level 1b');
    });

    it('is what the VUI says, behind any timing and buffering', () => {
      const restriction = (w: BitWriter, depth: number): BitWriter =>
        w.flag(true).flag(true).flag(true).ue(0).ue(0).ue(10).ue(10).ue(depth).ue(4);
      const hrd = (w: BitWriter): BitWriter =>
        w.flag(true).ue(1).u(0, 8).ue(99).ue(99).flag(false).ue(7).ue(7).flag(true).u(0, 20);
      const vui = (): BitWriter => handMade({ poc: count }).flag(false).flag(true).u(0, 4);
      const timed = (w: BitWriter): BitWriter => w.flag(true).u(1, 32).u(50, 32).flag(true);
      const without = (w: BitWriter): BitWriter => w.flag(false).flag(false).flag(false);
      const read = (w: BitWriter): number | undefined => parseH264Sps(w.nal(0x67))?.reorderDepth;
      assert.equal(read(restriction(without(vui()), 0)), 0);
      assert.equal(read(restriction(timed(vui()).flag(false).flag(false), 2)), 2);
      const buffered = hrd(hrd(timed(vui())));
      assert.equal(read(restriction(buffered.flag(false), 3)), 3);
      assert.equal(read(without(vui()).flag(false).flag(false)), 16, 'no restriction');
      assert.equal(read(restriction(without(vui()), 17)), undefined, 'no such depth');
      assert.equal(read(timed(vui())), undefined, 'cut off');
    });
  });

  it('refuses what cannot be a picture', () => {
    assert.equal(parseH264Sps(Buffer.of(0x67)), undefined);
    assert.equal(parseH264Sps(Buffer.from('6742c016d9', 'hex')), undefined);
    assert.equal(parseH264Sps(handMade({ id: 32 }).flag(false).flag(false).nal(0x67)), undefined);
    assert.equal(parseH264Sps(handMade({ widthMbs: 2000 }).flag(false).flag(false).nal(0x67)), undefined);
    assert.equal(
      parseH264Sps(handMade().flag(true).ue(200).ue(200).ue(0).ue(0).flag(false).nal(0x67)),
      undefined,
    );
    const chroma = (w: BitWriter): unknown => w.ue(4).ue(0).ue(0).flag(false).flag(false);
    assert.equal(
      parseH264Sps(handMade({ profile: 100, chroma }).flag(false).flag(false).nal(0x67)),
      undefined,
    );
  });

  it('never throws, and never gives an impossible size, on any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const sps = parseH264Sps(bytes);
        assert.ok(
          sps === undefined ||
            (sps.width > 0 && sps.width <= 16_384 && sps.height > 0 && sps.height <= 16_384),
        );
      }),
      { numRuns: 1000 },
    );
  });
});
