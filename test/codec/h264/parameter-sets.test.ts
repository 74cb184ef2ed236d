import assert from 'node:assert/strict';
import { BitWriter } from '../bit-writer.js';
import { hexOf, types } from '../../kit/depacketizer-feed.js';
import { fuA, stapA } from '../packetizers/h264.js';
import { SPROP, h264, hex } from './feed.js';
import { AUD, OTHER_PPS, OTHER_SPS, PPS, SPS, USER_SEI, delta, idr } from './nals.js';

describe('H264Depacketizer', () => {
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

    it('quirk broken-h264-fragments: learns the sets in band where the SDP has none, and repeats them before later keyframes', () => {
      const feed = h264();
      feed.payload(delta(), true).next();
      feed.payload(SPS).payload(PPS).payload(idr(), true).next();
      feed.payload(idr({ fill: 7 }), true);
      assert.equal(feed.units[0]!.format.width, 0);
      assert.deepEqual(hexOf(feed.units[2]), hex(SPS, PPS, idr({ fill: 7 })));
      assert.equal(feed.units[1]!.format, feed.units[2]!.format);
    });

    it('quirk broken-h264-fragments: a new SPS mid-stream replaces the SDP’s and is a new format; the same SPS again is not', () => {
      const feed = h264({ fmtp: { 'sprop-parameter-sets': SPROP } });
      feed.payload(idr(), true).next();
      feed.payload(SPS).payload(PPS).payload(idr(), true).next();
      feed.payload(OTHER_SPS).payload(OTHER_PPS).payload(idr(), true).next();
      feed.payload(idr(), true);
      const [first, same, other, later] = feed.units;
      assert.equal(first!.format, same!.format);
      assert.deepEqual(
        { width: other!.format.width, height: other!.format.height, frameRate: other!.format.frameRate },
        { width: 722, height: 406, frameRate: 29.97 },
      );
      assert.equal(other!.format, later!.format);
      assert.deepEqual(hexOf(later), hex(OTHER_SPS, OTHER_PPS, idr()));
    });

    it('keeps the same format object when another SPS says the same of the picture', () => {
      const sps = (references: number): Buffer =>
        new BitWriter()
          .u(0x4d401e, 24)
          .ue(0)
          .ue(0)
          .ue(2)
          .ue(references)
          .flag(false)
          .ue(19)
          .ue(14)
          .u(0b1100, 4)
          .nal(0x67);
      const feed = h264();
      for (const references of [1, 2]) feed.payload(sps(references)).payload(PPS).payload(idr(), true).next();
      feed.payload(idr(), true);
      assert.equal(feed.units[0]!.format.width, 320);
      assert.equal(feed.units[1]!.format, feed.units[0]!.format);
      assert.deepEqual(hexOf(feed.units[2])[0], sps(2).toString('hex'));
    });

    it('adds all sets if the keyframe brings only some', () => {
      const feed = h264({ fmtp: { 'sprop-parameter-sets': SPROP } });
      feed.payload(SPS).payload(idr(), true);
      assert.deepEqual(types(feed.units[0]), [7, 8, 7, 5]);
    });

    it('puts the SPS and the PPS that the picture names in front, of several PPS ids', () => {
      const pps1 = Buffer.from('685ee3cb20', 'hex');
      const feed = h264({ fmtp: { 'sprop-parameter-sets': SPROP } });
      feed.payload(pps1, false).payload(idr({ ppsId: 1 }), true);
      assert.deepEqual(hexOf(feed.units[0]), hex(SPS, pps1, pps1, idr({ ppsId: 1 })));
    });

    it('puts a PPS that the SDP alone has in front of the first picture that names it, once a GOP', () => {
      const pps1 = Buffer.from('685ee3cb20', 'hex');
      const sprop = [SPS, PPS, pps1].map((nal) => nal.toString('base64')).join();
      const feed = h264({ fmtp: { 'sprop-parameter-sets': sprop } });
      for (let gop = 0; gop < 2; gop++) {
        feed.payload(idr(), true).next().payload(delta(), true).next();
        feed
          .payload(delta({ ppsId: 1 }), true)
          .next()
          .payload(delta({ ppsId: 1 }), true)
          .next();
      }
      const gop = [[7, 8, 5], [1], [8, 1], [1]];
      assert.deepEqual(feed.units.map(types), [...gop, ...gop]);
      assert.deepEqual(hexOf(feed.units[2]), hex(pps1, delta({ ppsId: 1 })));
    });

    it('does not repeat parameter sets without end in front of tiny keyframes', () => {
      const feed = h264({ fmtp: { 'sprop-parameter-sets': SPROP } });
      for (let id = 1; id < 100; id++)
        feed.payload(Buffer.concat([new BitWriter().ue(id).ue(0).nal(0x68), Buffer.alloc(600, 0x55)]));
      feed.payload(idr({ size: 1 }), true).next();
      for (let i = 0; i < 100; i++) feed.payload(idr({ size: 1 }), true).next();
      for (const { data } of feed.units.slice(1)) assert.ok(data.length < 100, `${data.length} bytes`);
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

    it('quirk broken-h264-fragments: start codes in sprop-parameter-sets', () => {
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

    it('quirk broken-fmtp: no sprop, an odd one or a fmtp without packetization-mode', () => {
      for (const fmtp of [
        {},
        { 'sprop-parameter-sets': '' },
        { 'sprop-parameter-sets': 'Zw==,aA==' },
        { 'packetization-mode': 'x' },
      ]) {
        const feed = h264({ fmtp: fmtp });
        feed.payload(stapA([SPS, PPS])).payload(idr(), true);
        assert.deepEqual(types(feed.units[0]), [7, 8, 5]);
      }
    });
  });
});
