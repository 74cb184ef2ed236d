import assert from 'node:assert/strict';
import { LIMITS } from '../../../lib/limits.js';
import { hexOf, rtpPacket, types } from '../../kit/depacketizer-feed.js';
import { fuA } from '../packetizers/h264.js';
import { SPROP, h264, hex } from './feed.js';
import { AUD, PPS, RECOVERY_SEI, SPS, USER_SEI, delta, idr, slice } from './nals.js';

describe('H264Depacketizer', () => {
  describe('boundaries', () => {
    it('quirk misplaced-markers: the marker bit is never set: a unit ends at the next timestamp', () => {
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

    it('quirk misplaced-markers: the marker bit is set on SPS, PPS and SEI: they do not end a unit', () => {
      const feed = h264();
      feed.payload(SPS, true).payload(PPS, true).payload(USER_SEI, true).payload(idr(), true);
      assert.deepEqual(feed.units.map(types), [[7, 8, 6, 5]]);
    });

    it('quirk misplaced-markers: the marker bit is set on every slice: the torn unit is flagged, later ones end at the timestamp', () => {
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

    it('quirk misplaced-markers: the policy survives a new source', () => {
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

    it('quirk misplaced-markers: timestamps that stand still are told apart by the marker', () => {
      const feed = h264();
      feed.payload(idr(), true).payload(delta(), true).payload(delta(), true);
      assert.deepEqual(
        feed.units.map((unit) => unit.damaged),
        [false, false, false],
      );
    });

    it('quirk misplaced-markers: timestamps that stand still without a marker are told apart by what begins a picture', () => {
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

    it('quirk misplaced-markers: timestamps that jump, back as well, and wrap', () => {
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

    it('says of the units after one that was lost whole, up to the next keyframe, what they build on', () => {
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
      assert.ok(feed.units.every((unit) => !unit.damaged));
      assert.deepEqual(
        feed.units.map((unit) => unit.reference),
        ['lost', 'lost', undefined, undefined],
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

    it('drops a unit past the limit on bytes, and goes on with units that build on it', () => {
      const feed = h264();
      feed.payload(Buffer.of(0x7c, 0x85, 0x88, 0x80));
      const piece = Buffer.concat([Buffer.of(0x7c, 0x05), Buffer.alloc(60_000, 0x77)]);
      for (let sent = 0; sent <= LIMITS.unitBytes; sent += 60_000) feed.payload(piece);
      feed.payload(Buffer.of(0x7c, 0x45, 1)).payload(delta({ firstMb: 3 }), true);
      assert.equal(feed.units.length, 0);
      feed.next().payload(delta(), true).next().payload(delta(), true);
      assert.deepEqual(
        feed.units.map((unit) => [unit.damaged, unit.reference]),
        [
          [false, 'lost'],
          [false, 'lost'],
        ],
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
        many.units.map((unit) => [types(unit), unit.reference]),
        [[[1], 'lost']],
      );
      const glued = h264();
      const nal = Buffer.from(`41${'00000106'.repeat(LIMITS.unitNals + 1)}`, 'hex');
      for (const { bytes } of fuA(nal, 60_000)) glued.payload(bytes);
      glued.next().payload(delta(), true);
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
