import assert from 'node:assert/strict';
import fc from 'fast-check';
import { NvrError } from '../../lib/errors.js';
import type { ReportBlock, RtcpHandler } from '../../lib/rtp/rtcp.js';
import {
  buildBye,
  buildReceiverReport,
  buildSdes,
  buildSenderReport,
  ntpToEpochMs,
  parseRtcp,
} from '../../lib/rtp/rtcp.js';

const NOVEMBER = Date.UTC(2026, 10, 5, 12, 0, 0, 500);
const UNIX = 2_208_988_800;

function readAll(packet: Buffer): { seen: unknown[]; ok: boolean } {
  const seen: unknown[] = [];
  const handler: RtcpHandler = {
    onSenderReport: (ssrc, ntpMs, rtpTime, middle) => seen.push({ ssrc, ntpMs, rtpTime, middle }),
    onReceiverReport: (ssrc) => seen.push({ rr: ssrc }),
    onBye: (ssrc) => seen.push({ bye: ssrc }),
  };
  return { seen, ok: parseRtcp(packet, 0, packet.length, handler) };
}

const SR = buildSenderReport({ ssrc: 7, ntpMs: NOVEMBER, rtpTime: 0xfffffff0, packets: 10, bytes: 1000 });
const BLOCK: ReportBlock = {
  ssrc: 7,
  fractionLost: 128,
  cumulativeLost: 5,
  highestSequence: 0x0001ffff,
  jitter: 90,
  lastSr: 0x12345678,
  delaySinceLastSr: 65536,
};

