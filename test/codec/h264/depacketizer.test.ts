import assert from 'node:assert/strict';
import { H264Depacketizer } from '../../../lib/codec/h264/depacketizer.js';
import { LIMITS } from '../../../lib/limits.js';
import type { ParameterSetPolicy } from '../../../lib/codec/unit.js';
import { Feed, hexOf, rtpPacket, types, videoMedia } from '../feed.js';
import { fuA, stapA } from '../packetizers/h264.js';
import { AUD, OTHER_PPS, OTHER_SPS, PPS, RECOVERY_SEI, SPS, USER_SEI, delta, idr, slice } from './nals.js';

const SPROP = `${SPS.toString('base64')},${PPS.toString('base64')}`;

interface SetUp {
  fmtp?: Record<string, string>;
  frameRate?: number;
  parameterSets?: ParameterSetPolicy;
}

function h264({ fmtp = {}, frameRate, parameterSets }: SetUp = {}): Feed & {
  depacketizer: H264Depacketizer;
} {
  const media = videoMedia('H264', fmtp, frameRate);
  const options = parameterSets === undefined ? {} : { parameterSets };
  return new Feed((m, sink) => new H264Depacketizer(m.payloads[0]!, m, sink, options), media) as Feed & {
    depacketizer: H264Depacketizer;
  };
}

