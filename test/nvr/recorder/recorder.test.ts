import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';

import type { AudioUnit, VideoUnit } from '../../../lib/codec/unit.js';
import { audioTimes, duration, judgeClip, videoTimes } from '../../kit/clip-judge.js';
import { audioUnits, interleave, source, videoUnits } from '../../kit/recorded-units.js';
import { needs } from '../../kit/tools.js';
import { EPOCH, RecorderRig } from '../../kit/recorder-rig.js';

describe('the recorder', function () {
  this.timeout(30_000);
  let rig: RecorderRig;

  before(function () {
    needs(this, 'ffmpeg', 'ffprobe');
  });

  afterEach(async () => {
    await rig.close();
  });

  it('makes a clip that begins before the alarm, at a keyframe within one GOP of the pre-roll', async () => {
    rig = new RecorderRig();
    const from = source({ seconds: 8 });
    rig.recorder.arm();
    const rest = rig.feed(videoUnits(from), 13_500);
    const { clip, began } = rig.recorder.alarm({ reason: 'door' });
    rig.feed(rest);
    const info = await rig.clip();
    assert.deepEqual({ clip, began }, { clip: 1, began: true });
    // The alarm is at 3.5 s of the source: the keyframe at or before 1.5 s is that of 1 s; the end lies at
    // 5.5 s.
    const hashes = judgeClip(info.file);
    assert.deepEqual(hashes, from.hashes.slice(25, 138));
    assert.equal(info.start, EPOCH + 11_000);
    assert.equal(info.preRollMs, 2500);
    assert.equal(info.frames, 113);
    assert.ok(Math.abs(info.durationMs - 4520) <= 1 && Math.abs(duration(info.file) - 4.52) < 0.001);
    assert.equal(info.end, info.start + info.durationMs);
    assert.deepEqual(
      { codec: info.codec, width: info.width, height: info.height, audio: info.audio },
      { codec: 'h264', width: 320, height: 180, audio: false },
    );
    assert.deepEqual(info.alarms, [{ time: EPOCH + 13_500, reason: 'door' }]);
    assert.equal(info.bytes, fs.statSync(info.file).size);
    assert.equal(
      path.relative(rig.folder, info.file),
      path.join('Home', 'Gate', '2025-10-09', '085323-door.mp4'),
    );
    assert.deepEqual(rig.words(), ['armed', 'recording', 'finished']);
  });

  it('keeps to its limits when it is armed again while it is still being disarmed', async () => {
    rig = new RecorderRig({ keepGiB: 1 / 1024 ** 3 });
    rig.recorder.arm();
    await rig.ready();
    const gone = rig.recorder.disarm();
    rig.recorder.arm();
    await gone;
    const rest = rig.feed(videoUnits(source({ seconds: 8 })), 13_500);
    rig.recorder.alarm({ reason: 'door' });
    rig.feed(rest);
    const { file } = await rig.clip();
    assert.equal((await rig.event('deleted')).file, file);
  });

  it('makes one longer clip of alarms within the post-roll, and lists them', async () => {
    rig = new RecorderRig();
    const from = source({ seconds: 8 });
    rig.recorder.arm();
    let rest = rig.feed(videoUnits(from), 12_500);
    rig.recorder.alarm({ reason: 'door' });
    rest = rig.feed(rest, 14_000);
    assert.deepEqual(rig.recorder.alarm({ reason: 'window' }), { clip: 1, began: false });
    rig.feed(rest);
    const info = await rig.clip();
    assert.deepEqual(
      info.alarms.map(({ reason }) => reason),
      ['door', 'window'],
    );
    // 0.5 s is before the first alarm's pre-roll; 6 s the end of the second one's post-roll.
    assert.deepEqual(judgeClip(info.file), from.hashes.slice(0, 150));
    assert.equal(info.reason, 'door');
    assert.deepEqual(rig.words(), ['armed', 'extended', 'recording', 'finished']);
  });

  it('holds an alarm until it is over', async () => {
    rig = new RecorderRig({ postRoll: 1, preRoll: 0 });
    rig.recorder.arm();
    let rest = rig.feed(videoUnits(source({ seconds: 8 })), 11_000);
    rig.recorder.alarm({ reason: 'held', held: true });
    rest = rig.feed(rest, 15_000);
    assert.equal(rig.recorder.status.state, 'recording');
    rig.recorder.endAlarm();
    rig.feed(rest);
    assert.equal((await rig.clip()).frames, 125);
  });

  it('ends a clip at its maximum length, however many alarms come, and begins another', async () => {
    rig = new RecorderRig({ maxLength: 3, preRoll: 1, postRoll: 10 });
    rig.recorder.arm();
    let rest = rig.feed(videoUnits(source({ seconds: 8 })), 12_000);
    rig.recorder.alarm({ reason: 'one', held: true });
    rest = rig.feed(rest, 13_990);
    rig.recorder.alarm({ reason: 'two' });
    rest = rig.feed(rest, 14_100);
    assert.deepEqual(rig.recorder.alarm({ reason: 'three' }), { clip: 2, began: true });
    rig.feed(rest);
    const first = await rig.clip(1);
    assert.ok(Math.abs(first.durationMs - 3000) <= 40, `${first.durationMs} ms`);
    assert.equal(first.alarms.length, 2);
    const second = await rig.clip(2);
    assert.equal(
      second.start,
      EPOCH + 13_000,
      'the pre-roll of the second clip is whole, though the first one holds it too',
    );
  });

  it('does not begin earlier than the NVR’s wrong clock says, but by this machine’s: two hours back', async () => {
    rig = new RecorderRig();
    const from = source({ seconds: 8 });
    rig.recorder.arm();
    const rest = rig.feed(videoUnits(from, { claim: -2 * 3_600_000 }), 13_500);
    rig.recorder.alarm({ reason: 'door' });
    rig.feed(rest);
    const info = await rig.clip();
    assert.equal(info.start, EPOCH + 11_000);
    assert.match(info.file, /2025-10-09.085323-door\.mp4$/);
    assert.deepEqual(judgeClip(info.file), from.hashes.slice(25, 138));
  });

  it('keeps lengths and names apart when this machine’s clock is set back, within a clip and between two', async () => {
    let back = 0;
    let wall = (): number => 0;
    rig = new RecorderRig({ fileName: '{HHmmss}-{reason}' }, {}, { now: () => wall() });
    wall = () => EPOCH + rig.now - back;
    rig.recorder.arm();
    // As the session's clock dates units: by the time of day as it is when they come.
    const units = videoUnits(source({ seconds: 14 })).map((unit) => ({
      ...unit,
      time: unit.arrival >= 14_000 ? unit.time - 6_000 : unit.time,
    }));
    let rest = rig.feed(units, 13_500);
    rig.recorder.alarm({ reason: 'door' });
    rest = rig.feed(rest, 14_000);
    back = 6_000;
    rest = rig.feed(rest, 19_500);
    // It is the same time of day again.
    rig.recorder.alarm({ reason: 'door' });
    rig.feed(rest);
    const [one, two] = [await rig.clip(1), await rig.clip(2)];
    for (const clip of [one, two]) {
      assert.equal(clip.end - clip.start, clip.durationMs);
      assert.ok(clip.durationMs >= 4000 && clip.durationMs < 5100, `${clip.durationMs} ms`);
    }
    assert.deepEqual(rig.files(), ['085323-door-2.mp4', '085323-door.mp4']);
  });

  it('keeps sound in sync, and declares none where none was heard', async () => {
    rig = new RecorderRig();
    const units = interleave(videoUnits(source({ seconds: 8 })), audioUnits('aac', 8));
    rig.recorder.arm();
    const rest = rig.feed(units, 13_500);
    rig.recorder.alarm({ reason: 'door' });
    rig.feed(rest);
    const info = await rig.clip();
    assert.equal(info.audio, 'aac');
    judgeClip(info.file);
    const heard = audioTimes(info.file);
    // The first frame of sound behind the keyframe of 1 s is number 16.
    assert.ok(Math.abs(heard[0]! - (16 * 0.064 - 1)) < 0.04, String(heard[0]));
    assert.ok(Math.abs(heard.at(-1)! - videoTimes(info.file).at(-1)!) < 0.1);
  });

  it('writes G.711 as MOV', async () => {
    rig = new RecorderRig();
    rig.recorder.arm();
    const rest = rig.feed(interleave(videoUnits(source()), audioUnits('pcma', 4)), 12_500);
    rig.recorder.alarm({ reason: 'door' });
    rig.feed(rest);
    rig.to(20_000);
    const info = await rig.clip();
    assert.equal(path.extname(info.file), '.mov');
    assert.equal(info.audio, 'pcma');
    judgeClip(info.file);
  });

  it('continues a clip through a loss of the network, with the gap marked', async () => {
    rig = new RecorderRig({ postRoll: 8 });
    const from = source({ seconds: 4 });
    rig.recorder.arm();
    const rest = rig.feed(videoUnits(from).slice(0, 60), 11_500);
    rig.recorder.alarm({ reason: 'door' });
    rig.feed(rest);
    rig.hub.tell({ type: 'reconnecting', code: 'ETIMEDOUT' });
    rig.feed(videoUnits(from, { begin: 16_000, rtpBase: 5, epoch: EPOCH + 16_000 }));
    rig.to(30_000);
    const info = await rig.clip();
    assert.deepEqual(judgeClip(info.file), [...from.hashes.slice(0, 60), ...from.hashes.slice(0, 88)]);
    // Asked for from 9.5 s to 19.5 s; the stream began at 10 s, and was away from 12.36 s to 16 s.
    assert.deepEqual(info.gaps, [
      { at: 0, ms: 500 },
      { at: 2860, ms: 3640 },
    ]);
    assert.equal(info.coverage, 0.586);
    assert.ok(Math.abs(duration(info.file) - 9.52) < 0.04);
  });

  it('closes the clip with what it has when the stream does not come back', async () => {
    rig = new RecorderRig({ postRoll: 8 });
    const from = source({ seconds: 4 });
    rig.recorder.arm();
    const rest = rig.feed(videoUnits(from).slice(0, 60), 11_500);
    rig.recorder.alarm({ reason: 'door' });
    rig.feed(rest);
    rig.to(19_600);
    const info = await rig.clip();
    assert.deepEqual(judgeClip(info.file), from.hashes.slice(0, 60));
    // The tail is missing: from 12.4 s to 19.5 s.
    assert.deepEqual(info.gaps, [
      { at: 0, ms: 500 },
      { at: 2900, ms: 7100 },
    ]);
    assert.equal(info.coverage, 0.24);
  });

  it('says that no video came, and stays armed', async () => {
    rig = new RecorderRig();
    rig.recorder.arm();
    rig.recorder.alarm({ reason: 'door' });
    rig.to(20_000);
    assert.equal((await rig.event('failed')).error.code, 'EUNREACHABLE');
    rig.feed(
      videoUnits(source())
        .slice(1, 20)
        .map((unit) => ({ ...unit, arrival: unit.arrival + 20_000 })),
    );
    rig.recorder.alarm({ reason: 'door' });
    rig.feed(
      videoUnits(source())
        .slice(1, 20)
        .map((unit) => ({ ...unit, arrival: unit.arrival + 21_000 })),
    );
    rig.to(50_000);
    assert.equal((await rig.event('failed', 2)).error.code, 'ENOKEYFRAME');
    assert.equal(rig.recorder.status.state, 'armed');
  });

  it('begins another file when the video format changes, and reports both files', async () => {
    rig = new RecorderRig({ postRoll: 5 });
    const small = source();
    const large = source({ size: '640x360', seconds: 2 });
    rig.recorder.arm();
    const rest = rig.feed(videoUnits(small), 12_500);
    rig.recorder.alarm({ reason: 'door' });
    rig.feed(rest);
    rig.feed(videoUnits(large, { begin: 14_000, epoch: EPOCH + 14_000 }));
    rig.to(30_000);
    const [one, two] = [await rig.clip(1), await rig.clip(2)];
    assert.deepEqual(judgeClip(one.file), small.hashes);
    assert.deepEqual(judgeClip(two.file), large.hashes);
    assert.deepEqual({ width: two.width, preRollMs: two.preRollMs }, { width: 640, preRollMs: 0 });
    assert.match(two.file, /door-2\.mp4$/);
    const finished = rig.events.filter((event) => event.type === 'finished');
    assert.deepEqual(
      finished.map(({ last }) => last),
      [false, true],
    );
  });

  it('says so, once, where the sound is of a kind that no clip can hold', async () => {
    rig = new RecorderRig();
    const sound = audioUnits('pcmu', 4).map((unit): AudioUnit => {
      return { ...unit, codec: 'g726', format: { ...unit.format, codec: 'g726', codeBits: 4 } };
    });
    rig.recorder.arm();
    const rest = rig.feed(interleave(videoUnits(source()), sound), 12_000);
    rig.recorder.alarm({ reason: 'door' });
    rig.feed(rest);
    rig.recorder.stop();
    assert.equal((await rig.clip()).audio, false);
    const warnings = rig.events.flatMap((event) => (event.type === 'warning' ? [event.error] : []));
    assert.equal(warnings.length, 1);
    assert.equal(warnings[0]!.code, 'EUNSUPPORTED');
    assert.match(warnings[0]!.message, /without sound.*G726/);
  });

  it('writes a damaged unit and those that depend on it, and lists their span; with `skip`, leaves the unit out and still counts it', async () => {
    const from = source({ seconds: 8 });
    for (const onLoss of ['keep', 'skip'] as const) {
      rig = new RecorderRig({ onLoss });
      // The hub hands on, to who skips, nothing from the torn unit to the next clean keyframe.
      const units = videoUnits(from)
        .map((unit, index): VideoUnit => {
          if (index === 60) return { ...unit, damaged: true };
          return index > 60 && index < 75 ? { ...unit, reference: 'lost' } : unit;
        })
        .filter(({ reference }) => onLoss === 'keep' || reference === undefined);
      rig.recorder.arm();
      const rest = rig.feed(units, 13_500);
      const [subscriber] = rig.hub.subscribers;
      assert.deepEqual(
        { onLoss: subscriber!.onLoss, cutSlices: subscriber!.cutSlices },
        { onLoss, cutSlices: onLoss === 'keep' },
      );
      rig.recorder.alarm({ reason: 'door' });
      rig.feed(rest);
      const info = await rig.clip();
      assert.equal(info.damaged, 1);
      const [span, ...others] = info.damagedSpans;
      assert.deepEqual(others, []);
      assert.equal(span!.end, EPOCH + 10_000 + 75 * 40);
      assert.ok(Math.abs(span!.start - (EPOCH + 10_000 + 60 * 40)) <= 40);
      const shown =
        onLoss === 'keep'
          ? from.hashes.slice(25, 138)
          : [...from.hashes.slice(25, 60), ...from.hashes.slice(75, 138)];
      assert.deepEqual(judgeClip(info.file), shown);
      if (onLoss === 'keep') await rig.close();
    }
  });

  it('begins a file at a recovery point of intra refresh, and one at a damaged keyframe where no other comes', async () => {
    const from = source({ seconds: 8 });
    const kinds: Partial<VideoUnit>[] = [
      { keyframe: false, recoveryFrames: 5 },
      { damaged: true, standIn: true },
    ];
    for (const [i, kind] of kinds.entries()) {
      rig = new RecorderRig();
      const units = videoUnits(from).map((unit) => (unit.keyframe ? { ...unit, ...kind } : unit));
      rig.recorder.arm();
      const rest = rig.feed(units, 13_500);
      rig.recorder.alarm({ reason: 'door' });
      rig.feed(rest);
      const info = await rig.clip();
      assert.deepEqual(judgeClip(info.file), from.hashes.slice(25, 138));
      assert.equal(info.damagedSpans.length > 0, true);
      if (i === 0) await rig.close();
    }
  });

  it('puts a number behind a name that is taken, and shows a watcher finished clips alone', async () => {
    rig = new RecorderRig({ fileName: '{channel}.mp4' });
    rig.recorder.arm();
    let rest = rig.feed(videoUnits(source({ seconds: 8 })), 11_000);
    rig.recorder.alarm({ reason: 'a' });
    rest = rig.feed(rest, 12_000);
    const recording = await rig.event('recording');
    assert.equal(path.basename(recording.file), 'Gate.mp4');
    assert.deepEqual(rig.files(), ['Gate.mp4.part']);
    rest = rig.feed(rest, 14_000);
    await rig.clip(1);
    assert.deepEqual(rig.files(), ['Gate.mp4']);
    rig.recorder.alarm({ reason: 'b' });
    rig.feed(rest);
    await rig.clip(2);
    assert.deepEqual(rig.files(), ['Gate-2.mp4', 'Gate.mp4']);
  });

  it('finishes the clip at hand when it is disarmed or stopped, and refuses alarms while disarmed', async () => {
    rig = new RecorderRig({ postRoll: 60, maxLength: 100 });
    rig.recorder.arm();
    let rest = rig.feed(videoUnits(source({ seconds: 8 })), 12_000);
    rig.recorder.alarm({ reason: 'a' });
    rest = rig.feed(rest, 13_000);
    rig.recorder.stop();
    await rig.clip(1);
    rig.recorder.alarm({ reason: 'b' });
    rig.feed(rest);
    await rig.recorder.disarm();
    assert.equal(rig.events.filter(({ type }) => type === 'finished').length, 2);
    assert.equal(rig.hub.subscribers.size, 0);
    assert.throws(() => rig.recorder.alarm({ reason: 'c' }), { code: 'EINPUT' });
    assert.equal(rig.recorder.status.state, 'disarmed');
  });

  it('warns once when the pre-roll does not fit in memory, and makes a shorter one', async () => {
    rig = new RecorderRig({ preRoll: 6, ringBytes: 120_000 });
    rig.recorder.arm();
    const rest = rig.feed(videoUnits(source({ seconds: 8 })), 17_000);
    assert.ok(rig.recorder.status.preRollBytes <= 120_000);
    const warnings = rig.events.filter((event) => event.type === 'warning');
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!.error.message, /clips begin \d\.\d s before an alarm/);
    rig.recorder.alarm({ reason: 'a' });
    rig.feed(rest);
    rig.to(30_000);
    const info = await rig.clip();
    judgeClip(info.file);
    assert.ok(info.preRollMs < 6000 && info.preRollMs > 0);
  });

  it('puts a thumbnail of the last keyframe before the alarm beside the clip', async () => {
    const shown: number[] = [];
    rig = new RecorderRig(
      {},
      {},
      {
        thumbnail: (keyframe) => {
          shown.push(keyframe.arrival);
          return Promise.resolve(Buffer.from('jpeg'));
        },
      },
    );
    rig.recorder.arm();
    const rest = rig.feed(videoUnits(source({ seconds: 8 })), 13_500);
    rig.recorder.alarm({ reason: 'door' });
    rig.feed(rest);
    const info = await rig.clip();
    assert.deepEqual(shown, [13_000]);
    assert.equal(info.thumbnail, info.file.replace('.mp4', '.jpg'));
    assert.equal(fs.readFileSync(info.thumbnail, 'utf8'), 'jpeg');
  });

  it('records without end in segments cut at keyframes, with no frame lost or twice', async () => {
    rig = new RecorderRig({ mode: 'continuous', segment: 2, fileName: '{yyyy}{MM}{dd}-{HHmmss}.mp4' });
    const from = source({ seconds: 8 });
    rig.recorder.arm();
    const rest = rig.feed(videoUnits(from), 12_500);
    assert.deepEqual(rig.recorder.alarm({ reason: 'door' }), { clip: 0, began: false });
    rig.feed(rest);
    await rig.recorder.disarm();
    const infos = rig.events.flatMap((event) => (event.type === 'finished' ? [event.info] : []));
    assert.deepEqual(
      infos.map(({ frames }) => frames),
      [50, 50, 50, 50],
    );
    assert.deepEqual(
      infos.flatMap(({ file }) => judgeClip(file)),
      from.hashes,
    );
    assert.deepEqual(
      rig.files(),
      ['085320', '085322', '085324', '085326'].map((time) => `20251009-${time}.mp4`),
    );
    assert.deepEqual(
      infos.flatMap(({ alarms }) => alarms.map(({ reason }) => reason)),
      ['door'],
    );
  });

  it('refuses options that cannot be', () => {
    rig = new RecorderRig();
    assert.throws(() => new RecorderRig({ folder: 'relative' }), { code: 'EINPUT' });
    assert.throws(() => new RecorderRig({ preRoll: 20, maxLength: 20 }), { code: 'EINPUT' });
    assert.throws(() => new RecorderRig({ fileName: '../{reason}.mp4' }), { code: 'EINPUT' });
  });
});
