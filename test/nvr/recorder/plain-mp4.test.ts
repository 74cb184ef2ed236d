import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import path from 'node:path';
import type { AudioUnit, VideoUnit } from '../../../lib/codec/unit.js';
import type { ClipUnit } from '../../../lib/media/gop-ring.js';
import { openBelow } from '../../../lib/nvr/recorder/below.js';
import { makePlain } from '../../../lib/nvr/recorder/plain-mp4.js';
import { readClip } from '../../../lib/nvr/recorder/read-clip.js';
import type { ClipInfo, RecorderFs } from '../../../lib/nvr/recorder/types.js';
import { audioTimes, judgeClip, videoTimes } from '../../kit/clip-judge.js';
import { audioUnits, interleave, source, videoUnits } from '../../kit/recorded-units.js';
import { some } from '../../kit/cases.js';
import { needs } from '../../kit/tools.js';
import { RecorderRig } from '../../kit/recorder-rig.js';

/** Types of the top-level boxes (ISO 14496-12 4.2). */
function boxes(file: string): string[] {
  const bytes = fs.readFileSync(file);
  const types: string[] = [];
  for (let at = 0; at + 8 <= bytes.length; at += Math.max(8, bytes.readUInt32BE(at)))
    types.push(bytes.toString('latin1', at + 4, at + 8));
  return types;
}

/** Seconds at which a file's sound begins to be loud. */
function beeps(file: string): number[] {
  const args = ['-v', 'error', '-i', file, '-map', '0:a', '-f', 's16le', '-ac', '1', '-ar', '8000', '-'];
  const samples = execFileSync('ffmpeg', args, { maxBuffer: 64 << 20 });
  const found: number[] = [];
  let quiet = Infinity;
  for (let at = 0; at + 1 < samples.length; at += 2) {
    quiet = Math.abs(samples.readInt16LE(at)) > 2000 ? 0 : quiet + 1;
    if (quiet === 0 && (found.length === 0 || at / 16_000 - found.at(-1)! > 0.5)) found.push(at / 16_000);
  }
  return found;
}

const soundHash = (file: string): string =>
  execFileSync('ffmpeg', ['-v', 'error', '-i', file, '-map', '0:a', '-f', 'hash', '-']).toString();

