import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import path from 'node:path';
import { Journal } from '../../../lib/nvr/recorder/journal.js';
import type { ClipInfo, RecorderFs, RecorderOptions } from '../../../lib/nvr/recorder/types.js';
import { itLong } from '../../kit/cases.js';
import { judgeClip, videoTimes } from '../../kit/clip-judge.js';
import { audioUnits, interleave, source, videoUnits, type SourceOptions } from '../../kit/recorded-units.js';
import { needs } from '../../kit/tools.js';
import { EPOCH, RecorderRig } from '../../kit/recorder-rig.js';

const DAY_MS = 24 * 3_600_000;

describe('thinning to keyframes', function () {
  this.timeout(30_000);
  let rig: RecorderRig;

  before(function () {
    needs(this, 'ffmpeg', 'ffprobe');
  });

  afterEach(async () => {
    await rig.close();
  });

  /** One segment of what a camera sent, and then two days. */
  async function record(
    from: SourceOptions,
    options: Partial<RecorderOptions> = {},
    sound = false,
    changes: Partial<RecorderFs> = {},
  ): Promise<ClipInfo> {
    rig = new RecorderRig({ mode: 'continuous', fileName: '{HHmmss}', thinDays: 1, ...options }, changes);
    rig.recorder.arm();
    const pictures = videoUnits(source(from));
    rig.feed(sound ? interleave(pictures, audioUnits('aac', 4)) : pictures);
    await rig.recorder.disarm();
    return rig.clip();
  }

  async function thin(): Promise<ClipInfo> {
    rig.clock.now += 2 * DAY_MS;
    rig.recorder.arm();
    await rig.event('thinned');
    await rig.recorder.disarm();
    const [clip] = (await rig.recorder.catalog.list({})).clips;
    return clip!;
  }

  for (const [what, from, options, sound, test] of [
    ['H.264 in fragments, with sound', { seconds: 4 }, {}, true, it],
    ['H.264 with B-frames, plain', { seconds: 4, bFrames: 2 }, { plain: true }, false, itLong],
    ['H.265', { seconds: 4, codec: 'h265' }, {}, false, itLong],
  ] as const)
    test(`leaves each keyframe at its own time, bit for bit, and nothing else: ${what}`, async () => {
      const before = await record(from, options, sound);
      const frames = judgeClip(before.file);
      const times = videoTimes(before.file);
      const clip = await thin();
      assert.equal(clip.file, before.file);
      const keyframes = [0, 25, 50, 75];
      assert.deepEqual(
        judgeClip(clip.file),
        keyframes.map((index) => frames[index]),
      );
      const first = times[0]!;
      assert.deepEqual(
        videoTimes(clip.file).map((time) => Math.round(time * 1000)),
        keyframes.map((index) => Math.round((times[index]! - first) * 1000)),
      );
      const bytes = fs.readFileSync(clip.file);
      assert.equal(clip.sha256, createHash('sha256').update(bytes).digest('hex'));
      assert.notEqual(clip.sha256, before.sha256);
      assert.deepEqual(
        {
          thinned: clip.thinned,
          frames: clip.frames,
          bytes: clip.bytes,
          audio: clip.audio,
          start: clip.start,
          end: clip.end,
        },
        { thinned: true, frames: 4, bytes: bytes.length, audio: false, start: before.start, end: before.end },
      );
      assert.ok(clip.bytes < before.bytes / 2, `${clip.bytes} of ${before.bytes}`);
      assert.deepEqual(rig.files(), [path.basename(before.file)]);
      const event = await rig.event('thinned');
      assert.deepEqual(
        { file: event.file, bytes: event.bytes, sha256: event.sha256 },
        { file: clip.file, bytes: clip.bytes, sha256: clip.sha256 },
      );
      assert.equal(rig.recorder.status.fileBytes, bytes.length);
    });

  it('never touches a kept clip, one that is too young, or one that has been thinned', async () => {
    await record({ seconds: 8 }, { segment: 2 });
    const clips = rig.events.flatMap((event) => (event.type === 'finished' ? [event.info] : []));
    await rig.recorder.catalog.keep({ file: clips[0]!.file }, true);
    // The last one ends a day before that, and somewhat less.
    rig.clock.now = clips.at(-1)!.end - EPOCH + DAY_MS;
    rig.recorder.arm();
    await rig.event('thinned', 2);
    await rig.recorder.disarm();
    const sizes = (): number[] => clips.map(({ file }) => fs.statSync(file).size);
    const [kept, first, second, young] = sizes();
    assert.deepEqual({ kept, young }, { kept: clips[0]!.bytes, young: clips[3]!.bytes });
    assert.ok(first! < clips[1]!.bytes && second! < clips[2]!.bytes);
    rig.clock.now += DAY_MS;
    rig.recorder.arm();
    const { file } = await rig.event('thinned', 3);
    await rig.recorder.disarm();
    assert.equal(file, clips[3]!.file);
    assert.deepEqual(sizes().slice(0, 3), [kept, first, second]);
  });

  it('leaves one picture of a clip that has but one keyframe, until its end', async () => {
    const before = await record({ seconds: 4, gop: 100 });
    const clip = await thin();
    assert.deepEqual(
      { thinned: clip.thinned, frames: clip.frames, end: clip.end },
      { thinned: true, frames: 1, end: before.end },
    );
    assert.equal(judgeClip(clip.file).length, 1);
  });

  it('leaves the whole clip where the disk is full, and says so', async () => {
    const before = await record({ seconds: 4 }, {}, false, {
      open: ((file: string, flags: number, mode?: number) =>
        file.endsWith('.thin.part') && flags !== fs.constants.O_RDONLY && (flags & 3) !== 0
          ? Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' }))
          : fsPromises.open(file, flags, mode)) as RecorderFs['open'],
    });
    rig.clock.now += 2 * DAY_MS;
    rig.recorder.arm();
    assert.equal((await rig.event('warning')).error.code, 'EDISK');
    await rig.recorder.disarm();
    assert.equal(fs.statSync(before.file).size, before.bytes);
    assert.deepEqual(rig.files(), [path.basename(before.file)]);
  });

  it('knows after a kill in the midst of it which of the two the file is', async () => {
    const before = await record({ seconds: 4 });
    const journal = await Journal.load(fsPromises, rig.folder, 'test');
    const name = path.basename(before.file);
    const sha256 = 'f'.repeat(64);
    await journal.thin(name, { bytes: before.bytes - 1, sha256, frames: 4 });
    fs.writeFileSync(`${before.file}.thin.part`, 'half');
    rig = new RecorderRig({ folder: rig.folder });
    rig.clock.now = 50_000;
    rig.recorder.arm();
    await rig.ready();
    let [clip] = (await rig.recorder.catalog.list({})).clips;
    assert.deepEqual(
      { sha256: clip!.sha256, thinned: clip!.thinned },
      { sha256: before.sha256, thinned: undefined },
    );
    assert.deepEqual(rig.files(), [name]);
    await rig.recorder.disarm();
    const again = await Journal.load(fsPromises, rig.folder, 'test');
    await again.thin(name, { bytes: 5, sha256, frames: 4 });
    fs.writeFileSync(before.file, 'thin!');
    rig = new RecorderRig({ folder: rig.folder });
    rig.clock.now = 50_000;
    rig.recorder.arm();
    await rig.ready();
    [clip] = (await rig.recorder.catalog.list({})).clips;
    assert.deepEqual(
      { sha256: clip!.sha256, thinned: clip!.thinned, bytes: clip!.bytes },
      { sha256, thinned: true, bytes: 5 },
    );
  });
});
