// The attacks, one entry each. The stage checks the rules that hold for all of them; an entry adds its own.

import assert from 'node:assert/strict';
import { deltaSlice, interleaved, PPS, rtp, SDP, SPS } from '../kit/scripted-server.js';
import { CHANGES } from './changes.js';
import { BY_URI, DIALOGUES, playback } from './dialogues.js';
import { FLOODS } from './floods.js';
import { NONSENSE } from './nonsense.js';
import { ODDITIES } from './oddities.js';
import { cycle, opening, stapA } from './packets.js';
import { SERVICES } from './services.js';
import type { Attack, Seen } from './stage.js';
import { USES } from './uses.js';

const AUDIO_SDP = `${SDP}${['m=audio 0 RTP/AVP 97', 'a=rtpmap:97 MPEG4-GENERIC/16000/1', 'a=fmtp:97 mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1408', 'a=control:track2', ''].join('\r\n')}`;

const tiny = (first: number): Buffer => Buffer.from([first, 0x88, 0x80]);

export const ATTACKS: readonly Attack[] = [
  {
    name: 'no attack: 4K at 60 pictures and 25 Mbit/s, in NAL units, passes unhindered',
    before: opening,
    cycle: () => Buffer.concat(Array.from({ length: 60 * ROUND_SECONDS }, (_, i) => largePicture(i))),
    mbit: 25,
    // The recorder keeps up to 32 MB per camera.
    preRoll: 5,
    emit: 'nalUnits',
    judge: ({ words, pictures }) => {
      assert.deepEqual(
        Object.keys(words).filter((word) => word.includes('EOVERLOAD')),
        [],
      );
      assert.ok(pictures > 1000, `${pictures} NAL units`);
    },
  },
  {
    name: 'a keyframe, then pictures of 6 bytes for ever',
    before: opening,
    cycle: () => cycle(() => ({ payload: deltaSlice(0x33, 4) })),
    emit: 'accessUnits',
    judge: saysOverload,
  },
  {
    name: 'keyframes of 3 bytes',
    before: opening,
    cycle: () => cycle(() => ({ payload: tiny(0x65) })),
    judge: saysOverload,
  },
  {
    name: '64 KB of parameter sets, then keyframes of 3 bytes',
    before: () =>
      Buffer.concat([
        ...Array.from({ length: 100 }, (_, id) =>
          interleaved(
            0,
            rtp(65_400 + id, 0, false, Buffer.concat([PPS.subarray(0, 1), pps(id), Buffer.alloc(600, 0x55)])),
          ),
        ),
        opening(),
      ]),
    cycle: () => cycle(() => ({ payload: tiny(0x65) })),
    judge: saysOverload,
  },
  {
    name: 'AAC packets of thousands of one-byte units',
    sdp: AUDIO_SDP,
    cycle: () => {
      const units = 4000;
      const headers = Buffer.alloc(2 + units * 2);
      headers.writeUInt16BE(units * 16);
      for (let i = 0; i < units; i++) headers.writeUInt16BE(1 << 3, 2 + 2 * i);
      const payload = Buffer.concat([headers, Buffer.alloc(units, 0x11)]);
      return cycle((i) => ({ payload, payloadType: 97, timestamp: i * 1024 }), { channel: 2, count: 1024 });
    },
  },
  {
    name: 'AAC packets of 64 one-byte units',
    sdp: AUDIO_SDP,
    cycle: () => {
      const headers = Buffer.alloc(2 + 128);
      headers.writeUInt16BE(64 * 16);
      for (let i = 0; i < 64; i++) headers.writeUInt16BE(1 << 3, 2 + 2 * i);
      const payload = Buffer.concat([headers, Buffer.alloc(64, 0x11)]);
      return cycle((i) => ({ payload, payloadType: 97, timestamp: i * 1024 }), { channel: 2 });
    },
  },
  {
    name: 'an SPS of another size with every picture, and losses between',
    before: opening,
    cycle: () => {
      const other = Buffer.from('674d401eeca05c1af1136022000007d20001d4c01e2c5b2c', 'hex');
      return Buffer.concat(
        Array.from({ length: 16_384 }, (_, i) => {
          const at = i * 4;
          const sets = i % 2 === 0 ? SPS : other;
          return Buffer.concat([
            interleaved(0, rtp(at, i * 3600, false, sets)),
            interleaved(0, rtp(at + 1, i * 3600, true, tiny(0x65))),
            // Leaves out two sequence numbers each time.
          ]);
        }),
      );
    },
    judge: ({ words }) => {
      const total = Object.values(words).reduce((sum, count) => sum + count, 0);
      assert.ok(total < 1000, `${total} events`);
    },
  },
  {
    name: 'aggregation packets of a thousand NAL units of 1 byte, each sent on its own',
    before: opening,
    cycle: () =>
      cycle(
        (i) => ({
          payload: stapA([tiny(0x65), ...new Array<Buffer>(1000).fill(Buffer.of(0x06))]),
          timestamp: i * 3600,
        }),
        { count: 1024 },
      ),
    emit: 'nalUnits',
  },
  {
    name: 'empty interleaved frames',
    cycle: () => Buffer.alloc(4 * 65_536, Buffer.from([0x24, 0, 0, 0])),
  },
  {
    name: 'packets of a payload type that nobody announced',
    cycle: () => cycle(() => ({ payload: Buffer.alloc(1), payloadType: 77 })),
  },
  {
    name: 'requests of the server without end',
    cycle: () => Buffer.from('OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n'.repeat(4096)),
    judge: saysOverload,
  },
  {
    name: 'a session id with a NUL',
    script: ({ method, headers }) =>
      method === 'SETUP'
        ? {
            raw: Buffer.from(
              `RTSP/1.0 200 OK\r\nCSeq: ${headers.get('CSeq') ?? ''}\r\nSession: a\0b\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n\r\n`,
            ),
          }
        : undefined,
    judge: ({ caught }) => {
      assert.equal(caught.EINPUT, undefined, 'the settings were blamed');
    },
  },
  {
    name: 'redirects to a Location of 15,000 characters, for ever',
    script: ({ method }) =>
      method === 'DESCRIBE'
        ? { status: 302, headers: { Location: `no uri ${'x'.repeat(15_000)}` } }
        : undefined,
    judge: ({ words }) => {
      assert.ok((words.connecting ?? 0) < 20, 'it connects again and again');
    },
  },
  {
    name: 'messages that name 400 channels',
    server: { maxSessions: 16 },
    nodes: [
      { id: 'ask', type: 'http in', url: '/picture', method: 'get', wires: [['name']] },
      {
        id: 'name',
        type: 'function',
        func: 'msg.channel = msg.req.query.channel; return msg;',
        wires: [['snapshot']],
      },
      {
        id: 'snapshot',
        type: 'nvr-snapshot',
        channel: '1',
        timeout: 2,
        format: 'keyframe',
        wires: [['reply']],
      },
      { id: 'reply', type: 'http response', wires: [] },
    ],
    also: async ({ url, stop }) => {
      for (let channel = 2; channel <= 401 && !stop.aborted; channel++)
        fetch(`${url}/picture?channel=${channel}`, { signal: stop }).catch(() => undefined);
      await new Promise((resolve) => {
        stop.addEventListener('abort', resolve);
      });
    },
    judge: ({ caught }) => {
      assert.ok((caught.ESESSIONS ?? 0) >= 380, `${caught.ESESSIONS ?? 0} refused`);
    },
  },
  {
    name: 'a recording of tiny pictures, to be sent as NAL units',
    before: opening,
    cycle: () => cycle(() => ({ payload: tiny(0x65) })),
    server: BY_URI,
    nodes: playback({ emit: 'nalUnits' }),
    judge: ({ pictures }) => {
      assert.ok(pictures > 2000, `${pictures} pictures of the recording`);
    },
  },
  {
    name: 'a fragment that never ends',
    before: opening,
    cycle: () =>
      cycle((i) => ({
        payload: Buffer.concat([Buffer.of(0x7c, i === 0 ? 0x85 : 0x05), Buffer.alloc(1400, 0x55)]),
        marker: false,
        timestamp: 7,
      })),
  },
];

