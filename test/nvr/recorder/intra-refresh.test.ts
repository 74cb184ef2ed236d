// A camera that sends no keyframes but refreshes its picture piece by piece, joined in the middle: a real
// encoder's stream, judged by ffmpeg.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { splitAnnexB } from '../../../lib/codec/annexb.js';
import { H264Depacketizer } from '../../../lib/codec/h264/depacketizer.js';
import type { VideoUnit } from '../../../lib/codec/unit.js';
import { Feed, videoMedia } from '../../kit/depacketizer-feed.js';
import { frameHashes, needs } from '../../kit/tools.js';
import { EPOCH, RecorderRig } from '../../kit/recorder-rig.js';

const FRAME_MS = 40;
const JOINED_AT = 30;

describe('a stream of periodic intra refresh', function () {
  this.timeout(30_000);
  let folder: string;
  let rig: RecorderRig | undefined;

  before(function () {
    needs(this, 'ffmpeg');
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-refresh-'));
  });

  after(async () => {
    await rig?.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  it('is recorded from a recovery point on, and is whole from where its units say so', async () => {
    const file = path.join(folder, 'source.h264');
    execFileSync('ffmpeg', [
      ...['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=s=320x240:r=25:d=5', '-pix_fmt', 'yuv420p'],
      ...['-c:v', 'libx264', '-preset', 'veryfast', '-x264-params'],
      ...['keyint=25:min-keyint=25:bframes=0:intra-refresh=1:scenecut=0:aud=1', '-f', 'h264', file],
    ]);
    const source = frameHashes(file);
    const pictures: Buffer[][] = [];
    for (const nal of splitAnnexB(fs.readFileSync(file), 1e6)) {
      if ((nal[0]! & 0x1f) === 9) pictures.push([]);
      pictures.at(-1)!.push(nal);
    }
    const sets = pictures[0]!.filter((nal) => [7, 8].includes(nal[0]! & 0x1f));
    const sprop = sets.map((nal) => nal.toString('base64')).join(',');
    const feed = new Feed(
      (media, sink) => new H264Depacketizer(media.payloads[0]!, media, sink),
      videoMedia('H264', { 'sprop-parameter-sets': sprop }),
    );
    pictures.slice(JOINED_AT).forEach((nals, i) => {
      feed.arrival = 10_000 + i * FRAME_MS;
      nals.forEach((nal, n) => feed.payload(nal, n === nals.length - 1));
      feed.next();
    });
    const units = feed.units.map((unit): VideoUnit => ({ ...unit, time: EPOCH + unit.arrival }));
    assert.ok(units.every(({ keyframe, damaged }) => !keyframe && !damaged));
    const entry = units.findIndex(({ recoveryFrames }) => recoveryFrames !== undefined);
    const whole = units.findIndex(({ reference }) => reference === undefined);
    assert.equal(whole - entry, units[entry]!.recoveryFrames);

    rig = new RecorderRig({ preRoll: 10 });
    rig.recorder.arm();
    const rest = rig.feed(units, 10_000 + 80 * FRAME_MS);
    rig.recorder.alarm({ reason: 'door', held: true });
    rig.feed(rest);
    await rig.recorder.disarm();
    const info = await rig.clip();
    const shown = frameHashes(info.file);
    assert.equal(info.frames, units.length - entry);
    // ffmpeg may leave out what is not whole yet; behind it every picture is the source's, bit by bit.
    assert.deepEqual(shown.slice(-(units.length - whole)), source.slice(JOINED_AT + whole));
    assert.deepEqual(
      info.damagedSpans.map(({ end }) => end),
      [units[whole]!.time],
    );
  });
});
