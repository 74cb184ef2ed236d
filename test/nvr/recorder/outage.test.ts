import assert from 'node:assert/strict';
import type { VideoUnit } from '../../../lib/codec/unit.js';
import { NvrError } from '../../../lib/errors.js';
import { judgeClip } from '../../kit/clip-judge.js';
import { source, videoUnits } from '../../kit/recorded-units.js';
import { needs } from '../../kit/tools.js';
import { EPOCH, RecorderRig } from '../../kit/recorder-rig.js';

describe('an alarm while the camera is away', function () {
  this.timeout(30_000);
  let rig: RecorderRig;
  const from = source.bind(undefined, { seconds: 8 });
  const away = (): void => {
    const error = new NvrError('ECONNREFUSED', 'The NVR refuses the connection.');
    rig.hub.tell({ type: 'reconnecting', code: error.code, error });
  };
  const later = (by: number) =>
    videoUnits(from(), { begin: 10_000 + by, rtpBase: 5, epoch: EPOCH + 10_000 + by });

  before(function () {
    needs(this, 'ffmpeg', 'ffprobe');
  });

  afterEach(async () => {
    await rig.close();
  });

  it('fails with the connection’s own code where nothing comes, though pictures of long ago are kept', async () => {
    rig = new RecorderRig({ postRoll: 4 });
    rig.recorder.arm();
    rig.feed(videoUnits(from()));
    away();
    rig.to(120_000);
    rig.recorder.alarm({ reason: 'door' });
    rig.to(123_900);
    assert.equal(
      rig.words().includes('failed'),
      false,
      'it waits for the camera until the post-roll is over',
    );
    rig.to(124_100);
    const { error } = await rig.event('failed');
    assert.equal(error.code, 'ECONNREFUSED');
    assert.match(error.message, /No video came .*refuses the connection/);
    assert.deepEqual(rig.files(), []);
    rig.hub.tell({ type: 'playing' });
    rig.recorder.alarm({ reason: 'silent' });
    rig.to(130_000);
    assert.equal((await rig.event('failed', 2)).error.code, 'EUNREACHABLE');
  });

  it('waits for no picture of before it was disarmed', async () => {
    rig = new RecorderRig({ postRoll: 1 });
    rig.recorder.arm();
    rig.feed(videoUnits(from()), 13_500);
    await rig.recorder.disarm();
    rig.recorder.arm();
    away();
    rig.recorder.alarm({ reason: 'door' });
    rig.to(14_600);
    assert.equal((await rig.event('failed')).error.code, 'ECONNREFUSED');
  });

  it('fails with the connection’s own code also where it plays again at the very end and nothing came by then', async () => {
    rig = new RecorderRig({ postRoll: 4 });
    rig.recorder.arm();
    away();
    rig.recorder.alarm({ reason: 'door' });
    rig.to(12_900);
    rig.hub.tell({ type: 'playing' });
    rig.to(20_000);
    const { error } = await rig.event('failed');
    assert.equal(error.code, 'ECONNREFUSED');
  });

  it('fails for want of a keyframe, and with the loss, where pictures come that no clip can begin with', async () => {
    rig = new RecorderRig({ onLoss: 'skip' });
    rig.recorder.arm();
    rig.recorder.alarm({ reason: 'door' });
    // The hub holds them back.
    Object.assign(rig.hub, { frames: 50, packets: 950, lost: 50, transport: 'udp' });
    rig.to(20_000);
    const { error } = await rig.event('failed');
    assert.equal(error.code, 'ENOKEYFRAME');
    assert.match(error.message, /5 % of the packets are lost .* over UDP/);
  });

  it('takes what comes when the camera is back in time, says what is missing, and leaves out what is of long ago', async () => {
    rig = new RecorderRig({ postRoll: 6 });
    rig.recorder.arm();
    rig.feed(videoUnits(from()));
    away();
    rig.to(60_000);
    rig.recorder.alarm({ reason: 'door' });
    rig.feed(later(53_000));
    const info = await rig.clip();
    // Asked for from 58 s to 66 s; the camera was back at 63 s.
    assert.equal(info.start, EPOCH + 63_000);
    assert.deepEqual(judgeClip(info.file), from().hashes.slice(0, 75));
    assert.deepEqual(info.gaps, [{ at: 0, ms: 5000 }]);
    assert.equal(info.coverage, 0.375);
    assert.equal(info.preRollMs, 0);
  });

  it('measures the gaps of a clip of two pictures by the frame rate before the outage if the stream does not declare one', async () => {
    rig = new RecorderRig({ preRoll: 1, postRoll: 2 });
    rig.recorder.arm();
    const silent = (units: VideoUnit[]): VideoUnit[] =>
      units.map((unit) => {
        const { frameRate: _rate, ...format } = unit.format;
        return { ...unit, format };
      });
    rig.hub.fps = 25;
    rig.feed(silent(videoUnits(from())));
    away();
    rig.hub.fps = 0;
    rig.to(60_000);
    rig.recorder.alarm({ reason: 'door' });
    const [first, ...rest] = silent(later(51_400));
    // Back 480 ms before the end: a keyframe, and the last picture of the time that is asked for.
    rig.feed([first!, rest[11]!]);
    rig.to(70_000);
    const info = await rig.clip();
    assert.equal(info.frames, 2);
    assert.equal(info.gaps.length, 3);
    assert.deepEqual(info.gaps[1], { at: 2400, ms: 480 });
  });

  it('keeps the pictures before it where the camera dies with the alarm', async () => {
    rig = new RecorderRig({ preRoll: 4 });
    rig.recorder.arm();
    rig.feed(videoUnits(from()), 18_000);
    away();
    rig.to(20_000);
    rig.recorder.alarm({ reason: 'cable' });
    rig.to(22_100);
    const info = await rig.clip();
    assert.deepEqual(judgeClip(info.file), from().hashes.slice(150));
    assert.deepEqual(info.gaps, [{ at: 2000, ms: 4000 }]);
    assert.equal(info.coverage, 0.333);
  });

  it('waits for the pictures of its end where the stream stalls and comes in a burst', async () => {
    rig = new RecorderRig();
    rig.recorder.arm();
    const units = videoUnits(from());
    rig.feed(units, 14_000 - 1);
    rig.to(14_000);
    rig.recorder.alarm({ reason: 'door' });
    rig.to(16_500);
    const stalled = units.filter(({ arrival }) => arrival >= 14_000);
    rig.feed(stalled.map((unit) => ({ ...unit, mediaTime: unit.arrival, arrival: 16_600 })));
    const info = await rig.clip();
    assert.deepEqual({ coverage: info.coverage, gaps: info.gaps }, { coverage: 1, gaps: [] });
    assert.equal(judgeClip(info.file).length, 100);
  });

  it('keeps a GOP that began long before the alarm, since its pictures depend on it', async () => {
    rig = new RecorderRig({ maxLength: 5 });
    rig.recorder.arm();
    const units = videoUnits(from()).map((unit, index) => (index > 0 ? { ...unit, keyframe: false } : unit));
    const rest = rig.feed(units, 15_000);
    rig.recorder.alarm({ reason: 'door' });
    rig.feed(rest);
    const info = await rig.clip();
    // The maximum length counts from the alarm minus the pre-roll, wherever the camera's keyframe lies.
    assert.deepEqual(judgeClip(info.file), from().hashes.slice(0, 175));
    assert.deepEqual(
      { coverage: info.coverage, preRollMs: info.preRollMs, durationMs: info.durationMs },
      { coverage: 1, preRollMs: 5000, durationMs: 7000 },
    );
  });

  it('says what the maximum length leaves out', async () => {
    rig = new RecorderRig({ maxLength: 4, postRoll: 10 });
    rig.recorder.arm();
    const rest = rig.feed(videoUnits(from()), 13_000);
    rig.recorder.alarm({ reason: 'door' });
    rig.feed(rest);
    const info = await rig.clip();
    assert.equal(info.coverage, 1);
    const { error } = await rig.event('warning');
    assert.equal(error.code, 'EINPUT');
    assert.match(error.message, /maximum length of 4 s, and 8\.0 s of its post-roll are left out/);
  });
});

