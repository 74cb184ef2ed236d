import assert from 'node:assert/strict';
import { defaultAacConfig } from '../../lib/codec/aac-config.js';
import { AacRateGuard } from '../../lib/codec/aac-rate.js';
import type { AudioUnit, MediaUnit } from '../../lib/codec/unit.js';

interface Heard {
  readonly units: AudioUnit[];
  readonly warnings: string[];
}

/** Frames of 1024 samples, `per` in a packet, that come at `trueRate` with up to 40 ms of jitter. */
function hear(config: Buffer, clockRate: number, trueRate: number, { seconds = 6, per = 1 } = {}): Heard {
  const units: AudioUnit[] = [];
  const warnings: string[] = [];
  const sink = (unit: MediaUnit): void => void units.push(unit as AudioUnit);
  const guard = new AacRateGuard(clockRate, sink, ({ code, message }) => warnings.push(`${code} ${message}`));
  const configRate = 16_000;
  const format = { codec: 'aac', sampleRate: configRate, channels: 1, config } as const;
  const wrongTicks = Math.round((1024 * clockRate) / configRate);
  const count = Math.floor((seconds * trueRate) / 1024);
  for (let index = 0; index < count; index++) {
    const packet = Math.floor(index / per);
    guard.take({
      kind: 'audio',
      codec: 'aac',
      data: Buffer.alloc(100, index),
      damaged: false,
      format,
      rtpTime: (packet * per * 1024 + (index % per) * wrongTicks) >>> 0,
      rtpSequence: packet,
      arrival: 5000 + (packet * per * 1024 * 1000) / trueRate + ((packet * 7919) % 41),
      time: 0,
      timeSource: 'arrival',
    });
  }
  return { units, warnings };
}

const AT_16_KHZ = defaultAacConfig(16_000, 1).bytes;
const AT_48_KHZ = defaultAacConfig(48_000, 1).bytes;

describe('AAC whose configuration and description tell different rates', () => {
  it('goes on at once where both agree, or where the clock is none of a sound', () => {
    for (const clockRate of [16_000, 90_000, 1000]) {
      const { units, warnings } = hear(AT_16_KHZ, clockRate, 16_000, { seconds: 0.2 });
      assert.equal(units.length, 3);
      assert.deepEqual(warnings, []);
    }
  });

  for (const per of [1, 3]) {
    it(`is sound of the rate at which it comes: the description’s, ${per} in a packet`, () => {
      const { units, warnings } = hear(AT_16_KHZ, 48_000, 48_000, { per });
      assert.ok(units.length > 275);
      assert.ok(
        units.every(({ format }) => format.sampleRate === 48_000 && format.config!.equals(AT_48_KHZ)),
      );
      assert.deepEqual(
        units.map(({ rtpTime }) => rtpTime),
        units.map((_, index) => index * 1024),
      );
      assert.equal(units[0]!.data[0], 0, 'the first one included');
      assert.equal(warnings.length, 1);
      assert.match(warnings[0]!, /^EUNSUPPORTED .*16000 Hz.*48000 Hz/);
    });
  }

  it('is sound of the configuration’s rate where that is how it comes, without a word', () => {
    const { units, warnings } = hear(AT_16_KHZ, 48_000, 16_000);
    assert.ok(units.length > 90);
    assert.ok(units.every(({ format }) => format.config!.equals(AT_16_KHZ)));
    assert.deepEqual(warnings, []);
  });

  it('is told from rates close to it by a longer look', () => {
    const config = defaultAacConfig(48_000, 1).bytes;
    assert.ok(hear(config, 44_100, 44_100).units.every(({ format }) => format.sampleRate === 44_100));
    assert.ok(hear(config, 44_100, 48_000).units.every(({ format }) => format.config!.equals(config)));
  });

  it('is left out, and said so, where it comes at neither rate', () => {
    const { units, warnings } = hear(AT_16_KHZ, 48_000, 27_000, { seconds: 20 });
    assert.deepEqual(units, []);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, /left out/);
  });

  it('is held in bounds while it is judged', () => {
    const units: MediaUnit[] = [];
    const warnings: unknown[] = [];
    const guard = new AacRateGuard(
      48_000,
      (unit) => units.push(unit),
      (error) => warnings.push(error),
    );
    const format = { codec: 'aac', sampleRate: 16_000, channels: 1, config: AT_16_KHZ } as const;
    const times = { rtpTime: 0, rtpSequence: 0, arrival: 0, time: 0, timeSource: 'arrival' } as const;
    for (let index = 0; index < 5000; index++)
      guard.take({ kind: 'audio', codec: 'aac', data: Buffer.alloc(1), damaged: false, format, ...times });
    assert.deepEqual({ units: units.length, warnings: warnings.length }, { units: 0, warnings: 1 });
  });
});
