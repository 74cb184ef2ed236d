import assert from 'node:assert/strict';
import fc from 'fast-check';
import { AacLatmDepacketizer } from '../../lib/codec/aac-latm.js';
import type { AudioUnit, MediaUnit } from '../../lib/codec/unit.js';
import { NvrError } from '../../lib/errors.js';
import { rtp } from '../rtp/build.js';
import { bitsToBytes } from './packetizers/aac.js';
import type { LatmOptions } from './packetizers/latm.js';
import { muxConfig, packetizeLatm, toBits } from './packetizers/latm.js';
import { media, payload } from './packetizers/media.js';
import { adtsFrames, capture, fates, feed, feedBadly, fixture } from './packetizers/network.js';

/** AAC-LC, 16 kHz, stereo. */
const LC = toBits(Buffer.from('1410', 'hex'));
const OPTIONS: LatmOptions = {
  mtu: 100,
  frames: 1,
  frameTicks: 1024,
  sequence: 65_530,
  timestamp: 0xfffffc00,
};

function depacketizer(
  fmtp: Record<string, string>,
  clockRate = 16_000,
): { latm: AacLatmDepacketizer; units: AudioUnit[] } {
  const units: AudioUnit[] = [];
  const mp4a = payload('MP4A-LATM', clockRate, fmtp);
  const sink = (unit: MediaUnit): void => {
    units.push(unit as AudioUnit);
  };
  return { latm: new AacLatmDepacketizer(mp4a, media(mp4a), sink), units };
}

const outOfBand = (config: string): Record<string, string> => ({
  cpresent: '0',
  config: bitsToBytes(config).toString('hex'),
});
const frames = (count: number, size: (i: number) => number = (i) => 20 + i): Buffer[] =>
  Array.from({ length: count }, (_, i) =>
    Buffer.from(Array.from({ length: size(i) }, (_byte, k) => (k * 13 + i * 29) & 0xff)),
  );
const contents = (units: AudioUnit[]): string[] => units.map((unit) => unit.data.toString('hex'));
const hex = (list: Buffer[]): string[] => list.map((one) => one.toString('hex'));

