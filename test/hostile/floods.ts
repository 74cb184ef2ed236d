// Floods of every kind of payload: large, tiny, aggregated, audio, metadata, reports and junk, over TCP and
// UDP.

import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { idrSlice, interleaved, PPS, rtp, SPS, deltaSlice } from '../kit/scripted-server.js';
import { PPS as H265_PPS, SPS as H265_SPS, VPS } from '../codec/h265/nals.js';
import { H265, JPEG, METADATA, OPUS } from './descriptions.js';
import { cycle, opening } from './packets.js';
import type { Attack } from './stage.js';

/** A keyframe in this many fragments of 1,400 bytes (RFC 6184 5.8). */
const fragments = (packets: number): Buffer =>
  cycle(
    (i) => {
      const at = i % packets;
      const head = at === 0 ? 0x85 : at === packets - 1 ? 0x45 : 0x05;
      return {
        payload: Buffer.concat([Buffer.of(0x7c, head), Buffer.alloc(1400, 0x88)]),
        marker: at === packets - 1,
        timestamp: Math.floor(i / packets) * 3600,
      };
    },
    { count: 16_384 },
  );

/** An aggregation packet of H.265 (RFC 7798 4.4.2). */
const aggregated = (nals: readonly Buffer[]): Buffer =>
  Buffer.concat([
    Buffer.of(0x60, 1),
    ...nals.flatMap((nal) => [Buffer.of(nal.length >> 8, nal.length & 255), nal]),
  ]);

/** A JPEG in one packet (RFC 2435), with tables of type 1 and quality 50. */
const tinyJpeg = Buffer.from([0, 0, 0, 0, 1, 50, 1, 1, 0xff, 0x00]);

/** A sender report with 31 blocks (RFC 3550 6.4.1). */
function report(): Buffer {
  const bytes = Buffer.alloc(28 + 31 * 24);
  bytes[0] = 0x80 | 31;
  bytes[1] = 200;
  bytes.writeUInt16BE(bytes.length / 4 - 1, 2);
  bytes.writeUInt32BE(0x1234, 4);
  bytes.writeUInt32BE(0xe0000000, 8);
  return bytes;
}

export const FLOODS: readonly Attack[] = [
  {
    name: 'keyframes of 1.4 MB as fast as they go',
    before: opening,
    cycle: () => fragments(1024),
    emit: 'accessUnits',
  },
  {
    name: 'keyframes of 7 MB as fast as they go, as NAL units',
    before: opening,
    cycle: () => fragments(5461),
    emit: 'nalUnits',
  },
  {
    name: 'pictures of 10,000 SEI messages each',
    before: opening,
    cycle: () =>
      cycle((i) => ({
        payload: i % 10_000 === 9999 ? deltaSlice() : Buffer.of(6, 5, 1, 0, 0x80),
        marker: i % 10_000 === 9999,
        timestamp: Math.floor(i / 10_000) * 3600,
      })),
    emit: 'accessUnits',
  },
  {
    name: 'a keyframe, and then slices of one picture that never ends',
    before: opening,
    cycle: () => cycle(() => ({ payload: deltaSlice(0x33, 200), marker: false, timestamp: 3600 })),
    emit: 'nalUnits',
  },
  {
    name: 'H.265 aggregation packets of a thousand keyframes',
    sdp: H265,
    before: () =>
      Buffer.concat(
        [VPS, H265_SPS, H265_PPS].map((nal, i) => interleaved(0, rtp(65_533 + i, 0, false, nal))),
      ),
    cycle: () =>
      cycle(
        (i) => ({
          payload: aggregated(new Array<Buffer>(1000).fill(Buffer.of(0x26, 1, 0xaf, 0x80))),
          timestamp: i * 3600,
        }),
        { count: 2048 },
      ),
    emit: 'nalUnits',
  },
  {
    name: 'Opus packets of 3 bytes',
    sdp: OPUS,
    cycle: () =>
      cycle((i) => ({ payload: Buffer.of(0xe0, 1, 2), payloadType: 97, timestamp: i * 120 }), { channel: 2 }),
  },
  {
    name: 'JPEG pictures of 8 x 8',
    sdp: JPEG,
    cycle: () => cycle((i) => ({ payload: tinyJpeg, payloadType: 26, timestamp: i * 3600 })),
    emit: 'accessUnits',
  },
  {
    name: 'metadata of 20 bytes a document',
    sdp: METADATA,
    before: opening,
    cycle: () =>
      cycle(
        (i) => ({
          payload: Buffer.from('<a><![CDATA[x]]></a>'),
          payloadType: 107,
          timestamp: i * 90,
        }),
        { channel: 2 },
      ),
  },
  {
    name: 'a document of metadata that never ends',
    sdp: METADATA,
    before: opening,
    cycle: () =>
      cycle(
        () => ({ payload: Buffer.alloc(1400, '<a b="c">'), payloadType: 107, marker: false, timestamp: 7 }),
        { channel: 2, count: 16_384 },
      ),
  },
  {
    name: 'sender reports of 31 blocks, each of another time',
    before: opening,
    cycle: () => Buffer.concat(new Array<Buffer>(256).fill(interleaved(1, report()))),
  },
  {
    name: 'packets of another source each',
    before: opening,
    cycle: () =>
      Buffer.concat(
        Array.from({ length: 65_536 }, (_, i) =>
          interleaved(0, rtp(i, i * 3600, true, deltaSlice(), { ssrc: i * 7919 })),
        ),
      ),
  },
  {
    name: 'sequence numbers and times that jump back and forth',
    before: opening,
    cycle: () =>
      Buffer.concat(
        Array.from({ length: 65_536 }, (_, i) =>
          interleaved(0, rtp((i * 31_991) & 0xffff, (i * 2_654_435_761) >>> 0, true, idrSlice())),
        ),
      ),
    emit: 'accessUnits',
  },
  {
    name: 'bytes between frames that are nothing at all',
    before: opening,
    cycle: () => Buffer.alloc(1_000_003, 'RTSP/1.0 $ '),
    judge: ({ words }) => {
      assert.ok((words.connecting ?? 0) < 30, 'it connects again and again');
    },
  },
  udpFlood(),
];

function udpFlood(): Attack {
  let port = 0;
  return {
    name: 'a flood of datagrams',
    server: { transport: 'udp' },
    script: ({ method, headers }, peer) => {
      if (method !== 'SETUP') return undefined;
      port = Number(/client_port=(\d+)/.exec(headers.get('Transport') ?? '')?.[1] ?? 0);
      return {
        headers: {
          Transport: `RTP/AVP;unicast;client_port=${port}-${port + 1};server_port=40000-40001`,
          Session: `S${peer.connection};timeout=60`,
        },
      };
    },
    also: async ({ stop }) => {
      const socket = dgram.createSocket('udp4');
      let i = 0;
      for (const nal of [SPS, PPS, idrSlice()]) if (port > 0) socket.send(rtp(i++, 0, i === 3, nal), port);
      while (!stop.aborted) {
        // At most 15,000 packets a second, because this process also measures the web page.
        for (let n = 0; n < 30 && port > 0; n++, i++)
          socket.send(rtp(i, i * 3600, true, deltaSlice(0x33, 100)), port, '127.0.0.1', () => undefined);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      socket.close();
    },
  };
}