describe('RTCP', () => {
  it('reads a sender report written out by hand (RFC 3550 6.4.1)', () => {
    const ntpSeconds = (UNIX + 1_762_344_000).toString(16).padStart(8, '0');
    const packet = Buffer.from(
      `80c80006 deadbeef ${ntpSeconds} 80000000 00015f90 0000000a 000003e8`.replaceAll(' ', ''),
      'hex',
    );
    const middle = parseInt(ntpSeconds.slice(4), 16) * 0x10000 + 0x8000;
    assert.deepEqual(readAll(packet), {
      ok: true,
      seen: [{ ssrc: 0xdeadbeef, ntpMs: 1_762_344_000_500, rtpTime: 90_000, middle }],
    });
  });

  it('quirk wrong-sender-reports: reads a compound packet: sender report, description, receiver report, bye', () => {
    const packet = Buffer.concat([SR, buildSdes(7, 'nvr'), buildReceiverReport(8, [BLOCK]), buildBye(7)]);
    const { seen, ok } = readAll(packet);
    assert.equal(ok, true);
    assert.deepEqual(
      seen.map((one) => Object.keys(one as object)[0]),
      ['ssrc', 'rr', 'bye'],
    );
  });

  it('quirk wrong-sender-reports: uses what is whole of a packet that is cut short', () => {
    assert.equal(readAll(SR.subarray(0, 20)).seen.length, 1, 'the times are there, the counts are not');
    assert.deepEqual(readAll(SR.subarray(0, 19)), { ok: true, seen: [] });
    const bye = Buffer.from('82cb0002000000010000', 'hex');
    assert.deepEqual(readAll(bye).seen, [{ bye: 1 }]);
    assert.deepEqual(readAll(buildReceiverReport(9).subarray(0, 6)).seen, []);
  });

  it('quirk wrong-sender-reports: reads past a description without terminator', () => {
    const sdes = Buffer.from('81ca0002000000070106414243', 'hex').subarray(0, 12);
    assert.deepEqual(readAll(Buffer.concat([sdes, buildBye(7)])).seen, [{ bye: 7 }]);
  });

  it('quirk wrong-sender-reports: takes packets of 4 bytes', () => {
    for (const type of [200, 201, 202, 203]) {
      const packet = Buffer.from([0x80, type, 0, 0]);
      assert.deepEqual(readAll(packet), { ok: true, seen: [] });
      assert.deepEqual(readAll(Buffer.concat([packet, buildBye(3)])).seen, [{ bye: 3 }]);
    }
  });

  it('quirk wrong-sender-reports: does not believe a sender report of 1970 or 2036', () => {
    for (const ntpMs of [
      0,
      5000,
      Date.UTC(1999, 11, 31),
      Date.UTC(2036, 1, 7, 6, 28, 16),
      Date.UTC(2036, 5, 1),
    ]) {
      const packet = buildSenderReport({ ssrc: 1, ntpMs, rtpTime: 1, packets: 0, bytes: 0 });
      const [report] = readAll(packet).seen as { ntpMs: number }[];
      assert.ok(Number.isNaN(report?.ntpMs), String(ntpMs));
    }
  });

  it('converts NTP times on both sides of the era rollover', () => {
    assert.equal(ntpToEpochMs(UNIX + 1_000_000_000, 0), 1_000_000_000_000);
    assert.equal(ntpToEpochMs(0xffffffff, 0), Date.UTC(2036, 1, 7, 6, 28, 15));
    assert.equal(ntpToEpochMs(2 * 365 * 86_400, 0x80000000), Date.UTC(2038, 1, 6, 6, 28, 16, 500));
    assert.ok(Number.isNaN(ntpToEpochMs(0, 0)));
    assert.ok(Number.isNaN(ntpToEpochMs(1_790_000_000, 0)), 'Unix seconds where NTP seconds belong');
  });

  it('stops at what is no RTCP', () => {
    assert.deepEqual(readAll(Buffer.from('hello')), { ok: false, seen: [] });
    assert.deepEqual(readAll(Buffer.from([0x80, 96, 0, 0])), { ok: false, seen: [] });
    assert.deepEqual(readAll(Buffer.alloc(3, 0x80)), { ok: false, seen: [] });
    assert.deepEqual(readAll(Buffer.concat([buildBye(1), Buffer.from('junk')])), {
      ok: true,
      seen: [{ bye: 1 }],
    });
  });

  it('takes a handler that is not interested', () => {
    const packet = Buffer.concat([SR, buildReceiverReport(8), buildBye(1)]);
    assert.equal(parseRtcp(packet, 0, packet.length, {}), true);
  });

  it('never throws, whatever the bytes, and calls no more than the bytes can hold', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            fc.nat(31),
            fc.integer({ min: 199, max: 204 }),
            fc.nat(20),
            fc.uint8Array({ maxLength: 40 }),
          ),
          { maxLength: 8 },
        ),
        (packets) => {
          const buffer = Buffer.concat(
            packets.map(([count, type, words, body]) =>
              Buffer.concat([Buffer.from([0x80 | count, type, 0, words]), body]),
            ),
          );
          assert.ok(readAll(buffer).seen.length <= buffer.length / 4);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('builds a receiver report with the fields where RFC 3550 6.4.2 has them', () => {
    const packet = buildReceiverReport(0x01020304, [BLOCK, { ...BLOCK, cumulativeLost: -3 }]);
    assert.equal(
      packet.subarray(0, 32).toString('hex'),
      '82c9000d' + '01020304' + '00000007' + '80000005' + '0001ffff' + '0000005a' + '12345678' + '00010000',
    );
    assert.equal(packet.subarray(36, 40).toString('hex'), '80fffffd');
    assert.equal(
      buildReceiverReport(1, [{ ...BLOCK, cumulativeLost: 2 ** 25 }])
        .subarray(13, 16)
        .toString('hex'),
      '7fffff',
    );
    assert.throws(
      () => buildReceiverReport(1, new Array<ReportBlock>(32).fill(BLOCK)),
      (error) => error instanceof NvrError && error.code === 'EINPUT',
    );
  });

  it('builds sender reports with blocks that read back', () => {
    const packet = buildSenderReport(
      { ssrc: 7, ntpMs: NOVEMBER, rtpTime: 2 ** 32 + 5, packets: 1, bytes: 2 },
      [BLOCK],
    );
    assert.equal(packet.length, 52);
    const [report] = readAll(packet).seen as { ntpMs: number; rtpTime: number }[];
    assert.equal(report?.ntpMs, NOVEMBER);
    assert.equal(report.rtpTime, 5);
  });

  it('builds descriptions that end with a null byte at a word boundary (RFC 3550 6.5)', () => {
    assert.equal(buildSdes(1, 'abc').toString('hex'), '81ca0003' + '00000001' + '0103616263000000');
    assert.equal(buildSdes(1, 'abcde').length % 4, 0);
    for (let length = 0; length < 9; length++) {
      const packet = buildSdes(1, 'x'.repeat(length));
      assert.equal(packet.length % 4, 0);
      assert.equal(packet[packet.length - 1], 0);
      assert.equal(packet.readUInt16BE(2), packet.length / 4 - 1);
    }
    assert.equal(buildSdes(1, 'x'.repeat(400))[9], 255);
  });

  it('builds a bye', () => {
    assert.equal(buildBye(0xffffffff).toString('hex'), '81cb0001ffffffff');
  });
});
