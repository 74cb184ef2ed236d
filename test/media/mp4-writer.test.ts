import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import type { AudioFormat, VideoUnit } from '../../lib/codec/unit.js';
import type { ClipUnit } from '../../lib/media/gop-ring.js';
import { Mp4Writer } from '../../lib/media/mp4-writer.js';
import type { ClipFacts } from '../../lib/media/mp4-writer.js';
import { needs } from '../support/tools.js';
import { audioTimes, duration, judgeClip, packets, videoTimes } from './clip-judge.js';
import { audioUnits, interleave, source, videoUnits } from './recorded-units.js';

interface Written {
  file: string;
  facts: ClipFacts;
  writes: number[];
  sound: string | undefined;
}

const near = (actual: number, wanted: number, within: number, what = ''): void => {
  assert.ok(Math.abs(actual - wanted) <= within, `${what} ${actual} is not within ${within} of ${wanted}`);
};

describe('the MP4 writer', function () {
  this.timeout(30_000);
  let folder = '';
  let count = 0;

  before(function () {
    needs(this, 'ffmpeg', 'ffprobe');
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-writer-'));
  });

  after(() => {
    fs.rmSync(folder, { recursive: true, force: true });
  });

  async function write(units: readonly ClipUnit[], audio?: AudioFormat): Promise<Written> {
    const parts: Buffer[] = [];
    const first = units.find((unit): unit is VideoUnit => unit.kind === 'video' && unit.keyframe)!;
    const writer = new Mp4Writer(
      {
        write: (data) => {
          parts.push(Buffer.from(data));
          return Promise.resolve();
        },
      },
      first,
      audio,
    );
    for (const unit of units) await writer.add(unit);
    const facts = await writer.finish();
    const file = path.join(folder, `${++count}${writer.extension}`);
    fs.writeFileSync(file, Buffer.concat(parts));
    assert.equal(facts.bytes, Buffer.concat(parts).length);
    return { file, facts, writes: parts.map(({ length }) => length), sound: writer.sound };
  }

  for (const codec of ['h264', 'h265'] as const) {
    for (const bFrames of [0, 3]) {
      it(`writes ${codec} with ${bFrames === 0 ? 'no' : bFrames} B-frames, frame for frame as the source has it`, async () => {
        const from = source({ codec, bFrames });
        const { file, facts, writes } = await write(videoUnits(from));
        assert.deepEqual(judgeClip(file), from.hashes);
        near(duration(file), 4, 0.04, 'duration');
        near(facts.durationMs, 4000, 40);
        assert.equal(facts.frames, 100);
        assert.ok(writes.length >= 5, 'a write for the header and one for each GOP');
        const shown = videoTimes(file);
        shown.forEach((time, index) => {
          near(time - shown[0]!, index / 25, 0.0005, 'time');
        });
      });
    }
  }

  for (const kind of ['aac', 'pcmu', 'pcma'] as const) {
    it(`keeps ${kind} in sync within 40 ms, whatever the units' jitter`, async () => {
      const from = source();
      const late = (index: number): number => ((index * 7919) % 13) * 9;
      const sound = audioUnits(kind, 4, { begin: 10_030, epoch: 1_760_000_000_030, jitter: late });
      const units = interleave(
        videoUnits(from, { jitter: (index) => (index === 0 ? 0 : late(index)) }),
        sound,
      );
      const { file, sound: codec } = await write(units, sound[0]!.format);
      assert.equal(codec, kind);
      assert.equal(path.extname(file), kind === 'aac' ? '.mp4' : '.mov');
      assert.deepEqual(judgeClip(file), from.hashes);
      const step = kind === 'aac' ? 0.064 : 0.02;
      const heard = audioTimes(file);
      near(heard.length * (heard[1]! - heard[0]!), 4, 0.1, 'seconds of sound');
      heard.forEach((time, index) => {
        near(time, 0.03 + index * (heard[1]! - heard[0]!), 0.04, 'sound');
      });
      if (kind === 'aac') near(heard[1]! - heard[0]!, step, 0.001);
    });
  }

  it('keeps sound in sync with B-frames, which ffmpeg would shift', async () => {
    const from = source({ bFrames: 3 });
    const sound = audioUnits('aac', 4);
    const { file } = await write(interleave(videoUnits(from), sound), sound[0]!.format);
    assert.deepEqual(judgeClip(file), from.hashes);
    near(audioTimes(file)[0]!, videoTimes(file)[0]!, 0.001);
    near(duration(file), 4, 0.001);
  });

  it('takes the offset of the sound from the server’s claims where it makes both, wrong as they may be', async () => {
    const claim = -2 * 3_600_000;
    const sound = audioUnits('aac', 4, { claim, begin: 10_330, epoch: 1_760_000_000_030 });
    for (const unit of sound) unit.time += 300;
    const units = interleave(videoUnits(source(), { claim }), sound);
    const { file } = await write(units, sound[0]!.format);
    near(audioTimes(file)[0]!, 0.03, 0.005);
  });

  it('lasts as long as it took, though the NVR’s clock is set back by two hours in its midst', async () => {
    const from = source();
    const units = videoUnits(from, { claim: 0 });
    for (const unit of units.slice(40)) unit.captureTime! -= 2 * 3_600_000;
    // Another clock in RTP too, as of a server that starts anew.
    for (const unit of units.slice(50)) Object.assign(unit, { rtpTime: (unit.rtpTime - 648_000_000) >>> 0 });
    const { file, facts } = await write(units);
    assert.deepEqual(judgeClip(file), from.hashes);
    near(duration(file), 4, 0.04);
    assert.deepEqual(facts.gaps, []);
  });

  it('keeps a gap as a gap, and goes on in the same file', async () => {
    const from = source();
    const units = videoUnits(from);
    const later = videoUnits(from, { begin: 17_000, rtpBase: 123 }, from.pictures.slice(50));
    const { file, facts } = await write([...units.slice(0, 40), ...later]);
    assert.deepEqual(judgeClip(file), [...from.hashes.slice(0, 40), ...from.hashes.slice(50)]);
    const seen = videoTimes(file);
    near(seen[40]!, 7, 0.001);
    near(seen[39]!, 39 * 0.04, 0.001);
    assert.equal(facts.gaps.length, 1);
    near(facts.gaps[0]!.at, 1560, 1);
    near(facts.gaps[0]!.ms, 5440, 1);
    near(duration(file), 9, 0.04);
  });

  it('does not take a burst after a stall for time that passed', async () => {
    const from = source();
    const units = videoUnits(from, {
      jitter: (index) => (index >= 30 && index < 80 ? (80 - index) * 40 : 0),
    });
    const { file, facts } = await write(units);
    near(duration(file), 4, 0.04);
    assert.deepEqual(facts.gaps, []);
    assert.deepEqual(judgeClip(file), from.hashes);
  });

  it('keeps a damaged unit and what builds on it, counts it, and tells from when to when', async () => {
    const from = source();
    const flagged = videoUnits(from).map((unit, index): VideoUnit => {
      if (index === 30) return { ...unit, damaged: true };
      return index > 30 && index < 50 ? { ...unit, reference: 'lost' } : unit;
    });
    const { file, facts } = await write(flagged);
    assert.deepEqual([facts.damaged, facts.frames], [1, 100]);
    assert.deepEqual(facts.damagedSpans, [{ start: 1200, end: 2000 }]);
    assert.deepEqual(judgeClip(file), from.hashes);
  });

  it('begins at the first keyframe with its parameter sets', async () => {
    const from = source();
    const { file, facts } = await write(videoUnits(from).slice(10));
    assert.equal(facts.frames, 75);
    assert.deepEqual(judgeClip(file), from.hashes.slice(25));
  });

  it('writes on where the sound falls silent or never comes', async () => {
    const from = source({ seconds: 8 });
    const sound = audioUnits('aac', 1);
    const { file, writes, sound: codec } = await write(interleave(videoUnits(from), sound), sound[0]!.format);
    assert.equal(codec, 'aac');
    assert.ok(writes.length >= 8, `${writes.length} writes`);
    assert.deepEqual(judgeClip(file), from.hashes);
    const without = await write(videoUnits(from), sound[0]!.format);
    assert.equal(without.sound, undefined);
    assert.deepEqual(judgeClip(without.file), from.hashes);
  });

  it('goes on with sound of which frames were lost', async () => {
    const from = source();
    const sound = audioUnits('aac', 4).filter((_, index) => index % 10 !== 4 || index < 20);
    const { file } = await write(interleave(videoUnits(from), sound), sound[0]!.format);
    judgeClip(file);
    near(audioTimes(file).at(-1)!, 61 * 0.064, 0.002);
  });

  it('writes each GOP as soon as the next has begun, so that memory holds one alone', async () => {
    const sizes: number[] = [];
    let bytes = 0;
    const units = videoUnits(source({ seconds: 8 }));
    const writer = new Mp4Writer(
      {
        write: (data) => {
          bytes += data.length;
          return Promise.resolve();
        },
      },
      units[0]!,
    );
    let given = 0;
    for (const unit of units) {
      await writer.add(unit);
      given += unit.data.length;
      sizes.push(given - bytes);
    }
    await writer.finish();
    const gop = units.slice(0, 25).reduce((sum, { data }) => sum + data.length, 0);
    assert.ok(Math.max(...sizes) < 2.5 * gop, `${Math.max(...sizes)} bytes held, ${gop} in a GOP`);
  });

  it('rejects with the sink’s own error, and says nothing more to it', async () => {
    const full = Object.assign(new Error('no space'), { code: 'ENOSPC' });
    let calls = 0;
    const units = videoUnits(source());
    const writer = new Mp4Writer(
      { write: () => (++calls > 2 ? Promise.reject(full) : Promise.resolve()) },
      units[0]!,
    );
    const work = async (): Promise<void> => {
      for (const unit of units) await writer.add(unit);
      await writer.finish();
    };
    await assert.rejects(work, (error) => error === full);
    await assert.rejects(writer.add(units[0]!), (error) => error === full);
    await writer.abandon();
    assert.equal(calls, 3);
  });

  it('asks for another file when the parameter sets change, and for none when they come again', () => {
    const small = videoUnits(source());
    const writer = new Mp4Writer({ write: () => Promise.resolve() }, small[0]!);
    assert.equal(writer.fits(small[25]!), true);
    assert.equal(writer.fits(videoUnits(source({ size: '640x360', seconds: 1 }))[0]!), false);
    assert.equal(writer.fits(videoUnits(source({ codec: 'h265' }))[0]!), false);
  });

  it('refuses MJPEG', () => {
    const unit = { ...videoUnits(source())[0]!, codec: 'mjpeg' as const };
    assert.throws(() => new Mp4Writer({ write: () => Promise.resolve() }, unit), { code: 'EUNSUPPORTED' });
  });

  it('marks keyframes as such', async () => {
    const { file } = await write(videoUnits(source()));
    const keys = packets(file).map(({ key }) => key);
    assert.deepEqual(
      keys.flatMap((key, index) => (key ? [index] : [])),
      [0, 25, 50, 75],
    );
  });
});
