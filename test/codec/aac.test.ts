import assert from 'node:assert/strict';
import fc from 'fast-check';
import { AacDepacketizer } from '../../lib/codec/aac.js';
import type { AudioUnit, MediaUnit } from '../../lib/codec/unit.js';
import { onvifReplay, rtp } from '../rtp/build.js';
import type { AacOptions } from './packetizers/aac.js';
import { auHeaders, bitsSection, packetizeAac } from './packetizers/aac.js';
import { media, payload } from './packetizers/media.js';
import { adtsFrames, capture, fates, feed, feedBadly } from './packetizers/network.js';

const HBR = { mode: 'AAC-hbr', sizelength: '13', indexlength: '3', indexdeltalength: '3', config: '1410' };
const OPTIONS: AacOptions = {
  mtu: 1400,
  sizeLength: 13,
  indexLength: 3,
  indexDeltaLength: 3,
  frameTicks: 1024,
  sequence: 65_530,
  timestamp: 0xffffff00,
};

function depacketizer(
  fmtp: Record<string, string> = HBR,
  clockRate = 16_000,
  channels = 2,
): { aac: AacDepacketizer; units: AudioUnit[] } {
  const units: AudioUnit[] = [];
  const generic = payload('MPEG4-GENERIC', clockRate, fmtp, channels);
  const sink = (unit: MediaUnit): void => {
    assert.equal(unit.kind, 'audio');
    units.push(unit);
  };
  return { aac: new AacDepacketizer(generic, media(generic), sink), units };
}

function frames(count: number, size: (i: number) => number = (i) => 20 + i): Buffer[] {
  return Array.from({ length: count }, (_, i) => Buffer.alloc(size(i), i + 1));
}

const contents = (units: AudioUnit[]): string[] => units.map((unit) => unit.data.toString('hex'));
const hex = (list: Buffer[]): string[] => list.map((one) => one.toString('hex'));