describe('the conversion to a plain file', function () {
  this.timeout(30_000);
  const rigs: RecorderRig[] = [];

  before(function () {
    needs(this, 'ffmpeg', 'ffprobe');
  });

  afterEach(async () => {
    for (const rig of rigs.splice(0)) await rig.close();
  });

  async function record(
    plain: boolean,
    sound: 'aac' | 'pcma' | undefined,
    changes: Partial<RecorderFs> = {},
  ): Promise<{ info: ClipInfo; rig: RecorderRig }> {
    const rig = new RecorderRig({ plain }, changes);
    rigs.push(rig);
    const video = videoUnits(source({ seconds: 8, bFrames: 2 }));
    rig.recorder.arm();
    const rest = rig.feed(sound === undefined ? video : interleave(video, audioUnits(sound, 8)), 13_500);
    rig.recorder.alarm({ reason: 'door' });
    rig.feed(rest);
    rig.to(20_000);
    return { info: await rig.clip(), rig };
  }

  /** All of them in one file. */
  async function recordUnits(plain: boolean, units: readonly ClipUnit[]): Promise<{ info: ClipInfo }> {
    const rig = new RecorderRig({ plain, mode: 'continuous', segment: 3600 });
    rigs.push(rig);
    rig.recorder.arm();
    await rig.ready();
    // A file says in front what it holds: the sound has been heard before.
    const sound = units.find((unit) => unit.kind === 'audio');
    if (sound !== undefined) rig.hub.emit({ ...sound, arrival: 9_990 } as unknown as VideoUnit);
    rig.feed(units);
    await rig.recorder.disarm();
    return { info: await rig.clip() };
  }

  for (const sound of some([undefined, 'aac', 'pcma'] as const, 2)) {
    it(`puts the index in front of the media, and keeps every frame and time: ${sound ?? 'no sound'}`, async () => {
      const { info: fragmented } = await record(false, sound);
      const { info: plain } = await record(true, sound);
      assert.ok(boxes(fragmented.file).includes('moof'));
      const types = boxes(plain.file);
      assert.ok(!types.includes('moof') && types.indexOf('moov') < types.indexOf('mdat'), types.join());
      assert.deepEqual(judgeClip(plain.file), judgeClip(fragmented.file));
      assert.deepEqual(videoTimes(plain.file), videoTimes(fragmented.file));
      if (sound !== undefined) {
        // Samples of G.711 have no packets of their own in a plain file: what is heard counts, and when.
        assert.equal(audioTimes(plain.file)[0], audioTimes(fragmented.file)[0]);
        assert.equal(soundHash(plain.file), soundHash(fragmented.file));
      }
      assert.equal(plain.bytes, fs.statSync(plain.file).size);
      for (const { file, durationMs, frames, audio } of [plain, fragmented]) {
        const read = await readClip(await openBelow(fsPromises, path.dirname(file), path.basename(file)));
        assert.deepEqual(
          { frames: read.frames, audio: read.audio, gaps: read.gaps },
          { frames, audio, gaps: [] },
        );
        assert.ok(Math.abs(read.durationMs - durationMs) <= 1);
      }
      const { file: _a, bytes: _b, sha256: _c, ...one } = plain;
      const { file: _d, bytes: _e, sha256: _f, ...other } = fragmented;
      assert.deepEqual(one, other);
      assert.deepEqual(fs.readdirSync(path.dirname(plain.file)), [path.basename(plain.file)]);
    });
  }

  it('says of pixels and colours what the stream says, to the letter', async () => {
    const from = source({
      filter: 'setsar=16/11',
      encoder: 'colorprim=bt470bg:transfer=gamma28:colormatrix=bt470bg',
    });
    const format = {
      ...from.format,
      sar: { width: 16, height: 11 },
      colour: { primaries: 5, transfer: 5, matrix: 5, fullRange: false },
    };
    const { info } = await recordUnits(true, videoUnits({ ...from, format }));
    const bytes = fs.readFileSync(info.file);
    const pasp = bytes.indexOf('pasp') + 4;
    assert.deepEqual([bytes.readUInt32BE(pasp), bytes.readUInt32BE(pasp + 4)], [16, 11]);
    assert.equal(
      bytes.toString('hex', bytes.indexOf('nclx') + 4, bytes.indexOf('nclx') + 11),
      '00050005000500',
    );
    const shown = [
      '-v',
      'error',
      '-show_entries',
      'stream=sample_aspect_ratio,display_aspect_ratio',
      '-of',
      'csv=p=0',
      info.file,
    ];
    assert.equal(execFileSync('ffprobe', shown).toString().trim(), '16:11,256:99');
  });

  it('fills holes of G.711 with silence, and keeps sound of a slow or fast clock beside the pictures', async () => {
    const seconds = 20;
    const video = videoUnits(source({ seconds, gop: 50 }));
    for (const rate of some([1.02, 0.98], 1)) {
      const packets = audioUnits('pcmu', seconds)
        .map((unit): AudioUnit => ({ ...unit, arrival: 10_000 + (unit.arrival - 10_000) * rate }))
        .filter(({ arrival }, index) => arrival < 10_000 + seconds * 1000 && (index < 200 || index >= 250));
      const { info } = await recordUnits(true, interleave(video, packets));
      judgeClip(info.file);
      const heard = beeps(info.file);
      // A beep a second of the sound's own time; the fifth falls into the hole.
      const expected = Array.from(
        { length: Math.min(seconds, Math.ceil(seconds / rate)) },
        (_, index) => index * rate,
      ).filter((_, index) => index !== 4);
      assert.equal(heard.length, expected.length);
      heard.forEach((time, index) => {
        assert.ok(
          Math.abs(time - heard[0]! - expected[index]!) < 0.08,
          `${time} is heard at ${expected[index]!}`,
        );
      });
    }
  });

  it('reads fragments as other muxers write them, and refuses what is none', async () => {
    const { info } = await record(false, undefined);
    const folder = path.dirname(info.file);
    const other = path.join(folder, 'other.mp4');
    const movflags = 'frag_keyframe+empty_moov+default_base_moof+negative_cts_offsets';
    execFileSync('ffmpeg', ['-v', 'error', '-i', info.file, '-c', 'copy', '-movflags', movflags, other]);
    for (const [from, isClip] of [
      [other, true],
      [__filename, false],
    ] as const) {
      const plain = path.join(folder, `plain of ${path.basename(from)}.mp4`);
      const source = await fsPromises.open(from, 'r');
      const target = await fsPromises.open(plain, 'wx');
      const made = await makePlain(source, target, false).then(
        () => true,
        () => false,
      );
      await source.close();
      await target.close();
      assert.equal(made, isClip);
      if (isClip) assert.deepEqual(judgeClip(plain), judgeClip(from));
      fs.rmSync(plain);
    }
    fs.rmSync(other);
  });

  it('leaves the fragmented clip, with a warning EDISK, where there is no room for both', async () => {
    const full = (): Promise<never> => Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' }));
    const { info, rig } = await record(true, undefined, {
      open: ((file: string, flags: string) =>
        file.endsWith('.plain.part') ? full() : fsPromises.open(file, flags)) as RecorderFs['open'],
    });
    judgeClip(info.file);
    assert.ok(boxes(info.file).includes('moof'));
    const { error } = await rig.event('warning');
    assert.equal(error.code, 'EDISK');
    assert.deepEqual(fs.readdirSync(path.dirname(info.file)), [path.basename(info.file)]);
  });
});
