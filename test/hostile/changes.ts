// Streams whose formats, tables, configurations, parameter sets, extensions and clocks change with every
// packet, and pictures with a huge coded size.

import assert from 'node:assert/strict';
import { BitWriter } from '../codec/bit-writer.js';
import { muxConfig, packetizeLatm, toBits } from '../codec/packetizers/latm.js';
import { deltaSlice, idrSlice, interleaved, PPS, rtp, SPS } from '../kit/scripted-server.js';
import { H265, JPEG, LATM, METADATA } from './descriptions.js';
import { cycle, opening } from './packets.js';
import type { Attack } from './stage.js';

/** Interleaved frames of one channel with consecutive sequence numbers. */
function inRow(payloads: readonly Buffer[], channel = 0, payloadType = 99): Buffer {
  return Buffer.concat(
    payloads.map((payload, i) =>
      interleaved(channel, rtp(i, Math.floor(i / 2) * 3600, true, payload, { payloadType })),
    ),
  );
}

/** A JPEG in one packet (RFC 2435), with varying size in blocks and its own quantization tables. */
function jpeg(i: number): Buffer {
  const head = Buffer.from([0, 0, 0, 0, 1, 255, 1 + (i % 255), 1 + ((i >> 8) % 255), 0, 0, 0, 128]);
  return Buffer.concat([head, Buffer.alloc(128, 1 + (i % 250)), Buffer.alloc(1000, i)]);
}

/**
 * An SPS with this many macroblocks each way, of which 4 x 4 are displayed: Baseline, level 5.2, 16 reference
 * pictures.
 */
export function hugeSps(width: number, height: number): Buffer {
  return new BitWriter()
    .u(66, 8)
    .u(0, 8)
    .u(52, 8)
    .ue(0)
    .ue(0)
    .ue(2)
    .ue(16)
    .flag(false)
    .ue(width - 1)
    .ue(height - 1)
    .flag(true)
    .flag(true)
    .flag(true)
    .ue(0)
    .ue((width - 4) * 8)
    .ue(0)
    .ue((height - 4) * 8)
    .flag(false)
    .nal(0x67);
}

/** VPS, SPS and PPS (H.265 7.3.2) of a picture coded as 65528 x 65528, of which 64 x 64 are displayed. */
function hugeH265(): Buffer[] {
  const side = 65_528;
  const profile = (bits: BitWriter): BitWriter =>
    bits.u(0, 3).u(1, 5).u(0x6000, 16).u(0, 16).u(0x90, 8).u(0, 24).u(0, 16).u(186, 8);
  const vps = profile(new BitWriter().u(0, 4).u(3, 2).u(0, 6).u(0, 3).flag(true).u(0xffff, 16));
  const sps = profile(new BitWriter().u(0, 4).u(0, 3).flag(true)).ue(0).ue(1).ue(side).ue(side);
  // Conformance window in units of two samples; DPB of 16 pictures.
  sps.flag(true);
  for (const unit of [0, (side - 64) / 2, 0, (side - 64) / 2]) sps.ue(unit);
  sps.ue(0).ue(0).ue(4).flag(true).ue(15).ue(0).ue(0).ue(0).ue(3).ue(0).ue(3).ue(0).ue(0).u(0, 4);
  const pps = new BitWriter().ue(0).ue(0).flag(false).flag(false).u(0, 3).u(0, 2).ue(0).ue(0).se(0).u(0, 3);
  return [
    vps.flag(true).ue(15).ue(0).ue(0).u(0, 6).ue(0).flag(false).flag(false).nal(0x40, 1),
    sps.ue(0).u(0, 5).nal(0x42, 1),
    pps.se(0).se(0).u(0, 12).ue(0).u(0, 2).nal(0x44, 1),
  ];
}

