import assert from 'node:assert/strict';
import fc from 'fast-check';
import { H264Depacketizer } from '../../lib/codec/h264/depacketizer.js';
import { LIMITS } from '../../lib/limits.js';
import { PPS, SPS, delta, idr } from './h264/nals.js';
import { Feed, hexOf, videoMedia } from '../kit/depacketizer-feed.js';
import { fuA, mtap, packetizeH264Interleaved, stapB } from './packetizers/h264.js';

function interleaved(
  depth: number,
  more: Record<string, string> = {},
): Feed & { depacketizer: H264Depacketizer } {
  const fmtp = { 'packetization-mode': '2', 'sprop-interleaving-depth': String(depth), ...more };
  return new Feed(
    (media, sink) => new H264Depacketizer(media.payloads[0]!, media, sink),
    videoMedia('H264', fmtp),
  ) as Feed & {
    depacketizer: H264Depacketizer;
  };
}

const hex = (...nals: Buffer[]): string[] => nals.map((nal) => nal.toString('hex'));

/** Pictures of two slices, the first of which is a keyframe with its sets. */
const pictures = Array.from({ length: 6 }, (_, i) => ({
  rtpTime: 3000 * (i + 1),
  nals:
    i === 0
      ? [SPS, PPS, idr({ size: 300 }), idr({ firstMb: 9, size: 200 })]
      : [delta({ size: 100 + i }), delta({ firstMb: 9, size: 150 + i })],
}));
const expected = pictures.map(({ nals }) => hex(...nals));

