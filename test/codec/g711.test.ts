import assert from 'node:assert/strict';
import { G711Depacketizer } from '../../lib/codec/g711.js';
import type { AudioUnit, MediaUnit } from '../../lib/codec/unit.js';
import { onvifReplay, rtp } from '../rtp/build.js';
import { media, payload } from './packetizers/media.js';
import { feed } from './packetizers/network.js';

function depacketizer(encoding: string, channels = 1): { g711: G711Depacketizer; units: AudioUnit[] } {
  const units: AudioUnit[] = [];
  const pcm = payload(encoding, 8000, {}, channels);
  return {
    g711: new G711Depacketizer(pcm, media(pcm), (unit: MediaUnit) => units.push(unit as AudioUnit)),
    units,
  };
}

describe('G711Depacketizer', () => {
  it('makes a unit of every packet, with the samples as they are', () => {
    const { g711, units } = depacketizer('PCMU');
    const samples = Buffer.from(Array.from({ length: 160 }, (_, i) => i));
    const time = Date.UTC(2026, 3, 3);
    feed(
      g711,
      [
        rtp({
          sequence: 65_535,
          timestamp: 160,
          payload: samples,
          extension: { profile: 0xabac, data: onvifReplay(time) },
        }),
        rtp({ sequence: 0, timestamp: 320, payload: samples }),
      ],
      12,
    );
    assert.equal(units.length, 2);
    assert.deepEqual(units[0], {
      kind: 'audio',
      codec: 'pcmu',
      rtpTime: 160,
      rtpSequence: 65_535,
      arrival: 12,
      onvifTime: time,
      time: 0,
      timeSource: 'arrival',
      data: samples,
      damaged: false,
      format: { codec: 'pcmu', sampleRate: 8000, channels: 1 },
    });
    assert.equal('onvifTime' in units[1]!, false);
    assert.equal(units[0].format, units[1]?.format);
  });

  it('hands out memory of its own', () => {
    const { g711, units } = depacketizer('PCMA', 2);
    const packet = rtp({ payload: Buffer.from([1, 2, 3, 4]) });
    feed(g711, [packet]);
    packet.fill(0);
    assert.deepEqual([...units[0]!.data], [1, 2, 3, 4]);
    assert.equal(units[0]!.data.buffer.byteLength, 4);
    assert.deepEqual(units[0]!.format, { codec: 'pcma', sampleRate: 8000, channels: 2 });
  });

  it('flags the unit that follows lost packets, and skips empty packets', () => {
    const { g711, units } = depacketizer('PCMA');
    const payloads = ['a', 'b', '', 'd'].map((text) => Buffer.from(text));
    feed(
      g711,
      [0, 2, 3, 4].map((sequence, i) => rtp({ sequence, payload: payloads[i]! })),
    );
    g711.flush();
    g711.reset();
    assert.deepEqual(
      units.map((unit) => [unit.data.toString(), unit.damaged]),
      [
        ['a', false],
        ['b', true],
        ['d', false],
      ],
    );
  });
});
