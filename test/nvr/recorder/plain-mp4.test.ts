import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import path from 'node:path';
import type { ClipInfo, RecorderFs } from '../../../lib/nvr/recorder/types.js';
import { audioTimes, judgeClip, videoTimes } from '../../media/clip-judge.js';
import { audioUnits, interleave, source, videoUnits } from '../../media/recorded-units.js';
import { needs } from '../../support/tools.js';
import { Rig } from './rig.js';

/** Types of the top-level boxes (ISO 14496-12 4.2). */
function boxes(file: string): string[] {
  const bytes = fs.readFileSync(file);
  const types: string[] = [];
  for (let at = 0; at + 8 <= bytes.length; at += Math.max(8, bytes.readUInt32BE(at)))
    types.push(bytes.toString('latin1', at + 4, at + 8));
  return types;
}

const soundHash = (file: string): string =>
  execFileSync('ffmpeg', ['-v', 'error', '-i', file, '-map', '0:a', '-f', 'hash', '-']).toString();

describe('the conversion to a plain file', function () {
  this.timeout(30_000);
  const rigs: Rig[] = [];

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
  ): Promise<{ info: ClipInfo; rig: Rig }> {
    const rig = new Rig({ plain }, changes);
    rigs.push(rig);
    const video = videoUnits(source({ seconds: 8, bFrames: 2 }));
    rig.recorder.arm();
    const rest = rig.feed(sound === undefined ? video : interleave(video, audioUnits(sound, 8)), 13_500);
    rig.recorder.alarm({ reason: 'door' });
    rig.feed(rest);
    rig.to(20_000);
    return { info: await rig.clip(), rig };
  }

  for (const sound of [undefined, 'aac', 'pcma'] as const) {
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
      const { file: _a, bytes: _b, ...one } = plain;
      const { file: _c, bytes: _d, ...other } = fragmented;
      assert.deepEqual(one, other);
      assert.deepEqual(fs.readdirSync(path.dirname(plain.file)), [path.basename(plain.file)]);
    });
  }

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
