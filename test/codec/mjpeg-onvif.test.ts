import assert from 'node:assert/strict';
import { MjpegDepacketizer } from '../../lib/codec/mjpeg.js';
import type { VideoUnit } from '../../lib/codec/unit.js';
import { extensionBlock, onvifReplay, rtp } from '../rtp/build.js';
import { media, payload } from './packetizers/media.js';
import type { MjpegOptions } from './packetizers/mjpeg.js';
import { jpegParts, packetizeMjpeg, scanIn, segmentOf } from './packetizers/mjpeg.js';
import { feed, fixture } from './packetizers/network.js';

function depacketizer(): { mjpeg: MjpegDepacketizer; units: VideoUnit[] } {
  const units: VideoUnit[] = [];
  const jpeg = payload('JPEG', 90_000);
  const mjpeg = new MjpegDepacketizer(jpeg, media(jpeg), (unit) => {
    assert.equal(unit.kind, 'video');
    units.push(unit);
  });
  return { mjpeg, units };
}

const PARTS = jpegParts(fixture('mjpeg-gst-0.jpg'));
const OPTIONS: MjpegOptions = {
  mtu: 300,
  type: 1,
  q: 50,
  width: 96,
  height: 64,
  sequence: 65_530,
  timestamp: 9000,
};

const segment = (marker: number, ...bytes: number[]): Buffer =>
  Buffer.from([0xff, marker, 0, bytes.length + 2, ...bytes]);
const padded = (data: Buffer): Buffer =>
  Buffer.concat([Buffer.alloc((4 - (data.length % 4)) % 4, 0xff), data]);
const SOF_4K = segment(
  0xc0,
  8,
  2160 >> 8,
  2160 & 255,
  3840 >> 8,
  3840 & 255,
  3,
  1,
  0x22,
  0,
  2,
  0x11,
  1,
  3,
  0x11,
  1,
);
const SOS = Buffer.from('ffda000c03010002110311003f00', 'hex');