const PPS_0 = new BitWriter()
  .ue(0)
  .ue(0)
  .flag(false)
  .flag(false)
  .ue(0)
  .ue(0)
  .ue(0)
  .flag(false)
  .u(0, 2)
  .se(0)
  .se(0)
  .se(0)
  .flag(false)
  .flag(false)
  .flag(false)
  .nal(0x68);

/** A page that asks for snapshots of both cameras all the time. */
const SNAPSHOTS: NonNullable<Attack['nodes']> = [
  {
    id: 'ask',
    type: 'inject',
    repeat: '0.2',
    once: true,
    onceDelay: 0.1,
    props: [],
    wires: [['bad picture', 'good picture']],
  },
  { id: 'bad picture', type: 'nvr-snapshot', channel: '1', timeout: 5, maxAge: 0, wires: [['side']] },
  { id: 'good picture', type: 'nvr-snapshot', nvr: 'good', channel: '1', timeout: 5, wires: [['side']] },
];

export const CHANGES: readonly Attack[] = [
  {
    name: 'JPEG pictures of another size and other tables each',
    sdp: JPEG,
    cycle: () =>
      cycle((i) => ({ payload: jpeg(i), payloadType: 26, timestamp: i * 3600 }), { count: 16_384 }),
    emit: 'accessUnits',
  },
  {
    name: 'another PPS with every picture',
    before: opening,
    cycle: () =>
      inRow(
        Array.from({ length: 32_768 }, (_, i) => [
          new BitWriter()
            .ue(0)
            .ue(0)
            .flag(false)
            .flag(false)
            .ue(0)
            .ue(i & 31)
            .ue(i >> 5)
            .flag(false)
            .nal(0x68),
          idrSlice(0x55, 2),
        ]).flat(),
      ),
    emit: 'accessUnits',
  },
  {
    name: 'sixteen thousand SPS, one with each picture',
    before: opening,
    cycle: () =>
      inRow(
        Array.from({ length: 16_384 }, (_, i) => [
          hugeSps(8 + (i & 127), 8 + (i >> 7)),
          idrSlice(0x55, 2),
        ]).flat(),
      ),
    emit: 'accessUnits',
    judge: ({ words }) => {
      assert.ok((words.format ?? 0) < 500, `${words.format ?? 0} words of a format`);
    },
  },
  {
    name: 'sound whose configuration changes with every packet',
    sdp: LATM,
    before: opening,
    cycle: () =>
      Buffer.concat(
        ['1408', '1410', '1588', '1190'].flatMap((config, which) =>
          Array.from({ length: 1024 }, (_, i) => {
            const [packet] = packetizeLatm([Buffer.alloc(20, i)], {
              mtu: 1400,
              frames: 1,
              frameTicks: 1024,
              sequence: which * 1024 + i,
              timestamp: i * 1024,
              inBand: muxConfig(toBits(Buffer.from(config, 'hex')), 1),
              configEvery: 1,
            });
            packet![1] = (packet![1]! & 0x80) | 97;
            return interleaved(2, packet!);
          }),
        ),
      ),
  },
  {
    name: 'documents of metadata of 60 KB each',
    sdp: METADATA,
    before: opening,
    cycle: () =>
      cycle(
        (i) => ({
          payload: Buffer.alloc(1400, '<a b="c"/>'),
          payloadType: 107,
          marker: i % 43 === 42,
          timestamp: Math.floor(i / 43) * 90,
        }),
        { channel: 2, count: 43 * 381 },
      ),
  },
  {
    name: 'header extensions of 60 KB, with times that jump by years',
    before: opening,
    cycle: () =>
      Buffer.concat(
        Array.from({ length: 256 }, (_, i) => {
          const extension = Buffer.alloc(4 + 60_000);
          extension.writeUInt16BE(0xabac, 0);
          extension.writeUInt16BE(15_000, 2);
          extension.writeUInt32BE((0xe0000000 + i * 31_557_600 * 7) >>> 0, 4);
          const packet = rtp(i, i * 3600, true, Buffer.alloc(0));
          packet[0] = 0x90;
          return interleaved(0, Buffer.concat([packet, extension, deltaSlice(0x33, 20)]));
        }),
      ),
    emit: 'accessUnits',
  },
  {
    name: 'frames on 256 channels that nobody set up',
    before: opening,
    cycle: () =>
      Buffer.concat(
        Array.from({ length: 16_384 }, (_, i) => interleaved(i & 255, rtp(i, i, true, Buffer.alloc(8)))),
      ),
  },
  {
    name: 'packets of receiver reports, BYEs of others and descriptions of 255 bytes',
    before: opening,
    cycle: () =>
      Buffer.concat(
        new Array<Buffer>(4096).fill(
          interleaved(
            1,
            Buffer.concat([
              Buffer.from('80c900010000000781cb000100000009', 'hex'),
              Buffer.from([0x81, 0xca, 0, 66, 0, 0, 0, 7, 1, 255]),
              Buffer.alloc(258, 'x'),
            ]),
          ),
        ),
      ),
  },
  {
    name: 'keyframes that are coded 4096 x 4096 and shown 64 x 64, of which snapshots are asked for',
    before: () => inRow([hugeSps(256, 256), PPS_0]),
    cycle: () => cycle(() => ({ payload: idrSlice(0x55, 2000) }), { count: 4096 }),
    mbit: 20,
    nodes: SNAPSHOTS,
    judge: ({ side }) => {
      assert.ok(side > 10, `${side} snapshots of the other camera`);
    },
  },
  {
    name: 'keyframes that are coded 16384 x 16384, of which snapshots are asked for',
    before: () => inRow([hugeSps(1024, 1024), PPS_0]),
    cycle: () => cycle(() => ({ payload: idrSlice(0x55, 2000) }), { count: 4096 }),
    mbit: 20,
    nodes: SNAPSHOTS,
    judge: ({ side }) => {
      assert.ok(side > 10, `${side} snapshots of the other camera`);
    },
  },
  {
    name: 'H.265 keyframes that are coded 65528 x 65528 and shown 64 x 64, of which snapshots are asked for',
    sdp: H265,
    before: () => inRow(hugeH265()),
    cycle: () =>
      cycle(() => ({ payload: Buffer.concat([Buffer.of(0x26, 1, 0xaf), Buffer.alloc(2000, 0x55)]) }), {
        count: 4096,
      }),
    mbit: 20,
    nodes: SNAPSHOTS,
    judge: ({ side }) => {
      assert.ok(side > 10, `${side} snapshots of the other camera`);
    },
  },
  {
    name: 'keyframes of 4,000 slices, of which snapshots are asked for',
    before: opening,
    cycle: () =>
      cycle(
        (i) => ({ payload: idrSlice(), marker: i % 4000 === 3999, timestamp: Math.floor(i / 4000) * 3600 }),
        {
          count: 64_000,
        },
      ),
    mbit: 20,
    nodes: SNAPSHOTS,
    judge: ({ side }) => {
      assert.ok(side > 10, `${side} snapshots of the other camera`);
    },
  },
  {
    name: 'a continuous recording whose format changes twice a second',
    before: opening,
    cycle: () =>
      inRow(
        Array.from({ length: 200 }, (_, i) => [
          i % 12 < 6 ? SPS : hugeSps(40, 30),
          PPS,
          idrSlice(0x55, 2000),
        ]).flat(),
      ),
    mbit: 0.2,
    nodes: [
      {
        id: 'endless',
        type: 'nvr-record',
        version: 1,
        mode: 'continuous',
        channel: '1',
        segment: 60,
        wires: [['files'], ['words']],
      },
      {
        id: 'files',
        type: 'function',
        func: "const n = (global.get('files') ?? 0) + 1; global.set('files', n); msg.payload = 'file'; return msg;",
        wires: [['words']],
      },
    ],
    judge: ({ words }) => {
      assert.ok((words.file ?? 0) <= 12, `${words.file ?? 0} files`);
    },
  },
];