const hex = (...nals: Buffer[]): string[] => nals.map((nal) => nal.toString('hex'));

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
        profile: 'High',
        codecString: 'avc1.640028',
      });
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
          data.buffer.byteLength <= data.length * 1.25 + 1,
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

  describe('parameter sets', () => {
    it('puts the SDP’s sets in front of a keyframe that has none', () => {
      const feed = h264({ fmtp: { 'sprop-parameter-sets': SPROP } });
      const key = idr({ size: 3000 });
      for (const { bytes, ends } of fuA(key, 500)) feed.payload(bytes, ends);
      assert.deepEqual(hexOf(feed.units[0]), hex(SPS, PPS, key));
      assert.deepEqual(types(feed.units[0]), [7, 8, 5]);
      feed.next().payload(delta(), true);
      assert.deepEqual(types(feed.units[1]), [1]);
    });

    it('leaves an access unit delimiter first', () => {
      const feed = h264({ fmtp: { 'sprop-parameter-sets': SPROP } });
      feed
        .payload(AUD)
        .payload(USER_SEI)
        .payload(idr({ size: 900 }), true);
      assert.deepEqual(hexOf(feed.units[0]), hex(AUD, SPS, PPS, USER_SEI, idr({ size: 900 })));
    });

    it('knows the format from the SDP before any packet came', () => {
      const feed = h264({ fmtp: { 'sprop-parameter-sets': SPROP } });
      feed.payload(delta(), true);
      assert.equal(feed.units[0]!.format.width, 1920);
    });

    it('row 25: learns the sets in band where the SDP has none, and repeats them before later keyframes', () => {
      const feed = h264();
      feed.payload(delta(), true).next();
      feed.payload(SPS).payload(PPS).payload(idr(), true).next();
      feed.payload(idr({ fill: 7 }), true);
      assert.equal(feed.units[0]!.format.width, 0);
      assert.deepEqual(hexOf(feed.units[2]), hex(SPS, PPS, idr({ fill: 7 })));
      assert.equal(feed.units[1]!.format, feed.units[2]!.format);
    });

    it('row 25: a new SPS mid-stream replaces the SDP’s and is a new format; the same SPS again is not', () => {
      const feed = h264({ fmtp: { 'sprop-parameter-sets': SPROP } });
      feed.payload(idr(), true).next();
      feed.payload(SPS).payload(PPS).payload(idr(), true).next();
      feed.payload(OTHER_SPS).payload(OTHER_PPS).payload(idr(), true).next();
      feed.payload(idr(), true);
      const [first, same, other, later] = feed.units;
      assert.equal(first!.format, same!.format);
      assert.deepEqual(
        [other!.format.width, other!.format.height, other!.format.frameRate],
        [722, 406, 29.97],
      );
      assert.equal(other!.format, later!.format);
      assert.deepEqual(hexOf(later), hex(OTHER_SPS, OTHER_PPS, idr()));
    });

    it('keeps the same format object when another SPS says the same of the picture', () => {
      const feed = h264();
      // The same picture with another number of reference frames.
      const twin = Buffer.from(SPS);
      twin[8] = 0x22;
      feed.payload(SPS).payload(PPS).payload(idr(), true).next();
      const before = feed.units[0]!.format;
      feed.payload(SPS).payload(OTHER_PPS).payload(idr(), true);
      assert.equal(feed.units[1]!.format, before);
    });

    it('adds all sets if the keyframe brings only some', () => {
      const feed = h264({ fmtp: { 'sprop-parameter-sets': SPROP } });
      feed.payload(SPS).payload(idr(), true);
      assert.deepEqual(types(feed.units[0]), [7, 8, 7, 5]);
    });

    it('keeps several PPS ids and takes the format from the SPS that the picture uses', () => {
      const secondSps = Buffer.from('674d401e5bb8171abc44d8088000000300800000079', 'hex');
      assert.ok(secondSps.length > 0);
      const pps1 = Buffer.from('685ee3cb20', 'hex');
      const feed = h264({ fmtp: { 'sprop-parameter-sets': SPROP } });
      feed.payload(pps1, false).payload(idr({ ppsId: 1 }), true);
      assert.deepEqual(hexOf(feed.units[0]), hex(SPS, PPS, pps1, pps1, idr({ ppsId: 1 })));
    });

    it('policy change: only in front of the first keyframe after a change', () => {
      const feed = h264({ fmtp: { 'sprop-parameter-sets': SPROP }, parameterSets: 'change' });
      feed.payload(idr(), true).next().payload(idr(), true).next();
      feed.payload(OTHER_SPS).payload(delta(), true).next().payload(idr(), true).next().payload(idr(), true);
      assert.deepEqual(feed.units.map(types), [[7, 8, 5], [5], [7, 1], [7, 8, 5], [5]]);
    });

    it('policy never: units as they came', () => {
      const feed = h264({ fmtp: { 'sprop-parameter-sets': SPROP }, parameterSets: 'never' });
      feed.payload(idr(), true);
      assert.deepEqual(types(feed.units[0]), [5]);
      assert.equal(feed.units[0]!.format.width, 1920);
    });

    it('takes the frame rate from the SDP where the SPS has none', () => {
      const noVui = Buffer.from('67420014e901413f20', 'hex');
      const feed = h264({ frameRate: 12.5 });
      feed.payload(delta(), true).next().payload(noVui).payload(PPS).payload(idr(), true);
      assert.equal(feed.units[0]!.format.frameRate, 12.5);
      assert.ok(feed.units[1]!.format.width > 0);
      assert.equal(feed.units[1]!.format.frameRate, 12.5);
    });

    it('keeps sets that come under a timestamp of their own for the picture that follows', () => {
      const feed = h264();
      feed.payload(SPS, true).next().payload(PPS, true).next().payload(idr(), true);
      assert.equal(feed.units.length, 1);
      assert.deepEqual(types(feed.units[0]), [7, 8, 5]);
      assert.equal(feed.units[0]!.rtpTime, 9000 + 7200);
      assert.equal(feed.units[0]!.arrival, 1002);
    });

    it('row 25: start codes in sprop-parameter-sets', () => {
      const glued = Buffer.concat([
        Buffer.from('00000001', 'hex'),
        SPS,
        Buffer.from('00000001', 'hex'),
        PPS,
      ]).toString('base64');
      const feed = h264({ fmtp: { 'sprop-parameter-sets': glued } });
      feed.payload(idr(), true);
      assert.deepEqual(hexOf(feed.units[0]), hex(SPS, PPS, idr()));
    });

    it('row 27: no sprop, an odd one or a fmtp without packetization-mode', () => {
      for (const fmtp of [
        {},
        { 'sprop-parameter-sets': '' },
        { 'sprop-parameter-sets': 'Zw==,aA==' },
        { 'packetization-mode': 'x' },
      ]) {
        const feed = h264({ fmtp: fmtp as Record<string, string> });
        feed.payload(stapA([SPS, PPS])).payload(idr(), true);
        assert.deepEqual(types(feed.units[0]), [7, 8, 5]);
      }
    });
  });

  describe('boundaries', () => {
    it('row 24: the marker bit is never set: a unit ends at the next timestamp', () => {
      const feed = h264();
      feed
        .payload(idr())
        .next()
        .payload(delta())
        .payload(delta({ firstMb: 9 }))
        .next()
        .payload(delta());
      assert.deepEqual(feed.units.map(types), [[5], [1, 1]]);
      assert.equal(feed.units[1]!.rtpSequence, 2);
      feed.flush();
      assert.deepEqual(
        feed.units.map((unit) => unit.damaged),
        [false, false, false],
      );
    });

    it('row 24: the marker bit is set on SPS, PPS and SEI: they do not end a unit', () => {
      const feed = h264();
      feed.payload(SPS, true).payload(PPS, true).payload(USER_SEI, true).payload(idr(), true);
      assert.deepEqual(feed.units.map(types), [[7, 8, 6, 5]]);
    });

    it('row 24: the marker bit is set on every slice: the torn unit is flagged, later ones end at the timestamp', () => {
      const feed = h264();
      feed.payload(idr(), true);
      assert.equal(feed.units[0]!.damaged, false);
      feed
        .payload(idr({ firstMb: 40 }), true)
        .payload(idr({ firstMb: 80 }), true)
        .next();
      feed
        .payload(delta(), true)
        .payload(delta({ firstMb: 40 }), true)
        .next()
        .payload(delta(), true);
      assert.deepEqual(feed.units.map(types), [[5], [5, 5], [1, 1]]);
      assert.deepEqual(
        feed.units.map((unit) => unit.damaged),
        [true, true, false],
      );
      assert.equal(feed.depacketizer.stats.damagedUnits, 2);
    });

    it('row 24: the policy survives a new source', () => {
      const feed = h264();
      feed.payload(idr(), true).payload(idr({ firstMb: 40 }), true);
      feed.depacketizer.reset();
      feed
        .next()
        .payload(idr(), true)
        .payload(idr({ firstMb: 40 }), true)
        .next()
        .payload(delta(), true);
      assert.deepEqual(types(feed.units[1]), [5, 5]);
      assert.equal(feed.units[1]!.damaged, false);
    });

    it('row 24: timestamps that stand still are told apart by the marker', () => {
      const feed = h264();
      feed.payload(idr(), true).payload(delta(), true).payload(delta(), true);
      assert.deepEqual(
        feed.units.map((unit) => unit.damaged),
        [false, false, false],
      );
    });

    it('row 24: timestamps that stand still without a marker are told apart by what begins a picture', () => {
      const feed = h264({ fmtp: { 'sprop-parameter-sets': SPROP }, parameterSets: 'never' });
      feed
        .payload(SPS)
        .payload(PPS)
        .payload(idr())
        .payload(delta())
        .payload(delta({ firstMb: 7 }))
        .payload(AUD)
        .payload(delta());
      feed.payload(SPS).payload(idr()).flush();
      assert.deepEqual(feed.units.map(types), [
        [7, 8, 5],
        [1, 1],
        [9, 1],
        [7, 5],
      ]);
      assert.deepEqual(
        feed.units.map((unit) => unit.rtpSequence),
        [2, 4, 6, 8],
      );
      assert.deepEqual(
        feed.units.map((unit) => unit.damaged),
        [false, false, false, false],
      );
    });

    it('keeps two fields of one timestamp in one unit', () => {
      const interlaced = Buffer.from('6764001eacd940b424d8088000000300800000190f8a14cb', 'hex');
      const feed = h264();
      feed.payload(interlaced).payload(PPS).payload(idr()).payload(delta(), true);
      assert.deepEqual(feed.units.map(types), [[7, 8, 5, 1]]);
    });

    it('row 24: timestamps that jump, back as well, and wrap', () => {
      const feed = h264();
      for (const timestamp of [0xfffffff0, 3, 900_000, 5]) {
        feed.packet(rtpPacket({ sequence: 1, timestamp, payload: delta(), marker: true }));
      }
      assert.deepEqual(
        feed.units.map((unit) => unit.rtpTime),
        [0xfffffff0, 3, 900_000, 5],
      );
    });

    it('hands out the last unit at the end, flagged if a marker should have ended it', () => {
      const marked = h264();
      marked.payload(idr(), true).next().payload(delta()).flush().flush();
      assert.deepEqual(
        marked.units.map((unit) => unit.damaged),
        [false, true],
      );
      const unfinished = h264();
      unfinished
        .payload(idr())
        .payload(fuA(delta({ size: 900 }), 400)[0]!.bytes)
        .flush();
      assert.deepEqual(hexOf(unfinished.units[0]), hex(idr()));
      assert.equal(unfinished.units[0]!.damaged, true);
    });

    it('forgets the unit in progress when the source changes', () => {
      const feed = h264();
      feed
        .payload(SPS)
        .payload(PPS)
        .payload(fuA(idr({ size: 900 }), 400)[0]!.bytes);
      feed.depacketizer.reset();
      feed.payload(idr(), true);
      assert.deepEqual(hexOf(feed.units[0]), hex(SPS, PPS, idr()));
      assert.equal(feed.units[0]!.damaged, false);
    });
  });

  describe('fragments', () => {
    const whole = idr({ size: 900, fill: 0x42 });
    const parts = fuA(whole, 302).map(({ bytes }) => bytes);

    it('row 25: FU-A with S and E both set', () => {
      const feed = h264();
      feed.payload(Buffer.concat([Buffer.of(0x7c, 0xc5), whole.subarray(1)]), true);
      assert.deepEqual(hexOf(feed.units[0]), hex(whole));
      assert.equal(feed.units[0]!.damaged, false);
    });

    it('row 25: empty fragments', () => {
      const feed = h264();
      feed.payload(Buffer.of(0x7c, 0x85)).payload(Buffer.concat([Buffer.of(0x7c, 0x05), whole.subarray(1)]));
      feed.payload(Buffer.of(0x7c, 0x05)).payload(Buffer.of(0x7c, 0x45), true);
      assert.deepEqual(hexOf(feed.units[0]), hex(whole));
      assert.equal(feed.units[0]!.damaged, false);
    });

    it('row 25: a NAL unit of empty fragments alone is dropped', () => {
      const feed = h264();
      feed.payload(delta()).payload(Buffer.of(0x7c, 0x81)).payload(Buffer.of(0x7c, 0x41), true);
      assert.deepEqual(hexOf(feed.units[0]), hex(delta()));
      assert.equal(feed.units[0]!.damaged, true);
    });

    it('row 25: a lost middle drops the NAL unit and flags the unit', () => {
      const feed = h264();
      feed.payload(idr()).payload(parts[0]!).gap().payload(parts[2]!).payload(parts[3]!, true);
      assert.deepEqual(hexOf(feed.units[0]), hex(idr()));
      assert.equal(feed.units[0]!.damaged, true);
      assert.equal(feed.depacketizer.stats.droppedNals, 1);
    });

    it('row 25: a lost beginning and a lost end do the same', () => {
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

    it('row 25: a NAL unit that never ends, without a gap, is dropped at the next timestamp', () => {
      const feed = h264();
      feed.payload(idr()).payload(parts[0]!).payload(parts[1]!, true).next().payload(delta(), true);
      assert.deepEqual(hexOf(feed.units[0]), hex(idr()));
      assert.deepEqual(
        feed.units.map((unit) => unit.damaged),
        [true, false],
      );
    });

    it('row 25: another start, or a whole NAL unit, before the end of the first', () => {
      const feed = h264();
      feed.payload(parts[0]!);
      for (const part of parts) feed.payload(part);
      feed.payload(parts[0]!).payload(USER_SEI, true);
      assert.deepEqual(hexOf(feed.units[0]), hex(whole, USER_SEI));
      assert.equal(feed.units[0]!.damaged, true);
    });

    it('row 25: the type drifts in later fragments', () => {
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
        feed.units.map((unit) => unit.damaged),
        [true, false],
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
    it('row 25: STAP-A, with several slices, and with zero padding between and behind', () => {
      const feed = h264();
      const packet = stapA([SPS, PPS, Buffer.alloc(0), idr(), Buffer.alloc(0), idr({ firstMb: 5 })]);
      feed.payload(Buffer.concat([packet, Buffer.alloc(7)]), true);
      assert.deepEqual(hexOf(feed.units[0]), hex(SPS, PPS, idr(), idr({ firstMb: 5 })));
      assert.equal(feed.units[0]!.damaged, false);
    });

    it('ignores an aggregate inside an aggregate', () => {
      const feed = h264();
      feed.payload(stapA([idr(), stapA([delta()])]), true);
      assert.deepEqual(types(feed.units[0]), [5]);
    });

    it('row 25: Annex B start codes inside a payload: several NAL units in one packet', () => {
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

    it('row 25: Annex B start codes inside fragments, cut anywhere', () => {
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

  describe('damage', () => {
    it('flags a unit with a gap inside', () => {
      const feed = h264();
      feed
        .payload(delta())
        .gap()
        .payload(delta({ firstMb: 80 }), true)
        .next()
        .payload(delta(), true);
      assert.deepEqual(
        feed.units.map((unit) => unit.damaged),
        [true, false],
      );
    });

    it('flags a unit that a gap left without its first slice', () => {
      const feed = h264();
      feed
        .payload(idr(), true)
        .next()
        .gap()
        .payload(delta({ firstMb: 80 }), true);
      assert.deepEqual(
        feed.units.map((unit) => unit.damaged),
        [false, true],
      );
    });

    it('flags a keyframe after a gap that comes without the sets it always brings, which are put in front all the same', () => {
      const feed = h264();
      feed.payload(SPS).payload(PPS).payload(idr(), true).next().gap().payload(idr(), true);
      assert.deepEqual(hexOf(feed.units[1]), hex(SPS, PPS, idr()));
      assert.equal(feed.units[1]!.damaged, true);
      feed.next().gap().payload(SPS).payload(PPS).payload(idr(), true);
      assert.equal(feed.units[2]!.damaged, false);
    });

    it('does not flag a unit that begins as units do after a gap that took whole ones', () => {
      const feed = h264();
      feed
        .payload(idr(), true)
        .next()
        .payload(delta(), true)
        .next()
        .gap()
        .payload(delta(), true)
        .next()
        .gap()
        .payload(idr(), true);
      assert.deepEqual(
        feed.units.map((unit) => unit.damaged),
        [false, false, false, false],
      );
    });

    it('flags the delta unit after one that was lost whole, and no complete keyframe', () => {
      const key = fuA(idr({ size: 900 }), 400).map(({ bytes }) => bytes);
      const feed = h264();
      feed
        .payload(key[0]!)
        .gap()
        .payload(key[2]!, true)
        .next()
        .payload(delta(), true)
        .next()
        .payload(delta(), true)
        .next();
      feed
        .payload(key[0]!)
        .gap()
        .payload(key[2]!, true)
        .next()
        .payload(idr(), true)
        .next()
        .payload(delta(), true);
      assert.deepEqual(
        feed.units.map((unit) => unit.damaged),
        [true, false, false, false],
      );
      assert.equal(feed.depacketizer.stats.droppedUnits, 2);
    });

    it('forgets sets and SEI whose picture was lost', () => {
      const feed = h264();
      feed
        .payload(SPS)
        .payload(PPS)
        .payload(RECOVERY_SEI)
        .gap()
        .next()
        .payload(delta({ sliceType: 7 }), true);
      assert.deepEqual(types(feed.units[0]), [1]);
      assert.equal(feed.units[0]!.keyframe, false);
    });

    it('drops a unit past the limit on bytes, flags the next delta unit, and goes on', () => {
      const feed = h264();
      feed.payload(Buffer.of(0x7c, 0x85, 0x88, 0x80));
      const piece = Buffer.concat([Buffer.of(0x7c, 0x05), Buffer.alloc(60_000, 0x77)]);
      for (let sent = 0; sent <= LIMITS.unitBytes; sent += 60_000) feed.payload(piece);
      feed.payload(Buffer.of(0x7c, 0x45, 1)).payload(delta({ firstMb: 3 }), true);
      assert.equal(feed.units.length, 0);
      feed.next().payload(delta(), true).next().payload(delta(), true);
      assert.deepEqual(
        feed.units.map((unit) => unit.damaged),
        [true, false],
      );
      assert.equal(feed.depacketizer.stats.droppedUnits, 1);
    });

    it('takes a unit of just the limit', () => {
      const feed = h264();
      const nal = slice(5, { size: LIMITS.unitBytes - 4 - 1 - 3 - 1 });
      for (const { bytes, ends } of fuA(nal, 60_000)) feed.payload(bytes, ends);
      const size = feed.units[0]?.data.length ?? 0;
      assert.ok(size > LIMITS.unitBytes - 16 && size <= LIMITS.unitBytes, String(size));
    });

    it('drops a unit of too many NAL units, glued ones as well', () => {
      const many = h264();
      for (let i = 0; i < LIMITS.unitNals + 1; i += 1) many.payload(delta({ firstMb: i, size: 1 }));
      many.next().payload(delta(), true);
      assert.deepEqual(
        many.units.map((unit) => unit.damaged),
        [true],
      );
      const glued = h264();
      glued
        .payload(Buffer.from(`01${'00000106'.repeat(10_000)}`, 'hex'))
        .next()
        .payload(delta(), true);
      assert.deepEqual(glued.units.map(types), [[1]]);
    });

    it('counts units and what was dropped', () => {
      const feed = h264();
      feed
        .payload(idr(), true)
        .next()
        .payload(delta())
        .gap()
        .payload(delta({ firstMb: 9 }), true);
      assert.deepEqual(feed.depacketizer.stats, {
        units: 2,
        damagedUnits: 1,
        droppedUnits: 0,
        droppedNals: 0,
      });
    });
  });
});
