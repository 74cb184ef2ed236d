import assert from 'node:assert/strict';
import { L16Depacketizer } from '../../lib/codec/l16.js';
import { OpusDepacketizer } from '../../lib/codec/opus.js';
import type { AudioUnit, MediaUnit } from '../../lib/codec/unit.js';
import { rtp } from '../rtp/build.js';
import { media, payload } from './packetizers/media.js';
import { feed } from './packetizers/network.js';

describe('L16Depacketizer', () => {
  it('hands samples out as they are, whole ones only, and flags what follows a loss', () => {
    const units: AudioUnit[] = [];
    const l16 = payload('L16', 44_100, {}, 2);
    const packets = ['aabb', 'ccddeef', 'xyz', 'gghh'].map((text, i) =>
      rtp({ sequence: i === 3 ? 4 : i, payload: Buffer.from(text) }),
    );
    feed(new L16Depacketizer(l16, media(l16), (unit: MediaUnit) => units.push(unit as AudioUnit)), packets);
    assert.deepEqual(
      units.map((unit) => [unit.data.toString(), unit.damaged]),
      [
        ['aabb', false],
        ['ccdd', false],
        ['gghh', true],
      ],
    );
    assert.deepEqual(units[0]!.format, { codec: 'l16', sampleRate: 44_100, channels: 2 });
  });
});

describe('OpusDepacketizer', () => {
  it('makes a unit of every packet, on a clock of 48 kHz', () => {
    const units: AudioUnit[] = [];
    const opus = payload('OPUS', 48_000, { 'sprop-stereo': '0' }, 2);
    feed(new OpusDepacketizer(opus, media(opus), (unit: MediaUnit) => units.push(unit as AudioUnit)), [
      rtp({ timestamp: 960, payload: Buffer.from([0x78, 1, 2]) }),
    ]);
    assert.deepEqual(
      { codec: units[0]!.codec, data: units[0]!.data, rtpTime: units[0]!.rtpTime },
      { codec: 'opus', data: Buffer.from([0x78, 1, 2]), rtpTime: 960 },
    );
    assert.deepEqual(units[0]!.format, { codec: 'opus', sampleRate: 48_000, channels: 2 });
  });
});
