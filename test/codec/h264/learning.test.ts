import assert from 'node:assert/strict';
import { createDepacketizer } from '../../../lib/codec/depacketizer.js';
import type { VideoUnit } from '../../../lib/codec/unit.js';
import { RtpPacketView } from '../../../lib/rtp/packet.js';
import { parseSdp } from '../../../lib/rtsp/sdp.js';
import { PPS, rtp, SDP, SPS } from '../../kit/scripted-server.js';

/** Slices of a picture: the first has first_mb_in_slice 0 (a leading 1 bit), the others do not. */
const slice = (header: number, first: boolean): Buffer =>
  Buffer.from([header, first ? 0x88 : 0x44, 0x84, 1, 2, 3]);

describe('H.264 unit boundaries that are learnt', () => {
  function start(): {
    units: VideoUnit[];
    push: (timestamp: number, marker: boolean, nal: Buffer) => void;
    depacketizer: ReturnType<typeof createDepacketizer>;
  } {
    const media = parseSdp(SDP).media[0]!;
    const units: VideoUnit[] = [];
    const depacketizer = createDepacketizer(
      media.payloads[0]!,
      media,
      (unit) => units.push(unit as VideoUnit),
      { boundary: 'learn' },
    );
    const view = new RtpPacketView();
    let sequence = 0;
    return {
      units,
      depacketizer,
      push: (timestamp, marker, nal) => {
        const packet = rtp(sequence++, timestamp, marker, nal);
        assert.ok(view.parse(packet, 0, packet.length));
        depacketizer.push(view, 0);
      },
    };
  }

  it('quirk misplaced-markers: no unit is torn where the marker stands on every slice, the first one included', () => {
    const { units, push, depacketizer } = start();
    for (let picture = 0; picture < 3; picture++) {
      if (picture === 0) for (const set of [SPS, PPS]) push(0, false, set);
      for (let index = 0; index < 4; index++)
        push(picture * 3600, true, slice(picture === 0 ? 0x65 : 0x41, index === 0));
    }
    depacketizer.flush();
    assert.deepEqual(
      units.map(({ damaged, nals }) => [damaged, nals.length]),
      [
        [false, 6],
        [false, 4],
        [false, 4],
      ],
    );
  });

  it('quirk misplaced-markers: parameter sets repeated in front of every slice do not split the picture, as GStreamer sends them', () => {
    const { units, push, depacketizer } = start();
    for (let index = 0; index < 3; index++) {
      push(0, false, SPS);
      push(0, false, PPS);
      push(0, true, slice(0x65, index === 0));
    }
    push(3600, true, slice(0x41, true));
    depacketizer.flush();
    assert.deepEqual(
      units.map(({ damaged, keyframe, nals }) => [damaged, keyframe, nals.map(({ type }) => type)]),
      [
        [false, true, [7, 8, 5, 5, 5]],
        [false, false, [1]],
      ],
    );
  });

  it('ends units at the marker once a new timestamp has proved it', () => {
    const { units, push, depacketizer } = start();
    push(0, false, SPS);
    push(0, false, PPS);
    push(0, true, slice(0x65, true));
    assert.equal(units.length, 0);
    assert.equal(depacketizer.isHolding, true);
    push(3600, true, slice(0x41, true));
    assert.equal(units.length, 2);
    push(7200, true, slice(0x41, true));
    assert.equal(units.length, 3);
    assert.ok(units.every(({ damaged }) => !damaged));
  });

  it('hands the first unit out when nothing follows it', () => {
    const { units, push, depacketizer } = start();
    push(0, false, SPS);
    push(0, false, PPS);
    push(0, true, slice(0x65, true));
    depacketizer.releaseHeld?.();
    assert.deepEqual(
      units.map(({ keyframe, damaged }) => [keyframe, damaged]),
      [[true, false]],
    );
  });

  it('gives parameter sets behind the last slice to the next picture, with its timestamp', () => {
    const { units, push, depacketizer } = start();
    push(0, false, SPS);
    push(0, false, PPS);
    push(0, true, slice(0x65, true));
    push(3600, true, slice(0x41, true));
    push(3600, false, SPS);
    push(3600, false, PPS);
    push(7200, true, slice(0x65, true));
    depacketizer.flush();
    assert.deepEqual(
      units.map(({ rtpTime, nals }) => [rtpTime, nals.length]),
      [
        [0, 3],
        [3600, 1],
        [7200, 3],
      ],
    );
  });
});