describe("MjpegDepacketizer with ONVIF's JPEG extension", () => {
  const big = { ...OPTIONS, width: 0, height: 0 };
  const first = (...segments: Buffer[]) => ({ profile: 0xffd8, data: padded(Buffer.concat(segments)) });

  it('takes the size of a picture above 2040 pixels from it', () => {
    const { mjpeg, units } = depacketizer();
    const packets = packetizeMjpeg(PARTS.scan, { ...big, extension: first(SOF_4K) });
    feed(mjpeg, packets);
    assert.deepEqual(units[0]!.format, { codec: 'mjpeg', width: 3840, height: 2160 });
    assert.deepEqual(segmentOf(units[0]!.data, 0xc0), SOF_4K);
    assert.ok(scanIn(units[0]!.data).equals(PARTS.scan));
    assert.equal(jpegParts(units[0]!.data).tables.length, 128, 'with the tables of Q');
  });

  it('takes it behind the replay extension too', () => {
    const { mjpeg, units } = depacketizer();
    const data = Buffer.concat([onvifReplay(Date.UTC(2026, 1, 1)), extensionBlock(0xffd8, padded(SOF_4K))]);
    feed(mjpeg, packetizeMjpeg(PARTS.scan, { ...big, extension: { profile: 0xabac, data } }));
    assert.equal(units[0]?.format.width, 3840);
    assert.equal(units[0].onvifTime, Date.UTC(2026, 1, 1));
  });

  it('collects it from several packets before the scan, and adds later ones to the scan', () => {
    const { mjpeg, units } = depacketizer();
    const header = Buffer.from('000000000132 0000'.replace(' ', ''), 'hex');
    const comment = segment(0xfe, 65, 66);
    const tail = Buffer.concat([Buffer.from([0xff]), segment(0xfe, 67)]);
    feed(mjpeg, [
      rtp({ sequence: 0, payload: header, extension: first(SOF_4K) }),
      rtp({ sequence: 1, extension: { profile: 0xffff, data: padded(Buffer.concat([comment, SOS])) } }),
      rtp({ sequence: 2, payload: Buffer.concat([header, Buffer.from([1, 2, 3])]) }),
      rtp({ sequence: 3, payload: Buffer.from('00000003013200000405', 'hex') }),
      rtp({ sequence: 4, marker: true, extension: { profile: 0xffff, data: padded(tail) } }),
    ]);
    assert.equal(units.length, 1);
    assert.deepEqual(segmentOf(units[0]!.data, 0xfe), comment);
    assert.deepEqual([...scanIn(units[0]!.data)], [1, 2, 3, 4, 5, ...padded(tail), 0xff, 0xd9]);
  });

  it('lets its tables, restart interval and scan header take precedence', () => {
    const { mjpeg, units } = depacketizer();
    const dqt = segment(0xdb, 0, ...new Array<number>(64).fill(3));
    const dht = segment(0xc4, 0, ...new Array<number>(16).fill(0));
    const dri = segment(0xdd, 0, 9);
    const sos = segment(0xda, 3, 1, 0, 2, 0x11, 3, 0x11, 0, 63, 0);
    const scanStart = Buffer.from([7, 7]);
    const extension = first(dqt, dht, dri, SOF_4K, sos, scanStart);
    const shift = extension.data.length - Buffer.concat([dqt, dht, dri, SOF_4K, sos, scanStart]).length;
    assert.ok(shift >= 0);
    feed(mjpeg, packetizeMjpeg(PARTS.scan, { ...big, type: 65, restart: 5, extension }));
    const jpeg = units[0]!.data;
    assert.ok(jpeg.includes(dqt) && jpeg.includes(dht) && jpeg.includes(sos));
    assert.ok(
      jpeg.lastIndexOf(dqt) > jpeg.indexOf(Buffer.from('ffdb0043', 'hex')),
      'its own table stands behind that of Q',
    );
    assert.deepEqual(segmentOf(jpeg, 0xdd), dri);
    assert.ok(scanIn(jpeg).equals(Buffer.concat([scanStart, PARTS.scan])));
  });

  it('takes what is left out from the header, or from the picture before', () => {
    const { mjpeg, units } = depacketizer();
    const dqt = segment(0xdb, 0, ...new Array<number>(64).fill(3));
    const dht = segment(0xc4, 0, ...new Array<number>(16).fill(0));
    const empty = { profile: 0xffd8, data: Buffer.alloc(0) };
    const one = { ...big, mtu: 5000 };
    feed(mjpeg, [
      ...packetizeMjpeg(PARTS.scan, {
        ...one,
        q: 0,
        extension: first(dqt, dht, SOF_4K),
        sequence: 0,
        timestamp: 1,
      }),
      ...packetizeMjpeg(PARTS.scan, { ...one, q: 0, extension: empty, sequence: 1, timestamp: 2 }),
      ...packetizeMjpeg(PARTS.scan, {
        ...one,
        width: 96,
        height: 64,
        type: 65,
        restart: 2,
        extension: empty,
        sequence: 2,
        timestamp: 3,
      }),
    ]);
    assert.deepEqual(
      units.map((unit) => unit.format.width),
      [3840, 3840, 96],
    );
    assert.ok(units[1]?.data.includes(dqt) && units[1].data.includes(dht));
    assert.ok(units[2]!.data.includes(dht) && !units[2]!.data.includes(dqt));
    assert.deepEqual(segmentOf(units[2]!.data, 0xdd), segment(0xdd, 0, 2));
  });

  it('drops a picture whose extension is junk, cut short, or says too little', () => {
    const { mjpeg, units } = depacketizer();
    const one = { ...big, mtu: 5000 };
    const junk = [
      Buffer.from('junk'),
      Buffer.from([0xff, 0xc0, 0, 200]),
      Buffer.from([0xff, 0xc0, 0, 1]),
      Buffer.from([0xff, 0xff, 0xff, 0xc0]),
      Buffer.from([0xff, 0xff, 0xff, 0xff]),
      segment(0xc0, 1, 2, 3, 4),
    ];
    junk.forEach((data, i) => {
      feed(
        mjpeg,
        packetizeMjpeg(PARTS.scan, {
          ...one,
          timestamp: i,
          extension: { profile: 0xffd8, data: padded(data) },
        }),
      );
    });
    feed(mjpeg, packetizeMjpeg(PARTS.scan, { ...one, timestamp: 50, q: 0, extension: first(SOF_4K) }));
    feed(
      mjpeg,
      packetizeMjpeg(PARTS.scan, {
        ...one,
        timestamp: 51,
        width: 96,
        height: 64,
        type: 3,
        extension: first(),
      }),
    );
    assert.equal(units.length, 0);
  });

  it('does not take the second packet for the first, where the first was lost', () => {
    const { mjpeg, units } = depacketizer();
    const small = { ...OPTIONS, mtu: 5000 };
    const header = Buffer.from('0000000001320c08', 'hex');
    const picture = (timestamp: number, sequence: number): Buffer[] => [
      rtp({ sequence, timestamp, payload: header, extension: first(segment(0xfe, 1, 2)) }),
      ...packetizeMjpeg(PARTS.scan, { ...small, timestamp, sequence: sequence + 1 }),
    ];
    const packets = [...picture(1, 0), ...picture(2, 2), ...picture(3, 4)];
    packets.splice(2, 1);
    feed(mjpeg, packets);
    assert.deepEqual(
      units.map((unit) => [unit.rtpTime, unit.damaged]),
      [
        [1, false],
        [3, false],
      ],
    );
  });
});