describe('AacLatmDepacketizer', () => {
  it('gives the access units ffmpeg sent, in fragments', () => {
    const { latm, units } = depacketizer({ cpresent: '0', config: '400028203fc0' });
    feed(latm, capture('latm-ffmpeg.rtp'));
    // ffmpeg made the same stream for both captures. The first element is dropped: nothing says that it is
    // whole.
    assert.ok(units.length > 5);
    assert.deepEqual(contents(units), hex(adtsFrames('aacfrag-ffmpeg.adts').slice(1, 1 + units.length)));
    assert.deepEqual(units[0]?.format, {
      codec: 'aac',
      sampleRate: 16_000,
      channels: 2,
      config: Buffer.from('1410', 'hex'),
    });
    assert.ok(units.every((unit) => !unit.damaged));
  });

  it('gives the access units GStreamer sent, whose config ends early', () => {
    const { latm, units } = depacketizer({ cpresent: '0', config: '40002810' });
    feed(latm, capture('latm-gst.rtp'));
    assert.equal(units.length, 9);
    assert.ok(units.every((unit) => unit.data.length === 192));
    assert.ok(capture('latm-gst.rtp')[0]!.includes(fixture('latm-gst-00.au').subarray(0, 80)));
    assert.equal(units[0]?.format.config?.toString('hex'), '1408');
    assert.equal(((units[1]?.rtpTime ?? 0) - units[0].rtpTime) >>> 0, 1024);
  });

  it('reads several access units in an element, a frame apart, of variable and of fixed length', () => {
    const source = frames(12, () => 40);
    for (const fixed of [false, true]) {
      const { latm, units } = depacketizer(outOfBand(muxConfig(LC, 3, fixed ? 40 : undefined)));
      feed(latm, packetizeLatm(source, { ...OPTIONS, frames: 3, fixed }), 9);
      assert.deepEqual(contents(units), hex(source.slice(3)));
      assert.deepEqual(
        units.map((unit) => unit.rtpTime),
        source.slice(3).map((_, i) => ((i + 3) * 1024 - 1024) >>> 0),
      );
      assert.equal(units[0]?.arrival, 9);
    }
  });

  it('reads the config in band, off the byte boundaries, and keeps the format while it stays the same', () => {
    const { latm, units } = depacketizer({});
    const source = frames(8, (i) => 250 + i);
    feed(latm, packetizeLatm(source, { ...OPTIONS, inBand: muxConfig(LC), configEvery: 2 }));
    assert.deepEqual(contents(units), hex(source.slice(2)), 'nothing before the first config');
    assert.equal(units[0]?.damaged, true);
    assert.equal(units[0].format, units[5]?.format);
    feed(
      latm,
      packetizeLatm(source, {
        ...OPTIONS,
        timestamp: 7,
        inBand: muxConfig('00010' + '0100' + '0001' + '000'),
      }),
    );
    assert.equal(units.at(-1)?.format.sampleRate, 44_100);
    feed(latm, packetizeLatm(source.slice(0, 1), { ...OPTIONS, timestamp: 9, inBand: '1100' }));
    assert.equal(units.length, 14, 'a config that cannot be followed ends it');
  });

  it("takes the SDP's config until one comes in band", () => {
    const { latm, units } = depacketizer({
      cpresent: '1',
      config: bitsToBytes(muxConfig(LC)).toString('hex'),
    });
    feed(latm, packetizeLatm(frames(3), { ...OPTIONS, inBand: muxConfig(LC), configEvery: 100 }));
    assert.equal(units.length, 2);
  });

  it('quirk misplaced-markers: ends an element by the next timestamp where the marker is never set', () => {
    const { latm, units } = depacketizer(outOfBand(muxConfig(LC)));
    const source = frames(4, () => 250);
    feed(latm, packetizeLatm(source, { ...OPTIONS, noMarker: true }));
    assert.deepEqual(contents(units), hex(source.slice(1, 3)));
    latm.flush();
    assert.equal(units.length, 2);
  });

  it('reads configs of version 1, with other data, CRC and all the lengths', () => {
    const value = (n: number): string => '00' + n.toString(2).padStart(8, '0');
    const head = '10' + value(0) + '1' + '000000' + '0000' + '000';
    const tail = '000' + '1'.repeat(8) + '1' + value(5) + '1' + '00000000';
    const sbr = toBits(Buffer.from('2b118800', 'hex')).slice(0, 25);
    const padded = head + value(30) + sbr + '00000' + tail;
    const good = [
      padded,
      head + value(16) + LC + tail,
      muxConfig(LC).slice(0, -2) + '1' + '1' + '00000000' + '0' + '00000001' + '0',
    ];
    for (const [i, config] of good.entries()) {
      const { latm, units } = depacketizer(outOfBand(config), i === 0 ? 48_000 : 16_000);
      const source = frames(3);
      feed(latm, packetizeLatm(source, OPTIONS));
      assert.deepEqual(contents(units), hex(source.slice(1)), `config ${i}`);
      assert.equal(units[0]?.format.sampleRate, i === 0 ? 48_000 : 16_000);
    }
    const { units, latm } = depacketizer(
      outOfBand(muxConfig('10001' + '1000' + '0010' + '001' + '0000' + '00')),
    );
    feed(latm, packetizeLatm(frames(2), OPTIONS));
    assert.equal(units.length, 1, 'an error resilient object type');
  });

  it('refuses an SDP whose config it cannot follow, with EUNSUPPORTED', () => {
    const value = (n: number): string => '00' + n.toString(2).padStart(8, '0');
    const bad = [
      '11' + '0'.repeat(40),
      '00' + '0'.repeat(40),
      '01' + '000000' + '0001' + '000' + LC,
      '01' + '000000' + '0000' + '001' + LC,
      muxConfig('00010' + '1000' + '0000' + '000'),
      muxConfig('00010' + '1110' + '0001' + '000'),
      muxConfig(LC).replace(LC + '000', LC + '011'),
      muxConfig(LC).slice(0, -2) + '1' + '100000000'.repeat(4) + '0',
      '10' + value(0) + '1' + '000000' + '0000' + '000' + value(8) + LC,
      '10' + value(0) + '1' + '000000' + '0000' + '000' + value(200) + LC,
    ];
    for (const config of bad) {
      assert.throws(
        () => depacketizer(outOfBand(config)),
        (error) => error instanceof NvrError && error.code === 'EUNSUPPORTED',
        config,
      );
    }
    assert.throws(() => depacketizer({ cpresent: '0' }), NvrError);
    assert.throws(() => depacketizer({ cpresent: '0', config: 'zz' }), NvrError);
  });

  it('drops an element with a hole, or that says more than it holds, and flags what follows', () => {
    const { latm, units } = depacketizer(outOfBand(muxConfig(LC)));
    const packets = packetizeLatm(
      frames(5, () => 250),
      OPTIONS,
    );
    packets.splice(4, 1);
    feed(latm, packets);
    assert.deepEqual(
      units.map((unit) => unit.damaged),
      [true, false, false],
    );
    feed(latm, [
      rtp({ marker: true, timestamp: 1, payload: Buffer.from([200, 1, 2]) }),
      rtp({ sequence: 1, marker: true, timestamp: 2, payload: Buffer.from([255, 255]) }),
    ]);
    feed(latm, [
      rtp({ marker: true, timestamp: 3, payload: Buffer.from([0]) }),
      rtp({ sequence: 1, marker: true, timestamp: 4, payload: Buffer.from([1, 7]) }),
    ]);
    assert.deepEqual(
      { units: units.length, damaged: units[3]?.damaged, begins: units[3]?.data[0] },
      { units: 4, damaged: true, begins: 7 },
    );
  });

  it('bounds an element at 8 MiB', () => {
    const { latm, units } = depacketizer(outOfBand(muxConfig(LC)));
    for (let i = 0; i < 150; i++)
      feed(latm, [
        rtp({ sequence: i, timestamp: i === 0 ? 1 : 2, marker: i === 0, payload: Buffer.alloc(60_000, 255) }),
      ]);
    feed(latm, packetizeLatm(frames(1), OPTIONS));
    assert.deepEqual(
      units.map((unit) => unit.damaged),
      [true],
    );
  });

  it('gives the source or flags the damage at any MTU, whatever the network does', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 6, maxLength: 30 });
    fc.assert(
      fc.property(
        sizes,
        fc.integer({ min: 20, max: 1400 }),
        fates(80),
        fc.boolean(),
        (lengths, mtu, plan, inBand) => {
          const config = muxConfig(LC);
          const { latm, units } = depacketizer(inBand ? {} : outOfBand(config));
          const source = frames(lengths.length, (i) => lengths[i]!);
          feedBadly(
            latm,
            packetizeLatm(source, { ...OPTIONS, mtu, ...(inBand ? { inBand: config, configEvery: 3 } : {}) }),
            plan,
          );
          let last = -1;
          for (const unit of units) {
            const index = ((unit.rtpTime - OPTIONS.timestamp) >>> 0) / 1024;
            assert.ok(index > last);
            assert.ok(unit.data.equals(source[index]!), 'never a wrong byte');
            if (!unit.damaged && last >= 0) assert.equal(index, last + 1, 'what is missing is flagged');
            last = index;
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  it('survives any payload without a throw', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.uint8Array({ maxLength: 60 }), fc.boolean(), fc.nat(1)), { maxLength: 12 }),
        (packets) => {
          const { latm } = depacketizer({});
          feed(
            latm,
            packets.map(([data, marker, timestamp], sequence) =>
              rtp({ sequence, marker, timestamp, payload: data }),
            ),
          );
        },
      ),
      { numRuns: 300 },
    );
  });
});
