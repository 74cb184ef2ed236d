import assert from 'node:assert/strict';
import fc from 'fast-check';
import { jpegSize } from '../../lib/media/jpeg/size.js';
import { MjpegDepacketizer } from '../../lib/codec/mjpeg.js';
import type { MediaUnit, VideoUnit } from '../../lib/codec/unit.js';
import { onvifReplay, rtp } from '../rtp/build.js';
import { media, payload } from './packetizers/media.js';
import type { MjpegOptions } from './packetizers/mjpeg.js';
import { jpegParts, packetizeMjpeg, scanIn, segmentOf } from './packetizers/mjpeg.js';
import { capture, fates, feed, feedBadly, fixture } from './packetizers/network.js';

function depacketizer(frameRate?: number): { mjpeg: MjpegDepacketizer; units: VideoUnit[] } {
  const units: VideoUnit[] = [];
  const jpeg = payload('JPEG', 90_000);
  const sink = (unit: MediaUnit): void => {
    assert.equal(unit.kind, 'video');
    units.push(unit);
  };
  return { mjpeg: new MjpegDepacketizer(jpeg, media(jpeg, frameRate), sink), units };
}

const FILE = fixture('mjpeg-gst-0.jpg');
const PARTS = jpegParts(FILE);
const OPTIONS: MjpegOptions = {
  mtu: 300,
  type: 1,
  q: 50,
  width: 96,
  height: 64,
  sequence: 65_530,
  timestamp: 9000,
};

/** A scan of `length` bytes that looks like no marker. */
function scanOf(length: number, seed = 1): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => (i * 7 + seed * 31) % 251));
}

