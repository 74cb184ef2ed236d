// Packets that follow the letter of their format and stretch it: thousands of units, segments or reports in
// one, fields at their largest, fragments and elements without end.

import assert from 'node:assert/strict';
import { BitWriter } from '../codec/bit-writer.js';
import { deltaSlice, idrSlice, interleaved, rtp, SDP, SPS } from '../kit/scripted-server.js';
import { H265, JPEG, LATM, withAudio } from './descriptions.js';
import { cycle, opening } from './packets.js';
import type { Attack } from './stage.js';

const PACKET_BYTES = 65_000;

/** An RTCP packet (RFC 3550 6) whose length follows from its body, a multiple of four bytes. */
function rtcp(count: number, type: number, body: Buffer): Buffer {
  const head = Buffer.from([0x80 | count, type, 0, 0]);
  head.writeUInt16BE(body.length / 4, 2);
  return Buffer.concat([head, body]);
}

const repeated = (bytes: Buffer, times: number): Buffer =>
  Buffer.concat(new Array<Buffer>(times).fill(bytes));

const MULTI_UNITS = 8000;

/** The units of an MTAP16 (RFC 6184 5.7.2): slices of one byte, each of another time, numbered backwards. */
const multiTimeUnits = Buffer.concat(
  Array.from({ length: MULTI_UNITS }, (_, i) => {
    const offset = (i * 8) & 0xffff;
    return Buffer.of(0, 3, 255 - (i & 255), offset >> 8, offset & 255, 0x41, 0x9a, 0x33);
  }),
);

function multiTime(first: number): Buffer {
  return Buffer.concat([Buffer.of(26, (first >> 8) & 255, first & 255), multiTimeUnits]);
}

const interleavedSdp = SDP.replace(
  'packetization-mode=1',
  'packetization-mode=2;sprop-interleaving-depth=32767;sprop-max-don-diff=32767',
);

/** A packet with ONVIF's replay extension (Streaming Specification 6.3). */
function replayed(sequence: number, ntpSeconds: number, flags: number, payload: Buffer): Buffer {
  const packet = rtp(sequence, sequence * 3600, true, Buffer.alloc(0));
  packet[0] = 0x90;
  const extension = Buffer.alloc(16);
  extension.writeUInt16BE(0xabac, 0);
  extension.writeUInt16BE(3, 2);
  extension.writeUInt32BE(ntpSeconds >>> 0, 4);
  extension[12] = flags;
  return interleaved(0, Buffer.concat([packet, extension, payload]));
}

/** A JPEG packet whose header extension holds marker segments (ONVIF Streaming Specification 5.1). */
function extendedJpeg(sequence: number, segments: Buffer): Buffer {
  const packet = rtp(sequence, sequence * 3600, true, Buffer.alloc(0), { payloadType: 26 });
  packet[0] = 0x90;
  const extension = Buffer.alloc(4 + Math.ceil(segments.length / 4) * 4, 0xff);
  extension.writeUInt16BE(0xffd8, 0);
  extension.writeUInt16BE(extension.length / 4 - 1, 2);
  segments.copy(extension, 4);
  const jpeg = Buffer.from([0, 0, 0, 0, 1, 50, 1, 1, 0xff, 0]);
  return interleaved(0, Buffer.concat([packet, extension, jpeg]));
}

/** An SPS of H.264 (7.3.2.1.1) in which every list has its greatest length. */
function longSps(): Buffer {
  const bits = new BitWriter().u(100, 8).u(0, 8).u(40, 8).ue(0).ue(1).ue(0).ue(0).flag(false).flag(true);
  for (let list = 0; list < 8; list++) {
    bits.flag(true);
    for (let i = 0; i < (list < 6 ? 16 : 64); i++) bits.se(i % 2 === 0 ? 1 : -1);
  }
  bits.ue(0).ue(1).flag(false).se(0).se(0).ue(255);
  for (let i = 0; i < 255; i++) bits.se(i * 1000);
  bits.ue(4).flag(false).ue(19).ue(14).flag(true).flag(true).flag(false).flag(true);
  bits.flag(false).flag(false).flag(false).flag(false).flag(false);
  for (let hrd = 0; hrd < 2; hrd++) {
    bits.flag(true).ue(31).u(0, 8);
    for (let i = 0; i < 32; i++) bits.ue(4_000_000).ue(4_000_000).flag(false);
    bits.u(0, 20);
  }
  return bits.flag(false).flag(false).flag(false).nal(0x67);
}

const slice = (): Buffer => idrSlice(0x55, 2);

/** Pictures of two packets each, what stands before the slice and the slice itself. */
function pictures(before: (index: number) => Buffer, of: () => Buffer, count?: number): Buffer {
  return cycle(
    (i) => ({
      payload: i % 2 === 0 ? before(i) : of(),
      marker: i % 2 === 1,
      timestamp: (i >> 1) * 3600,
    }),
    count === undefined ? {} : { count },
  );
}