describe('a camera that changes its picture’s format', function () {
  this.timeout(30_000);
  let rig: RecorderRig;

  before(function () {
    needs(this, 'ffmpeg', 'ffprobe');
  });

  afterEach(async () => {
    await rig.close();
  });

  /** Keyframes alone, of two sizes in turn, 20 a second. */
  function* flipping(seconds: number) {
    const [small] = videoUnits(source());
    const [large] = videoUnits(source({ size: '640x360', seconds: 2 }));
    for (let index = 0; index < seconds * 20; index++) {
      const unit = index % 2 === 0 ? small! : large!;
      const arrival = 10_000 + index * 50;
      yield { ...unit, arrival, time: EPOCH + arrival, rtpTime: index * 4500 };
    }
  }

  it('with every picture makes ten files at most, and one failure', async () => {
    rig = new RecorderRig({ postRoll: 50, fileName: '{reason}.mp4' });
    rig.recorder.arm();
    for (const unit of flipping(30)) {
      rig.feed([unit]);
      if (rig.now === 10_050) rig.recorder.alarm({ reason: 'flip' });
      if (unit.arrival % 1000 === 0) await new Promise((resolve) => setTimeout(resolve, 40));
    }
    const { error, file } = await rig.event('failed');
    assert.equal(error.code, 'EPROTOCOL');
    assert.ok(file !== undefined);
    assert.equal(rig.words().filter((word) => word === 'failed').length, 1);
    const files = rig.files();
    assert.ok(files.length <= 11 && files.every((name) => name.endsWith('.mp4')), files.join());
    for (const { info } of rig.events.filter((event) => event.type === 'finished'))
      assert.ok(info.durationMs >= 900, `${info.durationMs} ms`);
  });
});
