// What reaches the flow of a stream that loses packets, against what was sent: real pictures, packet by
// packet.

import assert from 'node:assert/strict';
import type { VideoUnit } from '../../lib/codec/unit.js';
import { Nvr } from '../../lib/nvr/nvr.js';
import type { OnLoss } from '../../lib/nvr/types.js';
import { channelClip } from '../../lib/simulator/clips.js';
import { nalsOf } from '../kit/depacketizer-feed.js';
import { lossyPackets, startLossyCamera, type Loss, type LossyStream } from '../kit/lossy-camera.js';
import { settingsFor } from '../kit/settings.js';

const FRAME_TICKS = 7200;
const ROUNDS = 4;

function stream(codec: 'h264' | 'h265'): LossyStream & { keyframes: readonly boolean[] } {
  const { units } = channelClip(1, 'main', codec);
  const all = Array.from({ length: ROUNDS }, () => units).flat();
  return {
    codec,
    pictures: all.map(({ parts }) => parts),
    times: all.map((_, i) => i * FRAME_TICKS),
    keyframes: all.map(({ keyframe }) => keyframe),
  };
}

type Seen = Record<OnLoss | 'file', VideoUnit[]>;

/** Plays it all over TCP, to a flow, to one that skips, and to a file. */
async function play(from: LossyStream, loss: Loss): Promise<Seen> {
  const camera = await startLossyCamera(from.codec, lossyPackets(from, loss), 0);
  const settings = settingsFor(camera.port, {
    uriStyle: 'custom',
    liveTemplate: '/live',
    transport: 'tcp',
    linger: 0,
  });
  const nvr = new Nvr(settings);
  const hub = nvr.camera(1, 'main');
  const units: Seen = { keep: [], skip: [], file: [] };
  const last = (from.pictures.length - 1) * FRAME_TICKS;
  const ended = new Promise<void>((resolve) => {
    hub.subscribe({
      onUnit: (unit) => {
        units.keep.push(unit as VideoUnit);
        if (unit.rtpTime === last) resolve();
      },
    });
  });
  hub.subscribe({ onLoss: 'skip', onUnit: (unit) => units.skip.push(unit as VideoUnit) });
  hub.subscribe({ cutSlices: true, onUnit: (unit) => units.file.push(unit as VideoUnit) });
  await ended;
  await nvr.close();
  await camera.close();
  return units;
}

const hex = (nals: readonly Buffer[]): string => nals.map((nal) => nal.toString('hex')).join(' ');

describe('a stream that loses packets', function () {
  this.timeout(60_000);

  for (const codec of ['h264', 'h265'] as const) {
    for (const percent of [1, 3, 5]) {
      it(`reaches the flow with every whole unit and the truth about it: ${codec}, ${percent} %`, async () => {
        const from = stream(codec);
        const loss = { percent, seed: percent, spared: 1 };
        const packets = lossyPackets(from, loss);
        const torn = new Set(packets.filter(({ isLost }) => isLost).map(({ picture }) => picture));
        const isFirst = (i: number): boolean => packets[i - 1]?.picture !== packets[i]!.picture;
        const headless = new Set(
          packets.filter(({ isLost }, i) => isLost && isFirst(i)).map(({ picture }) => picture),
        );
        assert.ok(torn.size > 5);
        const units = await play(from, loss);

        const whole = from.pictures.map((_, i) => i).filter((i) => !torn.has(i));
        const came = units.keep.filter(({ damaged }) => !damaged).map(({ rtpTime }) => rtpTime / FRAME_TICKS);
        assert.deepEqual(came, whole);

        let isLost = false;
        const lostBefore = from.pictures.map((_, i) => {
          if (from.keyframes[i]! && !torn.has(i)) isLost = false;
          const before = isLost;
          isLost ||= torn.has(i);
          return before;
        });
        for (const unit of units.keep) {
          const index = unit.rtpTime / FRAME_TICKS;
          const source = hex(from.pictures[index]!);
          if (!unit.damaged) assert.equal(hex(nalsOf(unit)), source);
          for (const nal of nalsOf(unit)) assert.ok(source.includes(nal.toString('hex')), 'a torn NAL unit');
          assert.equal(unit.damaged, torn.has(index));
          // Where its first packets are missing, nobody can tell whether others before it are.
          if (!headless.has(index)) assert.equal(unit.reference === 'lost', lostBefore[index]);
          else assert.ok(unit.damaged && (unit.reference === 'lost' || !lostBefore[index]));
          assert.equal(unit.keyframe, from.keyframes[index]);
        }

        const untouched = whole.filter((i) => !lostBefore[i]);
        assert.deepEqual(
          units.skip.filter(({ damaged }) => !damaged).map(({ rtpTime }) => rtpTime / FRAME_TICKS),
          untouched,
        );

        // A file gets more: slices as far as they came, and pictures of which no slice is whole.
        assert.ok(units.file.length >= units.keep.length);
        for (const unit of units.file) {
          const nals = from.pictures[unit.rtpTime / FRAME_TICKS]!;
          for (const nal of nalsOf(unit)) {
            const isOwn = nals.some((one) => one.subarray(0, nal.length).equals(nal));
            assert.ok(isOwn, 'a NAL unit, or the beginning of one');
          }
        }
        assert.equal(units.file.filter(({ damaged }) => !damaged).length, whole.length);
      });
    }
  }
});
