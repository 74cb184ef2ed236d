import assert from 'node:assert/strict';
import { H265Depacketizer } from '../../../lib/codec/h265/depacketizer.js';
import { Feed, hexOf, types, videoMedia } from '../../kit/depacketizer-feed.js';
import { aggregation, fragmentation, numberedSingle } from '../packetizers/h265.js';
import { AUD, CRA, IDR, OTHER_SPS, PPS, SEI, SPS, TRAIL, VPS, slice } from './nals.js';

const SPROPS = {
  'sprop-vps': VPS.toString('base64'),
  'sprop-sps': SPS.toString('base64'),
  'sprop-pps': PPS.toString('base64'),
};

function h265(
  fmtp: Record<string, string> = {},
  frameRate?: number,
): Feed & { depacketizer: H265Depacketizer } {
  const media = videoMedia('H265', fmtp, frameRate);
  return new Feed((m, sink) => new H265Depacketizer(m.payloads[0]!, m, sink), media) as Feed & {
    depacketizer: H265Depacketizer;
  };
}

const hex = (...nals: Buffer[]): string[] => nals.map((nal) => nal.toString('hex'));

describe('H265Depacketizer', () => {
  it('quirk h265-aggregates: learns VPS, SPS and PPS in band', () => {
    const feed = h265();
    feed.payload(VPS).payload(SPS).payload(PPS).payload(SEI).payload(slice(IDR), true).next();
    feed.payload(slice(TRAIL), true).next().payload(slice(CRA), true);
    const [key, delta, later] = feed.units;
    assert.deepEqual(hexOf(key), hex(VPS, SPS, PPS, SEI, slice(IDR)));
    assert.deepEqual(
      feed.units.map((unit) => unit.keyframe),
      [true, false, true],
    );
    assert.deepEqual(types(delta), [TRAIL]);
    assert.deepEqual(hexOf(later), hex(VPS, SPS, PPS, slice(CRA)));
    assert.deepEqual(key!.format, {
      codec: 'h265',
      width: 1920,
      height: 1080,
      frameRate: 25,
      reorderDepth: 2,
      profile: 'Main',
      codecString: 'hvc1.1.6.L120.90',
    });
    assert.equal(later!.format, key!.format);
  });

  it('quirk h265-aggregates: takes the sets from the SDP and does not mind kilobytes of sprop-sei', () => {
    const feed = h265({ ...SPROPS, 'sprop-sei': 'TgEF'.repeat(2000) });
    feed.payload(AUD).payload(slice(IDR), true);
    assert.deepEqual(hexOf(feed.units[0]), hex(AUD, VPS, SPS, PPS, slice(IDR)));
    assert.equal(feed.units[0]!.format.width, 1920);
  });

  it('quirk h265-aggregates: a new SPS in band wins over the SDP’s', () => {
    const feed = h265(SPROPS, 10);
    feed
      .payload(slice(IDR), true)
      .next()
      .payload(VPS)
      .payload(OTHER_SPS)
      .payload(PPS)
      .payload(slice(IDR), true);
    assert.deepEqual(
      feed.units.map((unit) => unit.format.width),
      [1920, 722],
    );
    assert.equal(feed.units[1]!.format.frameRate, 29.97);
  });

  it('takes every IRAP type for a keyframe, and no other', () => {
    const feed = h265();
    for (let type = 0; type < 32; type += 1) feed.payload(slice(type), true).next();
    const keys = feed.units.filter((unit) => unit.keyframe).map((unit) => unit.nals[0]!.type);
    assert.deepEqual(keys, [16, 17, 18, 19, 20, 21, 22, 23]);
  });

  it('quirk h265-aggregates: aggregation packets', () => {
    const feed = h265();
    feed.payload(aggregation([VPS, SPS, PPS, slice(IDR), slice(IDR, { first: false })]), true);
    assert.deepEqual(hexOf(feed.units[0]), hex(VPS, SPS, PPS, slice(IDR), slice(IDR, { first: false })));
    feed
      .next()
      .payload(slice(TRAIL))
      .payload(aggregation([SEI]).subarray(0, 10), true);
    assert.equal(feed.units[1]!.damaged, true);
  });

  it('reads 512 NAL units of an aggregation packet at most, and flags the unit that lacks the rest', () => {
    const feed = h265(SPROPS);
    feed.payload(aggregation([slice(TRAIL), ...new Array<Buffer>(2000).fill(SEI)]), true);
    assert.equal(feed.units[0]!.nals.length, 512);
    assert.equal(feed.units[0]!.damaged, true);
  });

  it('quirk h265-aggregates: fragments, whole and with a lost middle', () => {
    const whole = slice(IDR, { size: 1000, fill: 0x43 });
    const parts = fragmentation(whole, 300);
    const feed = h265();
    for (const { bytes, ends } of parts) feed.payload(bytes, ends);
    assert.deepEqual(hexOf(feed.units[0]), hex(whole));
    feed
      .next()
      .payload(slice(TRAIL))
      .payload(parts[0]!.bytes)
      .gap()
      .payload(parts[2]!.bytes)
      .payload(parts[3]!.bytes, true);
    assert.deepEqual(hexOf(feed.units[1]), hex(slice(TRAIL)));
    assert.equal(feed.units[1]!.damaged, true);
  });

  it('quirk broken-h264-fragments: fragments with S and E both set, empty ones, and a drifting type, as with H.264', () => {
    const whole = slice(IDR, { size: 50 });
    const feed = h265();
    feed.payload(Buffer.concat([Buffer.of(0x62, 1, 0xc0 | IDR), whole.subarray(2)]), true).next();
    feed
      .payload(Buffer.of(0x62, 1, 0x80 | IDR))
      .payload(Buffer.concat([Buffer.of(0x62, 1, TRAIL), whole.subarray(2)]));
    feed.payload(Buffer.of(0x62, 1, 0x40 | IDR), true);
    assert.deepEqual(feed.units.map(hexOf), [hex(whole), hex(whole)]);
  });

  it('quirk h265-aggregates: DONL and DOND, where sprop-max-don-diff announces them', () => {
    const big = slice(IDR, { first: false, size: 900 });
    const feed = h265({ 'sprop-max-don-diff': '2' });
    feed
      .payload(aggregation([VPS, SPS, PPS], [65_534, 65_535, 65_536]))
      .payload(numberedSingle(slice(IDR), 1));
    fragmentation(big, 400, 2).forEach(({ bytes, ends }) => feed.payload(bytes, ends));
    assert.deepEqual(hexOf(feed.units[0]), hex(VPS, SPS, PPS, slice(IDR), big));
    assert.equal(feed.units[0]!.damaged, false);
  });

  it('quirk h265-aggregates: puts NAL units back in decoding order within sprop-depack-buf-nalus', () => {
    const feed = h265({ 'sprop-max-don-diff': '8', 'sprop-depack-buf-nalus': '2' });
    feed.payload(numberedSingle(PPS, 12)).payload(numberedSingle(SPS, 11)).payload(numberedSingle(VPS, 10));
    feed
      .payload(numberedSingle(slice(IDR, { first: false }), 14))
      .payload(numberedSingle(slice(IDR), 13), true);
    feed.flush();
    assert.deepEqual(hexOf(feed.units[0]), hex(VPS, SPS, PPS, slice(IDR), slice(IDR, { first: false })));
    assert.equal(feed.units[0]!.damaged, false);
  });

  it('quirk misplaced-markers: the marker bit on every slice: later units end at the timestamp', () => {
    const feed = h265();
    feed
      .payload(slice(IDR), true)
      .payload(slice(IDR, { first: false }), true)
      .next();
    feed
      .payload(slice(TRAIL), true)
      .payload(slice(TRAIL, { first: false }), true)
      .next()
      .payload(slice(TRAIL), true);
    assert.deepEqual(feed.units.map(types), [[IDR], [IDR], [TRAIL, TRAIL]]);
    assert.deepEqual(
      feed.units.map((unit) => unit.damaged),
      [true, true, false],
    );
  });

  it('quirk misplaced-markers: the marker bit never set, and timestamps that stand still', () => {
    const feed = h265();
    feed
      .payload(VPS)
      .payload(SPS)
      .payload(PPS)
      .payload(slice(IDR))
      .payload(slice(TRAIL))
      .payload(slice(TRAIL, { first: false }));
    feed
      .payload(AUD)
      .payload(slice(TRAIL))
      .payload(VPS)
      .payload(SPS)
      .payload(PPS)
      .payload(slice(IDR))
      .flush();
    assert.deepEqual(feed.units.map(types), [
      [32, 33, 34, IDR],
      [TRAIL, TRAIL],
      [35, TRAIL],
      [32, 33, 34, IDR],
    ]);
  });

  it('quirk broken-h264-fragments: Annex B start codes inside a payload', () => {
    const code = Buffer.from('00000001', 'hex');
    const feed = h265();
    feed.payload(Buffer.concat([VPS, code, SPS, code, PPS])).payload(Buffer.concat([code, slice(IDR)]), true);
    assert.deepEqual(hexOf(feed.units[0]), hex(VPS, SPS, PPS, slice(IDR)));
  });

  it('lets slices of upper layers ride along', () => {
    const feed = h265();
    feed
      .payload(slice(TRAIL))
      .payload(slice(IDR, { layer: 1 }))
      .payload(slice(IDR, { layer: 33 }), true);
    assert.equal(feed.units[0]!.nals.length, 3);
    assert.equal(feed.units[0]!.keyframe, false);
  });

  it('keeps an end of sequence, which is a header alone', () => {
    const feed = h265();
    feed.payload(slice(TRAIL)).payload(Buffer.of(36 << 1, 1), true);
    assert.deepEqual(types(feed.units[0]), [TRAIL, 36]);
    assert.equal(feed.units[0]!.damaged, false);
  });

  it('flags a unit with packets that make no sense', () => {
    for (const cut of ['40', '6001', '6201', '640102', '7e0102']) {
      const feed = h265();
      feed.payload(slice(IDR)).payload(Buffer.from(cut, 'hex'), true);
      assert.deepEqual(hexOf(feed.units[0]), hex(slice(IDR)), cut);
      assert.equal(feed.units[0]!.damaged, true, cut);
    }
    for (const cut of ['26010a', '600100', '62019300', '600100010002', '60010001000226010b']) {
      const feed = h265({ 'sprop-max-don-diff': '1' });
      feed
        .payload(numberedSingle(slice(IDR), 0))
        .payload(Buffer.from(cut, 'hex'), true)
        .flush();
      assert.deepEqual(hexOf(feed.units[0]), hex(slice(IDR)), cut);
      assert.equal(feed.units[0]!.damaged, true, cut);
    }
  });

  it('ignores sets that make no sense', () => {
    const feed = h265();
    feed
      .payload(Buffer.from('4401', 'hex'))
      .payload(Buffer.from('440100', 'hex'))
      .payload(Buffer.from('44010000000000', 'hex'));
    feed.payload(Buffer.from('42010f00', 'hex')).payload(slice(IDR), true);
    assert.equal(feed.units[0]!.format.width, 0);
  });

  it('forgets the unit in progress when the source changes, and hands it out at the end', () => {
    const feed = h265();
    feed.payload(slice(IDR));
    feed.depacketizer.reset();
    feed.payload(slice(TRAIL)).flush();
    assert.deepEqual(feed.units.map(types), [[TRAIL]]);
    assert.equal(feed.depacketizer.stats.units, 1);
  });
});
