import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { promisify } from 'node:util';
import sinon from 'sinon';
import type { VideoUnit } from '../../lib/codec/unit.js';
import { Random } from '../fuzz/random.js';
import { deltaSlice, idrSlice, interleaved, PPS, rtp } from '../kit/scripted-server.js';
import { LargeUnits, PACKETS_OF_A_UNIT, PARAMETER_SETS, Wire } from '../kit/wire.js';
import { fuA } from '../codec/packetizers/h264.js';

const run = promisify(execFile);

// In a process of its own: what other tests did to the same functions is none of its business.
async function hasFewBytesPerPacket(limit: number, ...flags: string[]): Promise<void> {
  const script = path.join(__dirname, '..', 'kit', 'bytes-per-packet.ts');
  const { stdout } = await run(process.execPath, [...flags, '--require', 'tsx/cjs', script, String(limit)]);
  assert.ok(Number(stdout) < limit, `${stdout} bytes per packet`);
}

describe('the hot path', () => {
  let wire: Wire;

  beforeEach(async () => {
    wire = new Wire();
    await wire.session.open();
    wire.read(PARAMETER_SETS);
  });

  afterEach(async () => {
    sinon.restore();
    await wire.session.close();
  });

  it('makes no object per packet', async () => {
    // An object takes 16 bytes at least, a view on a buffer about 100.
    await hasFewBytesPerPacket(8);
  });

  it('makes no object per packet where the compiler inlines nothing', async () => {
    // What V8 inlines depends on which function became hot first. What is done per read costs about 8 here.
    await hasFewBytesPerPacket(12, '--no-turbo-inlining');
  });

  it('reads the clock before and after a read and once in dozens of packets, not for each', async () => {
    const units = new LargeUnits().take(4);
    // A busy machine would make each packet seem slow, and slow packets are looked at more often.
    let time = performance.now();
    const now = sinon.stub(performance, 'now').callsFake(() => (time += 0.01));
    for (const unit of units) await wire.flow(unit);
    const packets = units.length * PACKETS_OF_A_UNIT;
    const most = 2 * units.length + packets / 30;
    assert.ok(now.callCount <= most, `${now.callCount} times for ${packets} packets`);
  });

  it('gives the same units whether a read brings many packets, one, or a torn piece', async () => {
    const random = new Random(7);
    const source: Buffer[] = [];
    const packets: Buffer[] = [];
    let sequence = 2;
    for (let i = 0; i < 120; i++) {
      // Two slices of any size, the second in fragments; now and then parameter sets and an IDR picture.
      const key = i % 20 === 0;
      const small = key ? PPS : deltaSlice(i & 0xff, random.below(60) + 2);
      const large = key
        ? idrSlice(random.below(256) | 1, random.below(40_000) + 500)
        : deltaSlice(random.below(256) | 1, random.below(9000) + 500);
      large[1] = key ? 0x88 : 0x5a;
      source.push(large);
      packets.push(rtp(sequence++, (i + 1) * 3600, false, small));
      for (const { bytes, ends } of fuA(large, 200 + random.below(1200)))
        packets.push(rtp(sequence++, (i + 1) * 3600, ends, bytes));
    }
    const stream = Buffer.concat(packets.map((packet) => interleaved(0, packet)));
    for (let at = 0; at < stream.length;) {
      const size = random.chance(3) ? random.below(65_536) + 1 : random.below(3000) + 1;
      await wire.flow(stream.subarray(at, (at += size)));
    }
    await wire.flow(interleaved(0, rtp(sequence, 1_000_000, true, deltaSlice())));
    const video = wire.units.slice(0, source.length) as VideoUnit[];
    assert.equal(video.length, source.length);
    video.forEach(({ data, nals, damaged }, i) => {
      const last = nals.at(-1)!;
      assert.equal(damaged, false);
      assert.ok(data.subarray(last.start + 4, last.end).equals(source[i]!), `unit ${i}`);
    });
  });
});