/** Further attacks, run with --all. */
export const FURTHER: readonly Attack[] = [
  ...FLOODS,
  ...CHANGES,
  ...DIALOGUES,
  ...NONSENSE,
  ...ODDITIES,
  ...SERVICES,
  ...USES,
];

const SLICES = 34;
const ROUND_SECONDS = 8;

/** A picture of 52 KB in slices, each in its own packet; one keyframe per second. */
function largePicture(index: number): Buffer {
  const isKey = index % 60 === 0;
  return Buffer.concat(
    Array.from({ length: SLICES }, (_, i) => {
      // first_mb_in_slice 0 or 1, slice_type 7 (I) or 5 (P).
      const head = isKey ? [0x65, i === 0 ? 0x88 : 0x42, 0x10] : [0x41, i === 0 ? 0x9a : 0x46, 0x10];
      const slice = Buffer.concat([Buffer.from(head), Buffer.alloc(1530, 0x55)]);
      return interleaved(0, rtp(index * SLICES + i, index * 1500, i === SLICES - 1, slice));
    }),
  );
}

/** A PPS with the given id and SPS id 0: Exp-Golomb codes in the first bytes behind the header. */
function pps(id: number): Buffer {
  const value = (id + 1).toString(2);
  const bits = `${'0'.repeat(value.length - 1)}${value}1`.padEnd(24, '1');
  return Buffer.from(bits.match(/.{8}/g)!.map((byte) => Number.parseInt(byte, 2)));
}

function saysOverload({ words }: Seen): void {
  const overloads = Object.entries(words).filter(([word]) => word.includes('EOVERLOAD'));
  const count = overloads.reduce((sum, [, one]) => sum + one, 0);
  assert.ok(count > 0, 'nobody was told of the overload');
  assert.ok(count <= 40, `the overload was told ${count} times`);
}