describe('AacDepacketizer', () => {
  it('gives the access units ffmpeg sent, several in a packet', () => {
    const { aac, units } = depacketizer();
    const packets = capture('aac-ffmpeg.rtp');
    feed(aac, packets);
    // The capture ends before the file does.
    assert.deepEqual({ packets: packets.length, units: units.length }, { packets: 2, units: 8 });
    assert.deepEqual(contents(units), hex(adtsFrames('aac-ffmpeg.adts').slice(0, units.length)));
    assert.ok(
      units.every(
        (unit, i) =>
          !unit.damaged && (i === 0 || unit.rtpTime === ((units[i - 1]!.rtpTime + 1024) & -1) >>> 0),
      ),
    );
    assert.deepEqual(units[0]?.format, {
      codec: 'aac',
      sampleRate: 16_000,
      channels: 2,
      config: Buffer.from('1410', 'hex'),
    });
    assert.equal(units[0].format, units.at(-1)?.format);
  });

  it('gives the access units ffmpeg sent in fragments', () => {
    const { aac, units } = depacketizer();
    const packets = capture('aacfrag-ffmpeg.rtp');
    feed(aac, packets);
    assert.deepEqual(contents(units), hex(adtsFrames('aacfrag-ffmpeg.adts')));
    assert.ok(units.length < packets.length);
  });

  it('dates the units of a packet one frame apart, across the wrap, and leaves the ONVIF time to the first', () => {
    const { aac, units } = depacketizer();
    const data = Buffer.concat([auHeaders([1, 1, 1], OPTIONS), Buffer.from([1, 2, 3])]);
    const time = Date.UTC(2026, 2, 2);
    feed(
      aac,
      [
        rtp({
          sequence: 9,
          timestamp: 2 ** 32 - 1024,
          payload: data,
          extension: { profile: 0xabac, data: onvifReplay(time) },
        }),
      ],
      77,
    );
    assert.deepEqual(
      units.map((unit) => [unit.rtpTime, unit.rtpSequence, unit.arrival, unit.onvifTime]),
      [
        [2 ** 32 - 1024, 9, 77, time],
        [0, 9, 77, undefined],
        [1024, 9, 77, undefined],
      ],
    );
  });

  it('reads AAC-lbr (RFC 3640 3.3.5)', () => {
    const { aac, units } = depacketizer({ mode: 'AAC-lbr', config: '1388' }, 22_050, 1);
    const source = frames(20, (i) => 1 + i * 3);
    feed(
      aac,
      packetizeAac(source, { ...OPTIONS, sizeLength: 6, indexLength: 2, indexDeltaLength: 2, mtu: 100 }),
    );
    assert.deepEqual(contents(units), hex(source));
  });

  it('quirk broken-fmtp: reads a stream without fmtp as AAC-hbr, and makes the config', () => {
    for (const fmtp of [
      {},
      { config: 'xyz' },
      { config: '1' },
      { config: 'ff' },
      { sizelength: '99', indexlength: '-1', indexdeltalength: 'x' },
    ]) {
      const { aac, units } = depacketizer(fmtp, 44_100, 2);
      const source = frames(5);
      feed(aac, packetizeAac(source, OPTIONS));
      assert.deepEqual(contents(units), hex(source));
      assert.deepEqual(units[0]?.format, {
        codec: 'aac',
        sampleRate: 44_100,
        channels: 2,
        config: Buffer.from('1210', 'hex'),
      });
    }
    const { aac, units } = depacketizer({}, 44_000, 1);
    feed(aac, packetizeAac(frames(1), OPTIONS));
    assert.equal(
      units[0]?.format.config?.toString('hex'),
      '178055f008',
      'AAC-LC, an explicit rate of 44000, mono',
    );
  });

  it('reads configs: explicit rate, SBR, short frames, other object types', () => {
    const cases: [config: string, clockRate: number, sampleRate: number, channels: number, step: number][] = [
      ['1190', 48_000, 48_000, 2, 1024],
      ['1214', 44_100, 44_100, 2, 960],
      ['178055f008', 44_000, 44_000, 1, 1024],
      // HE-AAC: object type 5, core 24 kHz, output 48 kHz, then AAC-LC.
      ['2b118800', 48_000, 48_000, 2, 2048],
      ['1000', 96_000, 96_000, 7, 1024],
      // AAC-LD by the escape: 23 is coded in 5 bits.
      ['b98800', 48_000, 48_000, 1, 512],
    ];
    for (const [config, clockRate, sampleRate, channels, step] of cases) {
      const { aac, units } = depacketizer({ ...HBR, config }, clockRate, 7);
      feed(aac, packetizeAac(frames(2), { ...OPTIONS, timestamp: 0 }));
      assert.deepEqual(
        {
          sampleRate: units[0]?.format.sampleRate,
          channels: units[0]?.format.channels,
          rtpTime: units[1]?.rtpTime,
        },
        { sampleRate, channels, rtpTime: step },
        config,
      );
      assert.equal(units[0]?.format.config?.toString('hex'), config);
    }
    const { aac, units } = depacketizer({ ...HBR, config: 'f9489000' }, 44_100, 2);
    feed(aac, packetizeAac(frames(1), OPTIONS));
    assert.equal(units.length, 1, 'an object type behind the escape');
  });

  it('skips the other fields of AU headers, and the auxiliary section', () => {
    const fmtp = {
      ...HBR,
      ctsdeltalength: '10',
      dtsdeltalength: '8',
      randomaccessindication: '1',
      streamstateindication: '4',
      auxiliarydatasizelength: '8',
    };
    const { aac, units } = depacketizer(fmtp);
    const size = (n: number): string => n.toString(2).padStart(13, '0');
    const first = `${size(2)}000` + '0' + `1${'1'.repeat(8)}` + '1' + '0101';
    const second = `${size(3)}000` + `1${'0'.repeat(10)}` + '0' + '0' + '0101';
    const auxiliary = Buffer.from([12, 0xaa, 0xbb]);
    feed(aac, [
      rtp({ payload: Buffer.concat([bitsSection(first + second), auxiliary, Buffer.from('aabbb')]) }),
    ]);
    assert.deepEqual(
      units.map((unit) => unit.data.toString()),
      ['aa', 'bbb'],
    );
    feed(aac, [rtp({ sequence: 5, payload: Buffer.concat([auHeaders([1], OPTIONS)]) })]);
    assert.equal(units.length, 2);
  });

  it('cuts packets into units of a constant size where AU headers do not say', () => {
    const { aac, units } = depacketizer({
      mode: 'AAC-hbr',
      sizelength: '0',
      indexlength: '0',
      indexdeltalength: '0',
      constantsize: '3',
      config: '1410',
    });
    feed(aac, [
      rtp({ sequence: 1, payload: Buffer.from('aaabbb') }),
      rtp({ sequence: 2, payload: Buffer.from('cccd') }),
      rtp({ sequence: 3, payload: Buffer.from('eee') }),
      rtp({ sequence: 4 }),
    ]);
    assert.deepEqual(
      units.map((unit) => [unit.data.toString(), unit.damaged]),
      [
        ['aaa', false],
        ['bbb', false],
        ['ccc', false],
        ['eee', true],
      ],
    );
  });

  it('takes 64 units of a packet at most: a packet of tiny ones makes no flood', () => {
    const many = depacketizer();
    const sizes = new Array<number>(4000).fill(1);
    const packet = Buffer.concat([auHeaders(sizes, OPTIONS), Buffer.alloc(4000, 1)]);
    feed(many.aac, [rtp({ sequence: 1, payload: packet }), rtp({ sequence: 2, payload: packet })]);
    assert.equal(many.units.length, 128);
    assert.deepEqual(
      many.units.flatMap(({ damaged }, i) => (damaged ? [i] : [])),
      [64],
    );
    const constant = depacketizer({ ...HBR, sizelength: '0', constantsize: '1' });
    feed(constant.aac, [rtp({ payload: Buffer.alloc(60_000) })]);
    assert.equal(constant.units.length, 64);
  });

  it('does not carry a config that is none: each message of the sound would copy it', () => {
    const { aac, units } = depacketizer({ ...HBR, config: `1410${'00'.repeat(40_000)}` }, 16_000, 2);
    feed(aac, packetizeAac(frames(1), OPTIONS));
    assert.equal(units[0]!.format.config?.toString('hex'), '1410');
  });

  it('moves the RTP time of interleaved units by their index', () => {
    const { aac, units } = depacketizer();
    const headers = bitsSection('0000000000001' + '000' + '0000000000001' + '010');
    feed(aac, [rtp({ timestamp: 0, payload: Buffer.concat([headers, Buffer.from('ab')]) })]);
    assert.deepEqual(
      units.map((unit) => unit.rtpTime),
      [0, 3072],
    );
  });

  it('takes off ADTS headers that some cameras send', () => {
    const { aac, units } = depacketizer();
    const raw = Buffer.from('raw access unit');
    const adts = (protectedBy: number, length: number): Buffer =>
      Buffer.concat([
        Buffer.from([
          0xff,
          0xf0 | (1 - protectedBy),
          0x60,
          0x80 | (length >> 11),
          (length >> 3) & 0xff,
          ((length & 7) << 5) | 0x1f,
          0xfc,
        ]),
        Buffer.alloc(2 * protectedBy),
        raw,
      ]);
    const source = [adts(0, 22), adts(1, 24), adts(0, 99), raw];
    feed(aac, packetizeAac(source, OPTIONS));
    assert.deepEqual(contents(units), hex([raw, raw, source[2]!, raw]));
  });

  it('drops a unit whose fragment was lost and flags the next', () => {
    for (const lost of [0, 1, 2]) {
      const { aac, units } = depacketizer();
      const packets = packetizeAac(
        frames(4, (i) => (i === 1 ? 250 : 50)),
        { ...OPTIONS, mtu: 104, perPacket: 1 },
      );
      assert.equal(packets.length, 6);
      packets.splice(1 + lost, 1);
      feed(aac, packets);
      assert.deepEqual(
        units.map((unit) => [unit.data[0], unit.damaged]),
        [
          [1, false],
          [3, true],
          [4, false],
        ],
      );
    }
  });

  it('drops fragments that do not agree with each other', () => {
    const { aac, units } = depacketizer();
    const fragment = (sequence: number, size: number, bytes: number, timestamp = 0): Buffer =>
      rtp({
        sequence,
        timestamp,
        payload: Buffer.concat([auHeaders([size], OPTIONS), Buffer.alloc(bytes, 1)]),
      });
    feed(aac, [fragment(0, 100, 60), fragment(1, 101, 41)]);
    feed(aac, [fragment(2, 100, 60), fragment(3, 100, 41)]);
    feed(aac, [fragment(4, 100, 60), fragment(5, 5, 5, 1024)]);
    assert.deepEqual(
      units.map((unit) => [unit.data.length, unit.damaged]),
      [[5, true]],
    );
    feed(aac, [fragment(6, 100, 60)]);
    aac.flush();
    feed(aac, [fragment(7, 40, 40)]);
    assert.equal(units[1]?.data.length, 40);
  });

  it('flags what follows a packet that is not what it says', () => {
    const broken = [
      Buffer.from([0]),
      Buffer.from([0, 16]),
      Buffer.from([0xff, 0xff, 0, 8]),
      Buffer.concat([auHeaders([2, 9], OPTIONS), Buffer.from('aab')]),
      Buffer.concat([auHeaders([1], OPTIONS), Buffer.from('abc')]),
      Buffer.concat([auHeaders([1, 1, 1], OPTIONS), Buffer.from('a')]),
      Buffer.concat([bitsSection('00000000000010001'), Buffer.from('ab')]),
    ];
    for (const [i, data] of broken.entries()) {
      const { aac, units } = depacketizer();
      feed(aac, [
        rtp({ sequence: 0, payload: data }),
        ...packetizeAac(frames(1), { ...OPTIONS, sequence: 1, timestamp: 5000 }),
      ]);
      const last = units.at(-1);
      assert.equal(last?.data.length, 20);
      if (i > 2) assert.equal(last.damaged, true, `case ${i}`);
      assert.ok(units.slice(0, -1).every((unit) => unit.data.every((byte) => byte === 97)));
    }
  });

  it('skips empty units', () => {
    const { aac, units } = depacketizer();
    feed(aac, [
      rtp({ payload: Buffer.concat([auHeaders([0, 2], OPTIONS), Buffer.from('ab')]) }),
      rtp({ sequence: 1 }),
    ]);
    assert.deepEqual(
      units.map((unit) => [unit.data.toString(), unit.rtpTime, unit.damaged]),
      [['ab', 1024, false]],
    );
  });

  it('gives the source or flags the damage at any MTU, whatever the network does', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 5, maxLength: 40 });
    fc.assert(
      fc.property(
        sizes,
        fc.integer({ min: 20, max: 1400 }),
        fates(80),
        fc.nat(65_535),
        fc.nat(2 ** 32 - 1),
        (lengths, mtu, plan, sequence, timestamp) => {
          const { aac, units } = depacketizer();
          const source = lengths.map((length, i) =>
            Buffer.from(Array.from({ length }, (_, k) => (k * 11 + i * 37) & 0x7f)),
          );
          feedBadly(aac, packetizeAac(source, { ...OPTIONS, mtu, sequence, timestamp }), plan);
          let last = -1;
          for (const unit of units) {
            const index = ((unit.rtpTime - timestamp) >>> 0) / 1024;
            assert.ok(index > last);
            assert.ok(unit.data.equals(source[index]!), 'never a wrong byte');
            if (!unit.damaged && last >= 0) assert.equal(index, last + 1, 'what is missing is flagged');
            last = index;
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it('survives any payload, layout and config without a throw', () => {
    const width = fc.constantFrom('0', '1', '6', '13', '32', 'x');
    const fmtp = fc.record(
      {
        sizelength: width,
        indexlength: width,
        indexdeltalength: width,
        auxiliarydatasizelength: width,
        ctsdeltalength: width,
        constantsize: width,
        config: fc.string(),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(
        fmtp,
        fc.array(fc.tuple(fc.uint8Array({ maxLength: 60 }), fc.nat(1)), { maxLength: 10 }),
        (parameters, packets) => {
          const { aac } = depacketizer(Object.fromEntries(Object.entries(parameters)));
          feed(
            aac,
            packets.map(([data, timestamp], sequence) => rtp({ sequence, timestamp, payload: data })),
          );
          aac.flush();
        },
      ),
      { numRuns: 300 },
    );
  });
});
