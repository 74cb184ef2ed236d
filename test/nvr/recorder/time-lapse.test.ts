import assert from 'node:assert/strict';
import fs from 'node:fs';
import { judgeClip, videoTimes } from '../../kit/clip-judge.js';
import { needs } from '../../kit/tools.js';
import { channelClip } from '../../../lib/simulator/clips.js';
import { clipUnit } from '../../kit/clip-units.js';
import { TimeLapse } from '../../../lib/nvr/recorder/time-lapse.js';
import { EPOCH, RecorderRig } from '../../kit/recorder-rig.js';

const GOP = channelClip(1, 'main', 'h264').units.findIndex(({ keyframe }, index) => index > 0 && keyframe);

describe('a time-lapse', function () {
  this.timeout(30_000);
  let rig: RecorderRig;

  before(function () {
    needs(this, 'ffmpeg', 'ffprobe');
  });

  afterEach(async () => {
    await rig.close();
  });

  /** Pictures of 12.5 a second, from second 10 on. */
  function feed(keyframes: number): void {
    const from = 10 * GOP;
    rig.feed(Array.from({ length: keyframes * GOP }, (_, index) => clipUnit(from + index, EPOCH)));
  }

  it('shows every n-th keyframe for 40 ms, and reports the real times', async () => {
    rig = new RecorderRig({ mode: 'timelapse', every: 3, segment: 86_400, fileName: '{HHmmss}' });
    rig.recorder.arm();
    feed(30);
    await rig.recorder.disarm();
    const info = await rig.clip();
    const gopMs = GOP * 80;
    assert.equal(judgeClip(info.file).length, 10);
    assert.deepEqual(
      videoTimes(info.file).map((time) => Math.round(time * 1000)),
      Array.from({ length: 10 }, (_, index) => index * 40),
    );
    assert.deepEqual(
      { frames: info.frames, durationMs: info.durationMs, audio: info.audio, coverage: info.coverage },
      { frames: 10, durationMs: 400, audio: false, coverage: 1 },
    );
    assert.deepEqual(info.gaps, []);
    assert.equal(info.start, EPOCH + 10 * gopMs);
    assert.equal(info.end, info.start + 27 * gopMs);
    assert.equal(info.reason, 'timelapse');
  });

  it('begins a file for each segment of the camera’s time', async () => {
    rig = new RecorderRig({
      mode: 'timelapse',
      every: 2,
      segment: (6 * GOP * 80) / 1000,
      fileName: '{HHmmss}',
    });
    rig.recorder.arm();
    feed(12);
    await rig.recorder.disarm();
    const infos = rig.events.flatMap((event) => (event.type === 'finished' ? [event.info] : []));
    assert.deepEqual(
      infos.map(({ frames }) => frames),
      [3, 3],
    );
  });

  it('ends its files in time, and no file before its beginning, where this machine’s clock is set back', async () => {
    rig = new RecorderRig({ mode: 'timelapse', segment: (6 * GOP * 80) / 1000, fileName: '{HHmmss}' });
    rig.recorder.arm();
    const units = Array.from({ length: 12 * GOP }, (_, index) => clipUnit(10 * GOP + index, EPOCH));
    rig.feed(units.map((unit, index) => (index < 3 * GOP ? unit : { ...unit, time: unit.time - 3_600_000 })));
    await rig.recorder.disarm();
    const infos = rig.events.flatMap((event) => (event.type === 'finished' ? [event.info] : []));
    assert.deepEqual(
      infos.map(({ frames }) => frames),
      [6, 6],
    );
    for (const { start, end } of infos) assert.ok(end >= start, `${end - start} ms`);
  });

  it('lists the alarms of its hours, and is not begun by them', async () => {
    rig = new RecorderRig({ mode: 'timelapse', segment: (6 * GOP * 80) / 1000, fileName: '{HHmmss}' });
    rig.recorder.arm();
    assert.deepEqual(rig.recorder.alarm({ reason: 'door' }), { clip: 0, began: false });
    const time = EPOCH + rig.now;
    feed(12);
    rig.recorder.alarm({ reason: 'gate' });
    await rig.recorder.disarm();
    const infos = rig.events.flatMap((event) => (event.type === 'finished' ? [event.info] : []));
    assert.deepEqual(infos[0]!.alarms[0], { time, reason: 'door' });
    assert.deepEqual(
      infos.flatMap(({ alarms }) => alarms.map(({ reason }) => reason)),
      ['door', 'gate'],
    );
  });

  it('is finished after a kill, and ends when it was last written to', async () => {
    rig = new RecorderRig({ mode: 'timelapse', every: 1, fileName: '{HHmmss}', segment: 86_400 });
    rig.recorder.arm();
    feed(60);
    const { file } = await rig.event('recording');
    while (!fs.existsSync(`${file}.part`) || fs.statSync(`${file}.part`).size < 50_000)
      await new Promise((resolve) => setImmediate(resolve));
    const copy = fs.mkdtempSync(`${rig.folder}-`);
    fs.cpSync(rig.folder, copy, { recursive: true, preserveTimestamps: true });
    const written = Math.round(fs.statSync(`${file}.part`).mtimeMs);
    await rig.close();
    rig = new RecorderRig({ folder: copy });
    rig.recorder.arm();
    const info = await rig.clip();
    assert.equal(judgeClip(info.file).length, info.frames);
    assert.ok(Math.abs(info.end - Math.max(info.start, written)) <= 1000, `${info.end} ${written}`);
    assert.deepEqual(
      { durationMs: info.durationMs, gaps: info.gaps, coverage: info.coverage },
      { durationMs: info.frames * 40, gaps: [], coverage: 1 },
    );
  });
});

describe('what a time-lapse is made of', () => {
  it('is whole keyframes, of which it counts no damaged one', () => {
    const lapse = new TimeLapse(2, 60_000);
    const unit = clipUnit(0, EPOCH);
    const kinds = [{}, { damaged: true }, { keyframe: false }, {}, {}, { damaged: true }];
    assert.deepEqual(
      kinds.map((kind) => lapse.choose({ ...unit, ...kind })),
      [true, false, false, false, true, false],
    );
  });
});