describe('Deinterleaver', () => {
  it('puts back in order what a packetizer of RFC 6184 6.4 interleaved, at any MTU and across the wrap of the numbers', () => {
    const count = pictures.flatMap(({ nals }) => nals).length;
    fc.assert(
      fc.property(
        fc.array(fc.nat(3), { minLength: count, maxLength: count }),
        fc.integer({ min: 12, max: 400 }),
        fc.constantFrom(0, 65_530),
        (shifts, mtu, firstDon) => {
          // Each NAL unit moves at most three places: at most three others that precede it come later.
          const order = shifts
            .map((shift, index) => ({ index, key: index + shift }))
            .sort((a, b) => a.key - b.key || b.index - a.index);
          const feed = interleaved(6);
          // The first tells where the numbers begin.
          const packets = packetizeH264Interleaved(
            pictures,
            [0, ...order.map(({ index }) => index).filter((index) => index > 0)],
            mtu,
            firstDon,
          );
          feed.stream(packets).flush();
          assert.deepEqual(feed.units.map(hexOf), expected);
          assert.ok(feed.units.every((unit) => !unit.damaged));
        },
      ),
      { numRuns: 200 },
    );
  });

  it('reads MTAP16 and MTAP24, whose NAL units have their own times', () => {
    for (const bytes of [2, 3] as const) {
      const feed = interleaved(0);
      const packet = mtap(bytes, 7, [
        { nal: SPS, dond: 0, offset: 0 },
        { nal: PPS, dond: 1, offset: 0 },
        { nal: idr(), dond: 2, offset: 0 },
        { nal: delta(), dond: 3, offset: 3000 },
        { nal: Buffer.alloc(0), dond: 4, offset: 0 },
      ]);
      feed.payload(packet).flush();
      assert.deepEqual(feed.units.map(hexOf), [hex(SPS, PPS, idr()), hex(delta())]);
      assert.deepEqual(
        feed.units.map((unit) => unit.rtpTime),
        [9000, 12_000],
      );
    }
  });

  it('reads MTAP and STAP-B in order without the interleaved mode as well', () => {
    const feed = new Feed(
      (media, sink) => new H264Depacketizer(media.payloads[0]!, media, sink),
      videoMedia('H264'),
    );
    feed.payload(stapB([SPS, PPS], 5)).payload(
      mtap(2, 7, [
        { nal: idr(), dond: 0, offset: 0 },
        { nal: delta(), dond: 1, offset: 90 },
      ]),
      true,
    );
    assert.deepEqual(feed.units.map(hexOf), [hex(SPS, PPS, idr()), hex(delta())]);
  });

  it('flags a unit whose MTAP is cut short', () => {
    const feed = interleaved(0);
    const packet = mtap(2, 0, [
      { nal: idr(), dond: 0, offset: 0 },
      { nal: idr({ firstMb: 2 }), dond: 1, offset: 0 },
    ]);
    feed.payload(packet.subarray(0, -1)).flush();
    assert.deepEqual(feed.units.map(hexOf), [hex(idr())]);
    assert.equal(feed.units[0]!.damaged, true);
  });

  it('flags every unit that a loss may have touched, and none before or long after', () => {
    const feed = interleaved(1);
    const numbered = (nal: Buffer, don: number): Buffer => stapB([nal], don);
    feed
      .payload(numbered(idr(), 0))
      .next()
      .payload(numbered(delta(), 1))
      .next()
      .payload(numbered(delta(), 2));
    feed.gap().next().payload(numbered(delta(), 4)).next().payload(numbered(delta(), 5));
    for (let don = 6; don < 10; don += 1) feed.next().payload(numbered(delta(), don));
    feed.flush();
    const damaged = feed.units.map((unit) => unit.damaged);
    assert.equal(damaged.length, 9);
    assert.equal(damaged[0], false);
    assert.deepEqual(damaged.slice(2, 5), [true, true, true]);
    assert.deepEqual(damaged.slice(6), [false, false, false]);
  });

  it('drops a NAL unit with a lost fragment, and flags its surroundings', () => {
    const parts = fuA(idr({ firstMb: 3, size: 600 }), 300, 1).map(({ bytes }) => bytes);
    const feed = interleaved(0);
    feed
      .payload(stapB([idr()], 0))
      .payload(parts[0]!)
      .gap()
      .payload(parts[2]!);
    feed
      .payload(fuA(delta({ size: 99 }), 60, 2)[0]!.bytes)
      .payload(stapB([idr({ firstMb: 9 })], 3))
      .flush();
    assert.deepEqual(feed.units.map(hexOf), [hex(idr(), idr({ firstMb: 9 }))]);
    assert.equal(feed.units[0]!.damaged, true);
  });

  it('lets a NAL unit go once it is sprop-max-don-diff behind the newest', () => {
    const feed = interleaved(100, { 'sprop-max-don-diff': '2' });
    for (let don = 0; don < 5; don += 1) feed.payload(stapB([delta()], don)).next();
    assert.equal(feed.units.length, 1);
    feed.flush();
    assert.equal(feed.units.length, 5);
  });

  it('holds no more NAL units and bytes than the limits, whatever depth the server asks for', () => {
    const many = interleaved(32_767);
    for (let don = 0; don < LIMITS.waitingNals + 10; don += 1)
      many.payload(stapB([delta({ size: 1 })], don)).next();
    assert.equal(many.units.length, 9);
    const large = interleaved(32_767);
    for (let don = 0; don < 150; don += 1) large.payload(stapB([delta({ size: 60_000 })], don)).next();
    assert.ok(large.units.length >= 9);
  });

  it('refuses a NAL unit past the limit', () => {
    const feed = interleaved(0);
    feed.payload(Buffer.from('7d85000088', 'hex'));
    const piece = Buffer.concat([Buffer.of(0x7c, 0x05), Buffer.alloc(60_000, 0x77)]);
    for (let sent = 0; sent <= LIMITS.unitBytes; sent += 60_000) feed.payload(piece);
    feed
      .payload(Buffer.of(0x7c, 0x45, 1))
      .next()
      .payload(stapB([delta()], 1))
      .flush();
    assert.deepEqual(feed.units.map(hexOf), [hex(delta())]);
  });

  it('starts anew with a new source', () => {
    const feed = interleaved(4);
    feed.payload(stapB([idr()], 40_000)).payload(fuA(delta({ size: 99 }), 60, 2)[0]!.bytes);
    feed.depacketizer.reset();
    feed
      .next()
      .payload(stapB([delta()], 1))
      .payload(delta({ firstMb: 4 }))
      .flush();
    assert.deepEqual(feed.units.map(hexOf), [hex(delta(), delta({ firstMb: 4 }))]);
  });
});
