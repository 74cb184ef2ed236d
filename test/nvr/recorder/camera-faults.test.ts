import assert from 'node:assert/strict';
import sinon from 'sinon';

import { joinAnnexB } from '../../../lib/codec/annexb.js';
import type { VideoUnit } from '../../../lib/codec/unit.js';
import { Mp4Writer } from '../../../lib/media/mp4-writer.js';
import { writeError } from '../../../lib/nvr/recorder/disk.js';
import { judgeClip } from '../../kit/clip-judge.js';
import { source, videoUnits } from '../../kit/recorded-units.js';
import { needs } from '../../kit/tools.js';
import { RecorderRig, systemError } from '../../kit/recorder-rig.js';

/** As a camera without parameter sets has it. */
function bare(unit: VideoUnit): VideoUnit {
  const kept = unit.nals.filter(({ type }) => type !== 7 && type !== 8);
  let at = 0;
  const nals = kept.map(({ type, start, end }) => ({ type, start: at, end: (at += end - start) }));
  const data = joinAnnexB(kept.map(({ start, end }) => unit.data.subarray(start + 4, end)));
  return { ...unit, data, nals, format: { codec: 'h264', width: 0, height: 0 } };
}

describe('what is the camera’s fault and not the disk’s', function () {
  this.timeout(30_000);
  let rig: RecorderRig;

  before(function () {
    needs(this, 'ffmpeg', 'ffprobe');
  });

  afterEach(async () => {
    sinon.restore();
    await rig.close();
  });

  it('is a stream without parameter sets: EUNSUPPORTED, in words that say so', async () => {
    rig = new RecorderRig();
    rig.recorder.arm();
    const rest = rig.feed(videoUnits(source()).map(bare), 11_000);
    rig.recorder.alarm({ reason: 'door' });
    rig.feed(rest);
    rig.to(20_000);
    const { error } = await rig.event('failed');
    assert.equal(error.code, 'EUNSUPPORTED');
    assert.match(error.message, /SPS and PPS/);
    assert.deepEqual(rig.files(), []);
  });

  it('begins a clip with the first keyframe that has parameter sets, and continues it with keyframes that have none', async () => {
    rig = new RecorderRig({ postRoll: 10 });
    const from = source();
    const units = videoUnits(from).map((unit, index) => (index < 25 || index >= 50 ? bare(unit) : unit));
    rig.recorder.arm();
    rig.recorder.alarm({ reason: 'door' });
    rig.feed(units);
    rig.recorder.stop();
    const info = await rig.clip();
    assert.deepEqual(judgeClip(info.file), from.hashes.slice(25));
  });

  it('is what no file can hold: said once, in words of its own, and the next keyframe begins another file', async () => {
    rig = new RecorderRig({ postRoll: 10, preRoll: 0 });
    const from = source({ seconds: 8 });
    const add = sinon.stub(Mp4Writer.prototype, 'add').callThrough();
    for (const call of [30, 60]) add.onCall(call - 1).rejects(new Error('times went back'));
    rig.recorder.arm();
    await rig.ready();
    rig.recorder.alarm({ reason: 'door' });
    rig.feed(videoUnits(from));
    rig.recorder.stop();
    await rig.event('finished', 3);
    const infos = rig.events.flatMap((event) => (event.type === 'finished' ? [event.info] : []));
    // A file ends with the picture before, and nothing is lost but what comes before the next keyframe.
    assert.deepEqual(
      infos.flatMap(({ file }) => judgeClip(file)),
      [...from.hashes.slice(0, 29), ...from.hashes.slice(50, 79), ...from.hashes.slice(100)],
    );
    const told = rig.events.flatMap((event) => (event.type === 'warning' ? [event.error] : []));
    assert.deepEqual(
      told.map(({ code }) => code),
      ['EPROTOCOL'],
    );
    assert.ok(!rig.words().includes('failed'));
  });

  it('is distinguished from the disk’s faults by the system’s error codes', () => {
    rig = new RecorderRig();
    const codeOf = (cause: unknown): string => writeError(cause, '/clips').code;
    for (const code of ['ENOSPC', 'EIO', 'E2BIG', 'EROFS']) assert.equal(codeOf(systemError(code)), 'EDISK');
    for (const cause of [
      new Error('x'),
      new TypeError('x'),
      systemError('ERR_INVALID_ARG_TYPE'),
      'x',
      undefined,
    ])
      assert.equal(codeOf(cause), 'EPROTOCOL');
  });
});
