import assert from 'node:assert/strict';
import { hexOf, rtpPacket, types } from '../../kit/depacketizer-feed.js';
import { fuA, mtap, stapA } from '../packetizers/h264.js';
import { SPROP, h264, hex } from './feed.js';
import { PPS, RECOVERY_SEI, SPS, USER_SEI, delta, idr } from './nals.js';

describe('H264Depacketizer', () => {
  describe('access units', () => {
    it('hands out a keyframe with 4-byte start codes, ranges, times and format', () => {
      const feed = h264();
      feed.payload(SPS).payload(PPS).payload(idr(), true);
      const [unit] = feed.units;
      assert.ok(unit);
      assert.deepEqual(hexOf(unit), hex(SPS, PPS, idr()));
      assert.deepEqual(types(unit), [7, 8, 5]);
      assert.equal(unit.nals[2]!.end, unit.data.length);
      assert.equal(unit.keyframe, true);
      assert.equal(unit.damaged, false);
      assert.equal(unit.rtpTime, 9000);
      assert.equal(unit.rtpSequence, 2);
      assert.equal(unit.arrival, 1000);
      assert.equal(unit.time, 0);
      assert.equal(unit.timeSource, 'arrival');
      assert.equal('onvifTime' in unit, false);
      assert.deepEqual(unit.format, {
        codec: 'h264',
        width: 1920,
        height: 1080,
        frameRate: 25,
        reorderDepth: 2,
        profile: 'High',
        codecString: 'avc1.640028',
      });
    });

    it('takes 64 pictures of one packet at most, and goes on with the next', () => {
      const feed = h264();
      feed.payload(stapA([SPS, PPS, ...new Array<Buffer>(1000).fill(idr())]), true);
      const first = feed.units.splice(0).length;
      assert.equal(first, 64);
      feed.next().payload(stapA([SPS, PPS, idr()]), true);
      feed.next().payload(idr(), true);
      assert.ok(feed.units.length >= 2);
      assert.equal(feed.units.at(-1)!.damaged, false);
    });

    it('keeps several slices together and calls a unit of P slices no keyframe', () => {
      const feed = h264();
      feed
        .payload(delta())
        .payload(delta({ firstMb: 40 }))
        .payload(delta({ firstMb: 80 }), true);
      assert.equal(feed.units.length, 1);
      assert.equal(feed.units[0]!.keyframe, false);
      assert.equal(feed.units[0]!.nals.length, 3);
    });

    it('joins fragments to the NAL unit they were', () => {
      const big = idr({ size: 5000, fill: 0x31 });
      const feed = h264();
      for (const { bytes, ends } of fuA(big, 700)) feed.payload(bytes, ends);
      assert.deepEqual(hexOf(feed.units[0]), hex(big));
    });

    it('calls an all-intra picture with a recovery point a keyframe, and no other', () => {
      const feed = h264({ fmtp: { 'sprop-parameter-sets': SPROP } });
      feed
        .payload(RECOVERY_SEI)
        .payload(delta({ sliceType: 7 }))
        .payload(delta({ firstMb: 9, sliceType: 2 }), true);
      feed
        .next()
        .payload(RECOVERY_SEI)
        .payload(delta({ sliceType: 7 }))
        .payload(delta({ firstMb: 9, sliceType: 5 }), true);
      feed
        .next()
        .payload(USER_SEI)
        .payload(delta({ sliceType: 7 }), true);
      assert.deepEqual(
        feed.units.map((unit) => unit.keyframe),
        [true, false, false],
      );
      assert.deepEqual(types(feed.units[0]), [7, 8, 6, 1, 1]);
    });

    it('finds the recovery point behind other SEI messages, and not in a cut-off one', () => {
      const behind = Buffer.concat([USER_SEI.subarray(0, -1), RECOVERY_SEI.subarray(1)]);
      const feed = h264();
      feed.payload(behind).payload(delta({ sliceType: 7 }), true);
      feed
        .next()
        .payload(Buffer.from('06ff06', 'hex'))
        .payload(delta({ sliceType: 7 }), true);
      feed
        .next()
        .payload(Buffer.concat([Buffer.of(6), Buffer.alloc(200, 1)]))
        .payload(delta({ sliceType: 7 }), true);
      assert.deepEqual(
        feed.units.map((unit) => unit.keyframe),
        [true, false, false],
      );
    });

    it('carries the time of the ONVIF header extension', () => {
      const feed = h264();
      const plain = rtpPacket({ sequence: 0, timestamp: 1, payload: idr(), marker: true });
      const extension = Buffer.from('abac0003' + 'e8b2f40080000000' + '00000000', 'hex');
      const packet = Buffer.concat([plain.subarray(0, 12), extension, plain.subarray(12)]);
      packet[0] = 0x90;
      feed.packet(packet);
      assert.equal(feed.units[0]!.onvifTime, (0xe8b2f400 - 2_208_988_800) * 1000 + 500);
    });

    it('never writes to a unit that was handed out, and keeps no view of the read buffer', () => {
      const feed = h264();
      for (let i = 0; i < 40; i += 1) {
        const nal =
          i % 10 === 0
            ? idr({ size: 3000 + i * 100, fill: i + 4 })
            : delta({ size: 200 + i * 7, fill: i + 4 });
        feed.payload(nal, true).next();
      }
      feed.units.forEach((unit, i) => {
        const nal =
          i % 10 === 0
            ? idr({ size: 3000 + i * 100, fill: i + 4 })
            : delta({ size: 200 + i * 7, fill: i + 4 });
        assert.deepEqual(hexOf(unit), hex(nal));
      });
    });

    it('pins little more memory than a unit needs, and never the shared pool', () => {
      const feed = h264({ fmtp: { 'sprop-parameter-sets': SPROP } });
      for (let i = 0; i < 60; i += 1) {
        const size = 100 + ((i * 7919) % 60_000);
        for (const { bytes, ends } of fuA(i % 12 === 0 ? idr({ size }) : delta({ size }), 1400))
          feed.payload(bytes, ends);
        feed.next();
      }
      const memories = new Set(feed.units.map((unit) => unit.data.buffer));
      assert.equal(memories.size, 60);
      for (const { data } of feed.units)
        assert.ok(
          data.buffer.byteLength <= data.length * 1.34,
          `${data.length} in ${data.buffer.byteLength}`,
        );
    });

    it('copies most units of a steady stream once: they begin where the room for parameter sets was left', () => {
      const feed = h264({ fmtp: { 'sprop-parameter-sets': SPROP } });
      for (let i = 0; i < 100; i += 1) {
        for (const { bytes, ends } of fuA(delta({ size: 20_000 + ((i * 7919) % 1000) }), 1400))
          feed.payload(bytes, ends);
        feed.next();
      }
      const inPlace = feed.units.slice(20).filter(({ data }) => data.byteOffset > 0);
      assert.equal(inPlace.length, 80);
    });

    it('ignores empty payloads and types that are no NAL unit', () => {
      const feed = h264();
      feed
        .payload(Buffer.alloc(0))
        .payload(Buffer.from('1e0102', 'hex'))
        .payload(Buffer.from('000102', 'hex'))
        .payload(delta(), true);
      assert.deepEqual(hexOf(feed.units[0]), hex(delta()));
      assert.equal(feed.units[0]!.damaged, false);
      assert.equal(feed.depacketizer.stats.droppedNals, 2);
    });
  });

  describe('fragments', () => {
    const whole = idr({ size: 900, fill: 0x42 });
    const parts = fuA(whole, 302).map(({ bytes }) => bytes);

    it('quirk broken-h264-fragments: FU-A with S and E both set', () => {
      const feed = h264();
      feed.payload(Buffer.concat([Buffer.of(0x7c, 0xc5), whole.subarray(1)]), true);
      assert.deepEqual(hexOf(feed.units[0]), hex(whole));
      assert.equal(feed.units[0]!.damaged, false);
    });

    it('quirk broken-h264-fragments: empty fragments', () => {
      const feed = h264();
      feed.payload(Buffer.of(0x7c, 0x85)).payload(Buffer.concat([Buffer.of(0x7c, 0x05), whole.subarray(1)]));
      feed.payload(Buffer.of(0x7c, 0x05)).payload(Buffer.of(0x7c, 0x45), true);
      assert.deepEqual(hexOf(feed.units[0]), hex(whole));
      assert.equal(feed.units[0]!.damaged, false);
    });

    it('quirk broken-h264-fragments: a NAL unit of empty fragments alone is dropped', () => {
      const feed = h264();
      feed.payload(delta()).payload(Buffer.of(0x7c, 0x81)).payload(Buffer.of(0x7c, 0x41), true);
      assert.deepEqual(hexOf(feed.units[0]), hex(delta()));
      assert.equal(feed.units[0]!.damaged, true);
    });

    it('quirk broken-h264-fragments: a lost middle drops the NAL unit and flags the unit', () => {
      const feed = h264();
      feed.payload(idr()).payload(parts[0]!).gap().payload(parts[2]!).payload(parts[3]!, true);
      assert.deepEqual(hexOf(feed.units[0]), hex(idr()));
      assert.equal(feed.units[0]!.damaged, true);
      assert.equal(feed.depacketizer.stats.droppedNals, 1);
    });

    it('quirk broken-h264-fragments: a lost beginning and a lost end do the same', () => {
      const beginning = h264();
      beginning.payload(idr()).gap().payload(parts[1]!).payload(parts[2]!).payload(parts[3]!, true);
      assert.deepEqual(hexOf(beginning.units[0]), hex(idr()));
      assert.equal(beginning.units[0]!.damaged, true);
      const end = h264();
      end.payload(idr()).payload(parts[0]!).payload(parts[1]!).gap().next().payload(delta(), true);
      assert.deepEqual(hexOf(end.units[0]), hex(idr()));
      assert.deepEqual(
        end.units.map((unit) => unit.damaged),
        [true, false],
      );
    });

    it('quirk broken-h264-fragments: a NAL unit that never ends, without a gap, is dropped at the next timestamp', () => {
      const feed = h264();
      feed.payload(idr()).payload(parts[0]!).payload(parts[1]!, true).next().payload(delta(), true);
      assert.deepEqual(hexOf(feed.units[0]), hex(idr()));
      assert.deepEqual(
        feed.units.map((unit) => unit.damaged),
        [true, false],
      );
    });

    it('quirk broken-h264-fragments: another start, or a whole NAL unit, before the end of the first', () => {
      const feed = h264();
      feed.payload(parts[0]!);
      for (const part of parts) feed.payload(part);
      feed.payload(parts[0]!).payload(USER_SEI, true);
      assert.deepEqual(hexOf(feed.units[0]), hex(whole, USER_SEI));
      assert.equal(feed.units[0]!.damaged, true);
    });

    it('quirk broken-h264-fragments: the type drifts in later fragments', () => {
      const drifting = parts.map((part, i) => {
        const copy = Buffer.from(part);
        if (i > 0) copy[1] = (copy[1]! & 0xe0) | 1;
        if (i > 1) copy[0] = 0x1c;
        return copy;
      });
      const feed = h264();
      drifting.forEach((part, i) => feed.payload(part, i === drifting.length - 1));
      assert.deepEqual(hexOf(feed.units[0]), hex(whole));
    });

    it('takes the first unit after lost fragments alone as what it is', () => {
      const feed = h264();
      feed
        .gap()
        .payload(parts[2]!)
        .payload(parts[3]!, true)
        .next()
        .payload(delta(), true)
        .next()
        .payload(delta(), true);
      assert.deepEqual(
        feed.units.map((unit) => [unit.damaged, unit.reference]),
        [
          [false, 'lost'],
          [false, 'lost'],
        ],
      );
      assert.equal(feed.depacketizer.stats.droppedUnits, 1);
    });

    it('reads FU-B, whose first fragment has a decoding order number', () => {
      const feed = h264();
      fuA(whole, 302, 77).forEach(({ bytes, ends }) => feed.payload(bytes, ends));
      assert.deepEqual(hexOf(feed.units[0]), hex(whole));
    });

    it('flags a unit with fragments too short for their headers', () => {
      for (const cut of ['7c', '7d', '7d8500', '19', '1900', '1a01', '1b', '18ffff65']) {
        const feed = h264();
        feed.payload(idr()).payload(Buffer.from(cut, 'hex'), true);
        assert.deepEqual(hexOf(feed.units[0]), hex(idr()), cut);
        assert.equal(feed.units[0]!.damaged, true, cut);
      }
    });
  });

  describe('aggregates', () => {
    it('quirk broken-h264-fragments: STAP-A, with several slices, and with zero padding between and behind', () => {
      const feed = h264();
      const packet = stapA([SPS, PPS, Buffer.alloc(0), idr(), Buffer.alloc(0), idr({ firstMb: 5 })]);
      feed.payload(Buffer.concat([packet, Buffer.alloc(7)]), true);
      assert.deepEqual(hexOf(feed.units[0]), hex(SPS, PPS, idr(), idr({ firstMb: 5 })));
      assert.equal(feed.units[0]!.damaged, false);
    });

    it('reads 512 NAL units of a packet at most, STAP or MTAP, and flags the unit that lacks the rest', () => {
      const nals = [idr(), ...new Array<Buffer>(5000).fill(RECOVERY_SEI)];
      for (const packet of [
        stapA(nals),
        mtap(
          2,
          0,
          nals.map((nal) => ({ nal, dond: 0, offset: 0 })),
        ),
      ]) {
        const feed = h264();
        feed.payload(packet, true);
        assert.equal(feed.units[0]!.nals.length, 512);
        assert.equal(feed.units[0]!.damaged, true);
      }
      const feed = h264();
      feed.payload(Buffer.concat([stapA([idr()]), Buffer.alloc(4000)]), true);
      assert.equal(feed.units[0]!.damaged, false, 'padding is no NAL unit');
    });

    it('ignores an aggregate inside an aggregate', () => {
      const feed = h264();
      feed.payload(stapA([idr(), stapA([delta()])]), true);
      assert.deepEqual(types(feed.units[0]), [5]);
    });

    it('quirk broken-h264-fragments: Annex B start codes inside a payload: several NAL units in one packet', () => {
      const four = Buffer.from('00000001', 'hex');
      const three = Buffer.from('000001', 'hex');
      const glued = h264();
      glued.payload(Buffer.concat([SPS, four, PPS, three, idr(), four, idr({ firstMb: 3 })]), true);
      assert.deepEqual(hexOf(glued.units[0]), hex(SPS, PPS, idr(), idr({ firstMb: 3 })));
      const leading = h264();
      leading.payload(Buffer.concat([four, SPS, three, PPS, four, idr()]), true);
      assert.deepEqual(hexOf(leading.units[0]), hex(SPS, PPS, idr()));
      assert.equal(leading.units[0]!.damaged, false);
    });

    it('quirk broken-h264-fragments: Annex B start codes inside fragments, cut anywhere', () => {
      const stream = Buffer.concat([
        SPS,
        Buffer.from('00000001', 'hex'),
        PPS,
        Buffer.from('000001', 'hex'),
        idr({ size: 60 }),
      ]);
      for (let mtu = 3; mtu < 40; mtu += 1) {
        const feed = h264();
        for (const { bytes, ends } of fuA(stream, mtu)) feed.payload(bytes, ends);
        assert.deepEqual(hexOf(feed.units[0]), hex(SPS, PPS, idr({ size: 60 })), `at ${mtu} bytes`);
      }
    });
  });
});