describe('MjpegDepacketizer', () => {
  describe('where the SDP tells the size', () => {
    /** The sizes of two pictures whose headers say `columns` and `rows` blocks of 8. */
    const sizeOf = (told: { width: number; height: number } | undefined, columns: number, rows: number) => {
      const units: VideoUnit[] = [];
      const jpeg = payload('JPEG', 90_000);
      const mjpeg = new MjpegDepacketizer(
        jpeg,
        { ...media(jpeg), ...(told && { pictureSize: told }) },
        (unit) => units.push(unit as VideoUnit),
      );
      for (const timestamp of [0, 3600])
        feed(
          mjpeg,
          packetizeMjpeg(scanOf(900), { ...OPTIONS, width: 8 * columns, height: 8 * rows, timestamp }),
        );
      const sizes = units.map(({ data, format }) => {
        assert.deepEqual(jpegSize(data), { width: format.width, height: format.height });
        return `${String(format.width)}x${String(format.height)}`;
      });
      assert.ok(sizes.length === 0 || (sizes.length === 2 && sizes[0] === sizes[1]));
      return sizes[0];
    };
    const large = { width: 2592, height: 1944 };

    it('takes it for pictures above 2040 pixels, whose headers say 0 or what is left in 8 bits', () => {
      assert.equal(sizeOf(large, 0, 0), '2592x1944');
      assert.equal(sizeOf(large, 324 & 255, 243), '2592x1944');
      assert.equal(sizeOf({ width: 3840, height: 2160 }, 0, 0), '3840x2160');
      assert.equal(sizeOf({ width: 2048, height: 1536 }, 0, 192), '2048x1536');
    });

    it('takes it for sizes that are no multiples of 8', () => {
      assert.equal(sizeOf({ width: 1366, height: 770 }, 171, 97), '1366x770');
      assert.equal(sizeOf({ width: 100, height: 50 }, 13, 7), '100x50');
    });

    it('believes the header where it says another size', () => {
      assert.equal(sizeOf(large, 80, 60), '640x480');
      assert.equal(sizeOf({ width: 640, height: 480 }, 80, 45), '640x360');
      assert.equal(sizeOf(undefined, 171, 97), '1368x776');
    });

    it('gives no picture of a size that nobody tells', () => {
      assert.equal(sizeOf(undefined, 0, 0), undefined);
      assert.equal(sizeOf({ width: 640, height: 2400 }, 0, 45), undefined);
    });
  });

  it('gives back, byte for byte, the files GStreamer sent with its tables in band', () => {
    for (const [name, count] of [
      ['mjpeg', 3],
      ['mjpeg422', 2],
    ] as const) {
      const { mjpeg, units } = depacketizer(5);
      feed(mjpeg, capture(`${name}-gst.rtp`));
      assert.equal(units.length, count);
      units.forEach((unit, i) => {
        assert.ok(unit.data.equals(fixture(`${name}-gst-${i}.jpg`)), `${name} ${i}`);
        assert.equal(unit.damaged, false);
        assert.equal(unit.keyframe, true);
        assert.deepEqual(unit.format, { codec: 'mjpeg', width: 96, height: 64, frameRate: 5 });
        assert.equal(unit.format, units[0]?.format, 'the same object while nothing changes');
      });
    }
  });

  it('computes the tables of Q 1 to 99 as libjpeg does', () => {
    for (const [name, q, type] of [
      ['mjpeg-gst-0.jpg', 50, 1],
      ['mjpeg422-gst-0.jpg', 85, 0],
    ] as const) {
      const { mjpeg, units } = depacketizer();
      const file = fixture(name);
      feed(mjpeg, packetizeMjpeg(jpegParts(file).scan, { ...OPTIONS, q, type }));
      assert.ok(units[0]?.data.equals(file), name);
    }
    const tables = [1, 49, 99, 110, 127].map((q) => {
      const { mjpeg, units } = depacketizer();
      feed(mjpeg, packetizeMjpeg(PARTS.scan, { ...OPTIONS, q }));
      return jpegParts(units[0]!.data).tables;
    });
    assert.ok(
      tables[0]!.every((value) => value === 255),
      'Q 1: all at the top',
    );
    assert.deepEqual([...tables[1]!.subarray(0, 3)], [16, 11, 12]);
    assert.ok(tables[2]!.every((value) => value >= 1 && value <= 2));
    assert.deepEqual(tables[3], tables[2], 'the reserved ones are taken for the best');
    assert.deepEqual(tables[4], tables[2]);
  });

  it('remembers tables by their Q for pictures that send none', () => {
    const { mjpeg, units } = depacketizer();
    const other = Buffer.alloc(128, 7);
    feed(mjpeg, [
      ...packetizeMjpeg(PARTS.scan, { ...OPTIONS, q: 200, tables: PARTS.tables, sequence: 0, timestamp: 1 }),
      ...packetizeMjpeg(PARTS.scan, { ...OPTIONS, q: 201, tables: other, sequence: 6, timestamp: 2 }),
      ...packetizeMjpeg(PARTS.scan, { ...OPTIONS, q: 200, sequence: 12, timestamp: 3 }),
      ...packetizeMjpeg(PARTS.scan, { ...OPTIONS, q: 201, sequence: 17, timestamp: 4 }),
    ]);
    assert.deepEqual(
      units.map((unit) => jpegParts(unit.data).tables.equals(other)),
      [false, true, false, true],
    );
  });

  it('drops a picture whose tables never came, and not the next', () => {
    const { mjpeg, units } = depacketizer();
    const first = packetizeMjpeg(PARTS.scan, { ...OPTIONS, q: 130, sequence: 0, timestamp: 1 });
    feed(mjpeg, [
      ...first,
      ...packetizeMjpeg(PARTS.scan, { ...OPTIONS, sequence: first.length, timestamp: 2 }),
    ]);
    assert.deepEqual(
      units.map((unit) => [unit.rtpTime, unit.damaged]),
      [[2, false]],
    );
    mjpeg.reset();
    feed(mjpeg, packetizeMjpeg(PARTS.scan, { ...OPTIONS, q: 130, tables: PARTS.tables }));
    mjpeg.reset();
    feed(mjpeg, packetizeMjpeg(PARTS.scan, { ...OPTIONS, q: 130 }));
    assert.equal(units.length, 2, 'a new source must send its own');
  });

  it('takes one table for all components, and tables of 16 bits', () => {
    const { mjpeg, units } = depacketizer();
    const wide = Buffer.alloc(256, 1);
    feed(mjpeg, [
      ...packetizeMjpeg(PARTS.scan, {
        ...OPTIONS,
        mtu: 5000,
        q: 255,
        tables: Buffer.alloc(64, 9),
        sequence: 0,
        timestamp: 1,
      }),
      ...packetizeMjpeg(PARTS.scan, {
        ...OPTIONS,
        mtu: 5000,
        q: 255,
        tables: wide,
        precision: 3,
        sequence: 1,
        timestamp: 2,
      }),
      ...packetizeMjpeg(PARTS.scan, {
        ...OPTIONS,
        mtu: 5000,
        q: 255,
        tables: Buffer.alloc(60),
        sequence: 2,
        timestamp: 3,
      }),
    ]);
    assert.equal(units.length, 2, 'and drops a picture without one whole table');
    assert.equal(
      segmentOf(units[0]!.data, 0xc0)?.subarray(10).toString('hex'),
      '012200' + '021100' + '031100',
    );
    assert.equal(segmentOf(units[1]!.data, 0xdb)?.length, 2 + 2 + 1 + 128);
    assert.equal(segmentOf(units[1]!.data, 0xdb)?.[4], 0x10);
    assert.ok(segmentOf(units[1]!.data, 0xc1) !== undefined, 'extended sequential');
  });

  it('writes the restart interval of types 64 and 65 into the headers', () => {
    const { mjpeg, units } = depacketizer();
    feed(mjpeg, [
      ...packetizeMjpeg(PARTS.scan, {
        ...OPTIONS,
        mtu: 5000,
        type: 65,
        restart: 300,
        sequence: 0,
        timestamp: 1,
      }),
      ...packetizeMjpeg(PARTS.scan, {
        ...OPTIONS,
        mtu: 5000,
        type: 64,
        restart: 0,
        sequence: 1,
        timestamp: 2,
      }),
    ]);
    assert.equal(segmentOf(units[0]!.data, 0xdd)?.toString('hex'), 'ffdd0004012c');
    assert.equal(segmentOf(units[1]!.data, 0xdd), undefined);
    assert.equal(jpegParts(units[1]!.data).type, 0);
    assert.ok(scanIn(units[0]!.data).equals(PARTS.scan));
  });

  it('adds an end of image only where it is missing', () => {
    const { mjpeg, units } = depacketizer();
    feed(mjpeg, packetizeMjpeg(PARTS.scan.subarray(0, -2), OPTIONS));
    assert.ok(units[0]?.data.equals(FILE));
  });

  it('drops a picture with a hole, and hands on the next one as the whole picture that it is', () => {
    const { mjpeg, units } = depacketizer();
    const pictures = [0, 1, 2, 3].map((i) =>
      packetizeMjpeg(scanOf(900, i), { ...OPTIONS, sequence: 4 * i, timestamp: i }),
    );
    const packets = pictures.flat();
    assert.equal(packets.length, 16);
    packets.splice(6, 1);
    feed(mjpeg, packets);
    assert.deepEqual(
      units.map((unit) => [unit.rtpTime, unit.damaged]),
      [
        [0, false],
        [2, false],
        [3, false],
      ],
    );
  });

  it('checks fragment offsets: a hole that no sequence number shows is a hole all the same', () => {
    const { mjpeg, units } = depacketizer();
    const packets = packetizeMjpeg(scanOf(900), { ...OPTIONS, sequence: 0 });
    packets.splice(1, 1);
    packets.forEach((packet, i) => packet.writeUInt16BE(i, 2));
    feed(mjpeg, packets);
    assert.equal(units.length, 0);
  });

  it('notices a picture whose end was lost, even where the next looks like its continuation', () => {
    const { mjpeg, units } = depacketizer();
    const packets = [0, 1]
      .map((i) => packetizeMjpeg(scanOf(584, i), { ...OPTIONS, sequence: 2 * i, timestamp: 5 }))
      .flat();
    assert.equal(packets.length, 4);
    feed(mjpeg, [packets[0]!, packets[3]!]);
    assert.equal(units.length, 0);
  });

  it('joins a stream in the middle of a picture without calling it damage', () => {
    const { mjpeg, units } = depacketizer();
    const [, ...rest] = packetizeMjpeg(scanOf(900), { ...OPTIONS, sequence: 0, timestamp: 1 });
    feed(mjpeg, [
      ...rest,
      ...packetizeMjpeg(scanOf(900), { ...OPTIONS, sequence: rest.length + 1, timestamp: 1 }),
    ]);
    assert.deepEqual(
      units.map((unit) => unit.damaged),
      [false],
    );
  });

  it('quirk misplaced-markers: ends pictures by timestamp, or where the next one starts, when the marker is never set', () => {
    const { mjpeg, units } = depacketizer();
    const packets = [1, 2, 2].flatMap((timestamp, i) =>
      packetizeMjpeg(PARTS.scan, { ...OPTIONS, timestamp, sequence: i * 4, noMarker: true }),
    );
    feed(mjpeg, packets);
    assert.equal(units.length, 2);
    mjpeg.flush();
    assert.deepEqual(
      units.map((unit) => [unit.rtpTime, unit.damaged]),
      [
        [1, false],
        [2, false],
        [2, false],
      ],
    );
    assert.ok(units.every((unit) => unit.data.equals(FILE)));
  });

  it('hands out nothing half at the end of the stream', () => {
    const { mjpeg, units } = depacketizer();
    feed(mjpeg, packetizeMjpeg(scanOf(900), OPTIONS).slice(0, 2));
    mjpeg.flush();
    mjpeg.flush();
    assert.equal(units.length, 0);
  });

  it('drops what it cannot describe: unknown types, no size, Q 0 with nothing before it, cut headers', () => {
    const { mjpeg, units } = depacketizer();
    const bad: MjpegOptions[] = [
      { ...OPTIONS, type: 2 },
      { ...OPTIONS, type: 129 },
      { ...OPTIONS, width: 0 },
      { ...OPTIONS, height: 0 },
      { ...OPTIONS, q: 0 },
    ];
    bad.forEach((options, i) => {
      feed(mjpeg, packetizeMjpeg(scanOf(50), { ...options, timestamp: i }));
    });
    const cut = ['00000000014060', '0000000041320c08', '0000000001ff0c08', '0000000001ff0c0800000080aabb'];
    cut.forEach((hex, i) => {
      feed(mjpeg, [rtp({ sequence: i, timestamp: 100 + i, marker: true, payload: Buffer.from(hex, 'hex') })]);
    });
    feed(mjpeg, [rtp({ timestamp: 999, marker: true })]);
    assert.equal(units.length, 0);
  });

  it("takes the arrival and the ONVIF time of a picture's first packet, and the number of its last", () => {
    const { mjpeg, units } = depacketizer();
    const time = Date.UTC(2026, 10, 1);
    const extension = { profile: 0xabac, data: onvifReplay(time) };
    const packets = packetizeMjpeg(PARTS.scan, { ...OPTIONS, extension });
    feed(mjpeg, packets.slice(0, 1), 5);
    feed(mjpeg, packets.slice(1), 9);
    assert.equal(units[0]?.arrival, 5);
    assert.equal(units[0].onvifTime, time);
    assert.equal(units[0].rtpSequence, (OPTIONS.sequence + packets.length - 1) & 0xffff);
    assert.equal(units[0].timeSource, 'arrival');
  });

  it('bounds a picture at 8 MiB', () => {
    const { mjpeg, units } = depacketizer();
    feed(mjpeg, packetizeMjpeg(Buffer.alloc(8 * 1024 * 1024), { ...OPTIONS, mtu: 60_000, sequence: 0 }));
    feed(mjpeg, packetizeMjpeg(PARTS.scan, { ...OPTIONS, sequence: 0 }));
    assert.equal(units.length, 1);
    assert.ok(units[0]!.data.equals(FILE));
    assert.equal(units[0]!.damaged, false);
  });

  it('gives whole pictures of the source at any MTU, whatever the network does', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 1500 }), { minLength: 3, maxLength: 12 });
    fc.assert(
      fc.property(
        sizes,
        fc.integer({ min: 160, max: 1400 }),
        fates(60),
        fc.nat(65_535),
        (lengths, mtu, plan, first) => {
          const { mjpeg, units } = depacketizer();
          const scans = lengths.map((length, i) => scanOf(length, i));
          const packets: Buffer[] = [];
          scans.forEach((scan, i) => {
            packets.push(
              ...packetizeMjpeg(scan, {
                ...OPTIONS,
                mtu,
                q: 255,
                tables: PARTS.tables,
                sequence: first + packets.length,
                timestamp: i * 3000,
              }),
            );
          });
          feedBadly(mjpeg, packets, plan);
          let last = -1;
          for (const unit of units) {
            const index = unit.rtpTime / 3000;
            assert.ok(index > last);
            assert.ok(scanIn(unit.data).subarray(0, -2).equals(scans[index]!), 'never a wrong byte');
            last = index;
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  it('survives any payload without a throw', () => {
    const bytes = fc.uint8Array({ maxLength: 80 });
    const packet = fc.tuple(bytes, fc.boolean(), fc.nat(2), fc.constantFrom(undefined, 0xffd8, 0xffff));
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 20 }), (packets) => {
        const { mjpeg } = depacketizer();
        packets.forEach(([data, marker, timestamp, profile], i) => {
          const extension =
            profile === undefined ? {} : { extension: { profile, data: data.subarray(0, data.length & ~3) } };
          feed(mjpeg, [rtp({ sequence: i, marker, timestamp, payload: data, ...extension })]);
        });
        mjpeg.flush();
      }),
      { numRuns: 300 },
    );
  });
});
