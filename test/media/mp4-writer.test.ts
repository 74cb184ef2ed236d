import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';

import type { AudioFormat, AudioUnit, VideoUnit } from '../../lib/codec/unit.js';
import type { ClipUnit } from '../../lib/media/gop-ring.js';
import { Mp4Writer } from '../../lib/media/mp4-writer.js';
import type { ClipFacts } from '../../lib/media/mp4-writer.js';
import { itLong, some } from '../kit/cases.js';
import { needs } from '../kit/tools.js';
import { audioTimes, duration, judgeClip, packets, videoTimes } from '../kit/clip-judge.js';
import * as recorded from '../kit/recorded-units.js';
import { interleave, opusUnits, source, type Source, type Timing } from '../kit/recorded-units.js';

interface Written {
  file: string;
  facts: ClipFacts;
  writes: number[];
  sound: string | undefined;
}

const videoUnits = (from: Source, timing: Timing = {}, pictures = from.pictures): VideoUnit[] =>
  recorded.videoUnits(from, { ...timing, placed: true }, pictures);
const audioUnits = (kind: 'aac' | 'pcmu' | 'pcma', seconds: number, timing: Timing = {}): AudioUnit[] =>
  recorded.audioUnits(kind, seconds, { ...timing, placed: true });

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

  for (const [codec, bFrames, test] of [
    ['h264', 0, itLong],
    ['h264', 3, it],
    ['h265', 0, itLong],
    ['h265', 3, it],
  ] as const) {
    test(`writes ${codec} with ${bFrames === 0 ? 'no' : bFrames} B-frames, frame for frame as the source has it`, async () => {
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

  for (const kind of some(['aac', 'pcmu', 'pcma'] as const, 2)) {
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

  it('places the sound by the session’s time line, whatever arrival and the server’s claims say', async () => {
    const claim = -2 * 3_600_000;
    const sound = audioUnits('aac', 4, { claim, begin: 10_030, jitter: () => 300 });
    for (const unit of sound) unit.time += 300;
    const units = interleave(videoUnits(source(), { claim: 900 }), sound);
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

  itLong('does not take a burst after a stall for time that passed', async () => {
    const from = source();
    const units = videoUnits(from, {
      jitter: (index) => (index >= 30 && index < 80 ? (80 - index) * 40 : 0),
    });
    const { file, facts } = await write(units);
    near(duration(file), 4, 0.04);
    assert.deepEqual(facts.gaps, []);
    assert.deepEqual(judgeClip(file), from.hashes);
  });

  it('writes damaged pictures and those that depend on them, counts them, and lists their spans', async () => {
    const from = source();
    const units = videoUnits(from).map((unit, index): VideoUnit => {
      if (index === 30) return { ...unit, damaged: true };
      return index > 30 && index < 50 ? { ...unit, reference: 'lost' } : unit;
    });
    units[99] = { ...units[99]!, damaged: true };
    const { file, facts } = await write(units);
    assert.equal(facts.damaged, 2);
    assert.equal(facts.frames, 100);
    assert.deepEqual(facts.damagedSpans, [
      { start: 1200, end: 2000 },
      { start: 3960, end: 4000 },
    ]);
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

  it('continues with audio of which frames were lost', async () => {
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

  describe('with pictures out of order', () => {
    /** x264 and x265 see no use in B-frames where every picture is another. */
    const filter = "eq=brightness='if(mod(floor(t),2),if(mod(n,2),0.6,-0.6),0)':eval=frame";
    const sometimes = { bFrames: 3, filter, encoder: 'b-adapt=2', seconds: 6 };

    const streams = [
      sometimes,
      { ...sometimes, filter: filter.replace('2),if', '2)*-1+1,if') },
      { ...sometimes, codec: 'h265' },
    ] as const;
    for (const options of some(streams, 1)) {
      it(`shows every one of them where B-frames come and go, decoded strictly in order: ${JSON.stringify(options)}`, async () => {
        const from = source(options);
        const units = videoUnits(from);
        const { file } = await write(units);
        assert.deepEqual(judgeClip(file), from.hashes);
        strictly(packets(file).map(({ dts }) => dts));
        const shown = videoTimes(file);
        shown.forEach((time, index) => {
          near(time - shown[0]!, index / 25, 0.0005, 'time');
        });
      });
    }

    it('lasts as long as it should with B-frames of one picture a second', async () => {
      const from = source({ bFrames: 3, gop: 50 });
      const { file, facts } = await write(videoUnits({ ...from, fps: 1 }));
      // ffprobe gives each picture the duration that the stream declares: 40 ms.
      near(span(file), 99, 0.001);
      near(facts.durationMs, 100_000, 1);
      assert.deepEqual(facts.gaps, []);
      assert.deepEqual(judgeClip(file), from.hashes);
      strictly(packets(file).map(({ dts }) => dts));
    });

    it('ends fragments within a GOP that lasts long, so that a crash costs seconds, not minutes', async () => {
      const from = source({ seconds: 4, gop: 100, bFrames: 3 });
      const { file, writes } = await write(videoUnits({ ...from, fps: 2 }));
      assert.ok(writes.length >= 9, `${writes.length} writes`);
      assert.deepEqual(judgeClip(file), from.hashes);
      strictly(packets(file).map(({ dts }) => dts));
      near(span(file), 49.5, 0.001);
    });
  });

  it('writes whatever times come in, as a file that can be played', async () => {
    const from = source({ bFrames: 3 });
    const units = videoUnits(from);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(fc.integer({ min: -5000, max: 20_000 }), fc.constant(0)), {
          minLength: 100,
          maxLength: 100,
        }),
        fc.constantFrom(undefined, 0, 2),
        async (offsets, reorderDepth) => {
          const format = { ...from.format, ...(reorderDepth !== undefined && { reorderDepth }) };
          const wild = units.map((unit, index) => ({ ...unit, format, mediaTime: 10_000 + offsets[index]! }));
          const sound = audioUnits('aac', 4).map((unit, index) => ({
            ...unit,
            mediaTime: 10_000 + offsets[index % 100]!,
          }));
          const parts: Buffer[] = [];
          const writer = new Mp4Writer(
            { write: (data) => Promise.resolve(void parts.push(Buffer.from(data))) },
            wild[0]!,
            sound[0]!.format,
          );
          for (const unit of interleave(wild, sound)) await writer.add(unit);
          const { frames } = await writer.finish();
          const times = pictureTimes(Buffer.concat(parts));
          assert.equal(times.length, frames);
          strictly(times.map(([decoded]) => decoded));
          for (const [decoded, shown] of times) assert.ok(shown >= decoded);
          assert.equal(new Set(times.map(([, shown]) => shown)).size, frames);
        },
      ),
      { numRuns: 25 },
    );
  });

  itLong('says of pixels and colours what the stream says', async () => {
    const from = source({
      filter: 'setsar=16/11',
      encoder: 'colorprim=bt470bg:transfer=smpte170m:colormatrix=bt470bg',
    });
    const sar = { width: 16, height: 11 };
    const colour = { primaries: 5, transfer: 6, matrix: 5, fullRange: false };
    const told = { ...from.format, sar, colour };
    const { file } = await write(videoUnits({ ...from, format: told }));
    const bytes = fs.readFileSync(file);
    const pasp = bytes.indexOf('pasp') + 4;
    assert.deepEqual([bytes.readUInt32BE(pasp), bytes.readUInt32BE(pasp + 4)], [16, 11]);
    assert.equal(
      bytes.toString('hex', bytes.indexOf('nclx') + 4, bytes.indexOf('nclx') + 11),
      '00050006000500',
    );
    const width = bytes.indexOf('tkhd') + 80;
    assert.deepEqual([bytes.readUInt32BE(width) >> 16, bytes.readUInt32BE(width + 4) >> 16], [465, 180]);
    const plainOne = fs.readFileSync((await write(videoUnits(source()))).file);
    assert.ok(!plainOne.includes('pasp') && !plainOne.includes('colr'));
  });

  itLong('writes Opus, whole from its first packet', async () => {
    const sound = opusUnits(4);
    const { file, sound: codec } = await write(interleave(videoUnits(source()), sound), sound[0]!.format);
    assert.equal(codec, 'opus');
    judgeClip(file);
    const heard = audioTimes(file);
    near(heard[0]!, 0, 0.001);
    near(heard.at(-1)!, 3.98, 0.001);
    assert.equal(heard.length, 200);
  });

  it('writes L16, sample for sample', async () => {
    const format: AudioFormat = { codec: 'l16', sampleRate: 8000, channels: 2 };
    const sound = audioUnits('pcmu', 4).map((unit, index): AudioUnit => {
      const data = Buffer.alloc(unit.data.length * 4);
      for (let at = 0; at < data.length; at += 2)
        data.writeInt16BE(((index * 977 + at * 13) % 20_000) - 10_000, at);
      return { ...unit, codec: 'l16', format, data };
    });
    const { file, sound: codec } = await write(interleave(videoUnits(source()), sound), format);
    assert.equal(codec, 'l16');
    assert.equal(path.extname(file), '.mov');
    judgeClip(file);
    const heard = execFileSync('ffmpeg', ['-v', 'error', '-i', file, '-map', '0:a', '-f', 's16be', '-'], {
      maxBuffer: 64 << 20,
    });
    assert.ok(heard.equals(Buffer.concat(sound.map(({ data }) => data))));
  });

  itLong(
    'leads sound whose clock is slow or fast after the pictures, with no more than a breath between frames',
    async () => {
      for (const rate of [1.01, 0.99]) {
        const sound = audioUnits('aac', 20).map((unit) => ({
          ...unit,
          mediaTime: 10_000 + (unit.arrival - 10_000) * rate,
        }));
        const { file } = await write(
          interleave(videoUnits(source({ seconds: 20, gop: 50 })), sound),
          sound[0]!.format,
        );
        const heard = audioTimes(file);
        heard.forEach((time, index) => {
          near(time, index * 0.064 * rate, 0.02, 'sound');
          if (index > 0) near(time - heard[index - 1]!, 0.064, 0.002, 'step');
        });
      }
    },
  );
});

/** Seconds from the first picture to the last. */
function span(file: string): number {
  const shown = videoTimes(file);
  return shown.at(-1)! - shown[0]!;
}

function strictly(times: readonly number[]): void {
  times.forEach((time, index) => {
    if (index > 0) assert.ok(time > times[index - 1]!, `${time} follows ${times[index - 1]!}`);
  });
}

/** Of the pictures in a file of fragments: when each is decoded and shown, in ticks (ISO 14496-12 8.8). */
function pictureTimes(file: Buffer): [decoded: number, shown: number][] {
  const found: [number, number][] = [];
  const walk = (
    from: number,
    to: number,
    visit: (name: string, start: number, end: number) => void,
  ): void => {
    for (let at = from; at + 8 <= to; at += file.readUInt32BE(at))
      visit(file.toString('latin1', at + 4, at + 8), at + 8, at + file.readUInt32BE(at));
  };
  walk(0, file.length, (name, start, end) => {
    if (name !== 'moof') return;
    walk(start, end, (inner, from, to) => {
      if (inner !== 'traf' || file.readUInt32BE(from + 12) !== 1) return;
      let decoded = 0;
      walk(from, to, (box, at) => {
        if (box === 'tfdt') decoded = Number(file.readBigUInt64BE(at + 4));
        if (box !== 'trun') return;
        for (let sample = 0; sample < file.readUInt32BE(at + 4); sample++) {
          const entry = at + 12 + sample * 16;
          found.push([decoded, decoded + file.readInt32BE(entry + 12)]);
          decoded += file.readUInt32BE(entry);
        }
      });
    });
  });
  return found;
}
