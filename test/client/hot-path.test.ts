import assert from 'node:assert/strict';
import inspector from 'node:inspector/promises';
import { performance } from 'node:perf_hooks';
import sinon from 'sinon';
import { ServerMemory } from '../../lib/client/quirks.js';
import { RtspSession } from '../../lib/client/session.js';
import type { Pipe, PipeOptions } from '../../lib/client/socket.js';
import type { MediaUnit, VideoUnit } from '../../lib/codec/unit.js';
import { Random } from '../fuzz/random.js';
import { idrSlice, interleaved, PPS, rtp, SDP, SPS, deltaSlice } from '../support/scripted-server.js';
import { fuA } from '../codec/packetizers/h264.js';

/** A session whose server is a function; what "the socket" reads is put in one buffer, again and again. */
class Wire {
  readonly units: MediaUnit[] = [];
  private readonly buffer = Buffer.alloc(256 * 1024);
  private pipe!: PipeOptions;
  readonly session = new RtspSession({
    uri: 'rtsp://127.0.0.1/live',
    transport: 'tcp',
    memory: new ServerMemory(),
    openPipe: (options) => this.open(options),
    onUnit: (unit) => this.units.push(unit),
    onEnd: ({ error }) => {
      throw error;
    },
  });

  read(bytes: Buffer): void {
    bytes.copy(this.buffer);
    this.pipe.onData(this.buffer, bytes.length);
    this.buffer.fill(0xee, 0, bytes.length);
  }

  private open(options: PipeOptions): Promise<Pipe> {
    this.pipe = options;
    return Promise.resolve({
      localAddress: '127.0.0.1',
      remoteAddress: '127.0.0.1',
      unsent: 0,
      write: (data: Buffer) => {
        this.answer(data.toString('latin1'));
      },
      pause: () => undefined,
      resume: () => undefined,
      destroy: () => undefined,
    });
  }

  private answer(request: string): void {
    const [, method = '', cseq = ''] = /^(\w+) [^]*CSeq: (\d+)/.exec(request) ?? [];
    if (method === '') return;
    const body = method === 'DESCRIBE' ? SDP : '';
    const head = `RTSP/1.0 200 OK\r\nCSeq: ${cseq}\r\nSession: 1\r\nContent-Length: ${body.length}\r\n\r\n`;
    queueMicrotask(() => {
      this.read(Buffer.from(head + body));
    });
  }
}

const PACKETS_OF_A_UNIT = 1000;
const sets = [rtp(0, 0, false, SPS), rtp(1, 0, false, PPS)];

/** Units of many fragments, as interleaved frames; sequence numbers run on from 2. */
function largeUnits(count: number): Buffer[] {
  let sequence = 2;
  return Array.from({ length: count }, (_, i) => {
    const parts = fuA(idrSlice(0x55, PACKETS_OF_A_UNIT * 200), 202);
    return Buffer.concat(
      parts.map(({ bytes, ends }) => interleaved(0, rtp(sequence++, i * 3600, ends, bytes))),
    );
  });
}

describe('the hot path', () => {
  let wire: Wire;

  beforeEach(async () => {
    wire = new Wire();
    await wire.session.open();
    wire.read(Buffer.concat(sets.map((packet) => interleaved(0, packet))));
  });

  afterEach(async () => {
    sinon.restore();
    await wire.session.close();
  });

  it('makes no object per packet', async () => {
    const units = largeUnits(60);
    for (const unit of units.splice(0, 30)) wire.read(unit);
    const profiler = new inspector.Session();
    profiler.connect();
    await profiler.post('HeapProfiler.startSampling', {
      samplingInterval: 512,
      // What was collected meanwhile counts as well.
      ...{ includeObjectsCollectedByMajorGC: true, includeObjectsCollectedByMinorGC: true },
    });
    for (const unit of units) wire.read(unit);
    const { profile } = await profiler.post('HeapProfiler.stopSampling');
    profiler.disconnect();
    const sizeOf = (node: inspector.HeapProfiler.SamplingHeapProfileNode): number =>
      node.selfSize + node.children.reduce((sum, child) => sum + sizeOf(child), 0);
    const packets = units.length * PACKETS_OF_A_UNIT;
    assert.ok(wire.units.length >= 59);
    // An object takes 16 bytes at least, a view on a buffer about 100.
    assert.ok(sizeOf(profile.head) / packets < 8, `${sizeOf(profile.head) / packets} bytes per packet`);
  });

  it('reads the clock once per read, however many packets that brings', () => {
    const units = largeUnits(4);
    const now = sinon.spy(performance, 'now');
    for (const unit of units) wire.read(unit);
    assert.ok(now.callCount <= units.length, `${now.callCount} times for ${units.length} reads`);
  });

  it('gives the same units whether a read brings many packets, one, or a torn piece', () => {
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
      wire.read(stream.subarray(at, (at += size)));
    }
    wire.read(interleaved(0, rtp(sequence, 1_000_000, true, deltaSlice())));
    const video = wire.units.slice(0, source.length) as VideoUnit[];
    assert.equal(video.length, source.length);
    video.forEach(({ data, nals, damaged }, i) => {
      const last = nals.at(-1)!;
      assert.equal(damaged, false);
      assert.ok(data.subarray(last.start + 4, last.end).equals(source[i]!), `unit ${i}`);
    });
  });
});