export const ODDITIES: readonly Attack[] = [
  {
    name: 'packets of other RTCP: thousands of empty reports, APP of 60 KB, 31 sources described and gone',
    before: opening,
    cycle: () => {
      const described = rtcp(31, 202, repeated(Buffer.from([0, 0, 0, 7, 1, 1, 120, 0]), 31));
      const gone = rtcp(31, 203, Buffer.alloc(31 * 4, 9));
      const empty = repeated(rtcp(0, 201, Buffer.alloc(0)), 16_000);
      const app = rtcp(0, 204, Buffer.alloc(60_000, 'x'));
      return Buffer.concat(
        [empty, app, repeated(described, 200), repeated(gone, 500)].map((one) => interleaved(1, one)),
      );
    },
  },
  {
    name: 'a BYE of the camera itself behind every keyframe, on every connection',
    before: opening,
    cycle: () => {
      const bye = interleaved(1, rtcp(1, 203, Buffer.from([0, 0, 0x12, 0x34])));
      return repeated(Buffer.concat([opening(), bye]), 512);
    },
    judge: ({ words }) => {
      assert.ok((words.connecting ?? 0) < 30, `it connects ${words.connecting ?? 0} times`);
    },
  },
  {
    name: 'interleaved frames of 65,535 bytes, a keyframe each',
    before: opening,
    cycle: () => cycle(() => ({ payload: idrSlice(0x55, 65_535 - 12 - 2) }), { count: 512 }),
    emit: 'accessUnits',
  },
  {
    name: 'packets that are all header: 15 sources, 255 bytes of padding, an empty extension',
    before: opening,
    cycle: () =>
      Buffer.concat(
        Array.from({ length: 8192 }, (_, i) => {
          const packet = rtp(i, i * 3600, true, Buffer.concat([Buffer.alloc(60 + 4 + 254), Buffer.of(255)]));
          packet[0] = 0xbf;
          return interleaved(0, packet);
        }),
      ),
  },
  {
    name: 'MTAP packets of 8,000 slices, each of another time',
    before: opening,
    cycle: () => cycle((i) => ({ payload: multiTime(i), timestamp: i * 90_000 }), { count: 256 }),
    emit: 'accessUnits',
  },
  {
    name: 'slices out of decoding order, backwards, with the largest buffer announced',
    sdp: interleavedSdp,
    before: opening,
    cycle: () => cycle((i) => ({ payload: multiTime(-i * 257), timestamp: i * 90_000 }), { count: 256 }),
    emit: 'nalUnits',
  },
  {
    name: 'fragments that all begin, and fragments that begin and end at once',
    before: opening,
    cycle: () =>
      cycle((i) => ({
        payload: Buffer.concat([Buffer.of(0x7c, i % 2 === 0 ? 0x85 : 0xc5), Buffer.alloc(20, 0x88)]),
        marker: i % 3 === 0,
      })),
    emit: 'nalUnits',
  },
  {
    name: 'H.265 aggregation packets in aggregation packets, fragments of one byte and PACI',
    sdp: H265,
    cycle: () => {
      const packets = [
        Buffer.concat([Buffer.of(0x60, 1), Buffer.alloc(30_000, Buffer.of(0, 2, 0x60, 1))]),
        Buffer.of(0x62, 1, 0x13, 0xaa),
        Buffer.concat([Buffer.of(0x64, 1, 0xff, 0xff), Buffer.alloc(200, 0xff)]),
      ];
      return cycle((i) => ({ payload: packets[i % 3]! }), { count: 1024 });
    },
  },
  {
    name: 'SEI of 60 KB, all one number that never ends, before each keyframe of 3 bytes',
    before: opening,
    cycle: () =>
      pictures(
        () => Buffer.concat([Buffer.of(6), Buffer.alloc(60_000, 0xff)]),
        () => Buffer.of(0x65, 0x88, 0x80),
        2048,
      ),
    emit: 'accessUnits',
  },
  {
    name: 'SPS whose lists all have their greatest length, in turn with the usual one',
    before: opening,
    cycle: () => {
      const long = longSps();
      return pictures((i) => (i % 4 === 0 ? long : SPS), slice);
    },
    emit: 'accessUnits',
  },
  {
    name: 'parameter sets of 60 KB each',
    before: opening,
    cycle: () =>
      pictures(
        (i) => Buffer.concat([i % 4 === 0 ? SPS : Buffer.of(0x68, 0xeb, i & 255), Buffer.alloc(60_000, i)]),
        slice,
        1024,
      ),
    emit: 'accessUnits',
  },
  {
    name: 'times that step by half their range, and pictures that all have the same time',
    before: opening,
    cycle: () =>
      cycle((i) => ({
        payload: i % 8 === 0 ? idrSlice() : deltaSlice(),
        timestamp: i % 1000 < 500 ? (i * 0x8000_0000) >>> 0 : 7,
      })),
    emit: 'accessUnits',
  },
  {
    name: 'another source and a report of another century with every picture',
    before: opening,
    cycle: () =>
      Buffer.concat(
        Array.from({ length: 32_768 }, (_, i) => {
          const ssrc = 1 + (i >> 1);
          const report = Buffer.alloc(24);
          report.writeUInt32BE(ssrc, 0);
          report.writeUInt32BE((0xc000_0000 + i * 7_919_000) >>> 0, 4);
          report.writeUInt32BE((i * 2_654_435_761) >>> 0, 12);
          return Buffer.concat([
            interleaved(0, rtp(i * 17, i * 3600, true, idrSlice(), { ssrc })),
            interleaved(1, rtcp(0, 200, report)),
          ]);
        }),
      ),
    emit: 'accessUnits',
  },
  {
    name: 'each second packet missing, and the missing ones sent a thousand packets later',
    before: opening,
    cycle: () =>
      Buffer.concat(
        Array.from({ length: 65_536 }, (_, i) => {
          const sequence = i % 2 === 0 ? i * 2 : (i - 1000) * 2 + 1;
          return interleaved(0, rtp(sequence, sequence * 90, true, deltaSlice(0x33, 200)));
        }),
      ),
    emit: 'accessUnits',
  },
  {
    name: 'pictures with the flags and times of a recording that ends, breaks and jumps with each',
    before: opening,
    cycle: () =>
      Buffer.concat(
        Array.from({ length: 16_384 }, (_, i) =>
          replayed(
            i,
            0xe000_0000 + ((i * 7_919_113) % 0x1000_0000),
            [0xa0, 0x60, 0x20, 0xe0][i & 3]!,
            idrSlice(),
          ),
        ),
      ),
    emit: 'accessUnits',
  },
  {
    name: 'JPEG with 15,000 segments in the header extension',
    sdp: JPEG,
    cycle: () =>
      Buffer.concat(
        Array.from({ length: 256 }, (_, i) =>
          extendedJpeg(i, Buffer.alloc(60_000, Buffer.of(0xff, [0xdb, 0xe0, 0xdd, 0xc4][i & 3]!, 0, 2))),
        ),
      ),
    emit: 'accessUnits',
  },
  {
    name: 'JPEG whose fragments overlap, run backwards and change restart interval and tables',
    sdp: JPEG,
    cycle: () =>
      cycle(
        (i) => {
          const head = Buffer.alloc(8 + 4 + 4 + 64);
          head.writeUIntBE([0, 900, 300, 0xfff000][i & 3]!, 1, 3);
          head.set([64 + (i & 1), 255, 255, 255], 4);
          head.writeUInt16BE(i & 0xffff, 8);
          head.writeUInt16BE(64, 14);
          return {
            payload: Buffer.concat([head, Buffer.alloc(800, 0xff)]),
            marker: i % 4 === 3,
            payloadType: 26,
            timestamp: (i >> 2) * 3600,
          };
        },
        { count: 16_384 },
      ),
    emit: 'accessUnits',
  },
  {
    name: 'AAC that is split into fragments of one byte and never complete',
    sdp: withAudio(
      'MPEG4-GENERIC/16000/1',
      'mode=AAC-hbr;sizelength=16;indexlength=0;indexdeltalength=0;config=1408',
    ),
    before: opening,
    cycle: () =>
      cycle(
        (i) => ({
          payload: Buffer.of(0, 16, 0xff, 0xff, 1),
          payloadType: 97,
          marker: false,
          timestamp: i >> 14,
        }),
        { channel: 2 },
      ),
  },
  {
    name: 'AAC of one byte each at a fixed size, with fields of 32 bits',
    sdp: withAudio(
      'MPEG4-GENERIC/16000/1',
      'mode=AAC-hbr;constantsize=1;indexlength=32;indexdeltalength=32;ctsdeltalength=32;dtsdeltalength=32;config=1408',
    ),
    before: opening,
    cycle: () =>
      cycle((i) => ({ payload: Buffer.alloc(64, i), payloadType: 97, timestamp: i * 1024 }), { channel: 2 }),
  },
  {
    name: 'LATM elements that never end, and elements of 64 empty frames',
    sdp: LATM,
    before: opening,
    cycle: () =>
      cycle(
        (i) => ({
          payload:
            i % 2 === 0
              ? Buffer.alloc(1400, 0xff)
              : Buffer.concat([Buffer.from('3f002808', 'hex'), Buffer.alloc(1400)]),
          payloadType: 97,
          marker: i % 3 === 0,
          timestamp: i >> 4,
        }),
        { channel: 2, count: 16_384 },
      ),
  },
  {
    name: 'telephone sound of one sample a packet',
    sdp: withAudio('PCMU/8000', undefined),
    before: opening,
    cycle: () => cycle((i) => ({ payload: Buffer.of(i), payloadType: 97, timestamp: i }), { channel: 2 }),
  },
  {
    name: 'uncompressed sound of 64 channels in packets of 65 KB',
    sdp: withAudio('L16/48000/64', undefined),
    before: opening,
    cycle: () =>
      cycle((i) => ({ payload: Buffer.alloc(PACKET_BYTES, i), payloadType: 97, timestamp: i * 500 }), {
        channel: 2,
        count: 512,
      }),
  },
];
