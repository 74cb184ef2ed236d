// Hostile streams while they are used: shown on pages that read or do not, recorded to files, played back to
// files, taken for pictures.

import assert from 'node:assert/strict';
import { deltaSlice, idrSlice, interleaved, PPS, rtp, SPS } from '../kit/scripted-server.js';
import { hugeSps } from './changes.js';
import { JPEG, withAudio } from './descriptions.js';
import { BY_URI, playback } from './dialogues.js';
import { cycle, opening } from './packets.js';
import type { Attack } from './stage.js';

const WALL = [
  { id: 'wall', type: 'nvr-view', path: '/nvr/view/wall', channel: '1', stream: 'main', sound: true },
];

/** Pages that show the camera; every second one reads nothing of what it is sent. */
const watch: NonNullable<Attack['also']> = async ({ url, stop }) => {
  const page = async (reads: boolean): Promise<void> => {
    const { body } = await fetch(`${url}/nvr/view/wall/stream`, { signal: stop });
    const reader = body!.getReader();
    const hello = Buffer.from((await reader.read()).value ?? []).toString('latin1');
    const viewer = /"viewer":"([0-9a-f-]{36})"/.exec(hello)?.[1];
    assert.ok(viewer !== undefined, 'the page was not opened');
    await fetch(`${url}/nvr/view/wall/want`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ viewer, wishes: [{ camera: 0, stream: 'main', as: 'live' }], turn: 1 }),
      signal: stop,
    });
    while (reads && !(await reader.read()).done);
    await new Promise((resolve) => {
      stop.addEventListener('abort', resolve);
    });
  };
  await Promise.allSettled(Array.from({ length: 6 }, (_, i) => page(i % 2 === 0)));
};

const recorder = (more: object): NonNullable<Attack['nodes']> => [
  {
    id: 'endless',
    type: 'nvr-record',
    version: 1,
    mode: 'continuous',
    channel: '1',
    wires: [['side'], ['words']],
    ...more,
  },
];

const tinyPictures = (): Buffer =>
  cycle((i) => ({ payload: i % 100 === 0 ? Buffer.of(0x65, 0x88, 0x80) : deltaSlice(0x33, 4) }), {
    count: 65_500,
  });

const PLAYED = {
  server: BY_URI,
  nodes: playback(
    { output: 'file', wires: [['side'], ['words']] },
    {
      props: [
        { p: 'from', v: '-5m', vt: 'str' },
        { p: 'duration', v: '4m', vt: 'str' },
      ],
    },
  ),
};

export const USES: readonly Attack[] = [
  {
    name: 'tiny pictures, shown on six pages of which three read nothing',
    before: opening,
    cycle: tinyPictures,
    nodes: WALL,
    also: watch,
  },
  {
    name: 'keyframes of 60 KB, shown on six pages of which three read nothing',
    before: opening,
    cycle: () => cycle(() => ({ payload: idrSlice(0x55, 60_000) }), { count: 512 }),
    nodes: WALL,
    also: watch,
  },
  {
    name: 'another picture size with every keyframe, shown on six pages of which three read nothing',
    before: opening,
    cycle: () =>
      cycle(
        (i) => ({
          payload: [i % 6 < 3 ? SPS : hugeSps(8 + (i & 63), 30), PPS, idrSlice(0x55, 200)][i % 3]!,
          marker: i % 3 === 2,
          timestamp: Math.floor(i / 3) * 3600,
        }),
        { count: 30_000 },
      ),
    nodes: WALL,
    also: watch,
  },
  {
    name: 'JPEG pictures of all sizes, shown on six pages of which three read nothing',
    sdp: JPEG,
    cycle: () =>
      cycle(
        (i) => ({
          payload: Buffer.concat([
            Buffer.of(0, 0, 0, 0, 1, 50, 1 + (i % 255), 1 + (i % 254)),
            Buffer.alloc(20_000, i),
          ]),
          payloadType: 26,
        }),
        { count: 1024 },
      ),
    nodes: WALL,
    also: watch,
  },
  {
    name: 'sound of one sample a packet, shown on six pages of which three read nothing',
    sdp: withAudio('PCMU/8000', undefined),
    before: opening,
    cycle: () => cycle((i) => ({ payload: Buffer.of(i), payloadType: 97, timestamp: i }), { channel: 2 }),
    nodes: WALL,
    also: watch,
  },
  {
    name: 'tiny pictures, recorded without end to plain files',
    before: opening,
    cycle: tinyPictures,
    nodes: recorder({ plain: true, segment: 10 }),
  },
  {
    name: 'tiny pictures whose times jump, recorded without end',
    before: opening,
    cycle: () =>
      cycle((i) => ({
        payload: i % 10 === 0 ? Buffer.of(0x65, 0x88, 0x80) : deltaSlice(0x33, 4),
        timestamp: (i * 2_654_435_761) >>> 0,
      })),
    nodes: recorder({ segment: 10 }),
  },
  {
    name: 'keyframes of 60 KB as fast as they go, recorded without end with thumbnails',
    before: opening,
    cycle: () => cycle(() => ({ payload: idrSlice(0x55, 60_000) }), { count: 512 }),
    nodes: recorder({ segment: 10, thumbnail: true }),
  },
  {
    name: 'a time-lapse of a camera whose size changes with every keyframe',
    before: opening,
    cycle: () =>
      cycle(
        (i) => ({
          payload: [i % 6 < 3 ? SPS : hugeSps(40, 30), PPS, idrSlice(0x55, 200)][i % 3]!,
          marker: i % 3 === 2,
          timestamp: Math.floor(i / 3) * 3600,
        }),
        { count: 30_000 },
      ),
    nodes: recorder({ mode: 'timelapse', every: 25, segment: 10 }),
  },
  {
    name: 'a recording of tiny pictures, played back to a file',
    before: opening,
    cycle: tinyPictures,
    ...PLAYED,
  },
  {
    name: 'a recording whose pictures are years apart, played back to a file',
    before: opening,
    cycle: () =>
      Buffer.concat(
        Array.from({ length: 8192 }, (_, i) => {
          const packet = rtp(i, i * 3600, true, Buffer.alloc(0));
          packet[0] = 0x90;
          const extension = Buffer.from('abac000300000000000000000000000000'.slice(0, 32), 'hex');
          extension.writeUInt32BE((0xd000_0000 + ((i * 31_557_600) % 0x2000_0000)) >>> 0, 4);
          return interleaved(0, Buffer.concat([packet, extension, idrSlice(0x55, 400)]));
        }),
      ),
    ...PLAYED,
  },
  {
    name: 'two recordings of tiny pictures, played in step',
    before: opening,
    cycle: tinyPictures,
    server: PLAYED.server,
    nodes: [
      PLAYED.nodes[0]!,
      {
        id: 'play',
        type: 'nvr-playback',
        channel: '2,3',
        emit: 'nalUnits',
        wires: [['pictures'], ['words']],
      },
    ],
  },
];
