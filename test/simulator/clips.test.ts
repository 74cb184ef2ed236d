import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { joinAnnexB } from '../../lib/codec/annexb.js';
import { audioClip, channelClip, recordingClip } from '../../lib/simulator/clips.js';
import { LiveSource, liveStart } from '../../lib/simulator/source.js';
import { needs } from '../kit/tools.js';

const FOLDER = path.join(__dirname, '../../lib/simulator/clips');

describe('the simulator’s clips', () => {
  it('take at most 3 MB in all, and stand beside the commands that make them', () => {
    const names = fs.readdirSync(FOLDER);
    const bytes = names.reduce((sum, name) => sum + fs.statSync(path.join(FOLDER, name)).size, 0);
    assert.ok(bytes <= 3e6, String(bytes));
    const commands = fs.readFileSync(path.join(FOLDER, 'make-clips.sh'), 'utf8');
    assert.match(commands, /drawtext/);
    assert.equal(names.length, 17);
  });

  it('are of four channels; channels above share them', () => {
    const firsts = [1, 2, 3, 4].map((channel) =>
      joinAnnexB(channelClip(channel, 'main', 'h264').units[0]!.parts),
    );
    assert.equal(new Set(firsts.map((first) => first.toString('base64'))).size, 4);
    assert.equal(channelClip(5, 'main', 'h264'), channelClip(1, 'main', 'h264'));
  });

  it('begin with a keyframe and its parameter sets, and have one at least every 2 s', () => {
    for (const [clip, sets] of [
      [channelClip(1, 'main', 'h264'), 2],
      [channelClip(1, 'dual', 'h264'), 2],
      [channelClip(1, 'main', 'h265'), 3],
      [channelClip(1, 'dual', 'h265'), 3],
      [recordingClip(), 2],
    ] as const) {
      const keyframes = clip.units.flatMap(({ keyframe }, index) => (keyframe ? [index] : []));
      assert.equal(keyframes[0], 0);
      for (const [turn, index] of [...keyframes, clip.units.length].slice(1).entries())
        assert.ok((index - keyframes[turn]!) / clip.rate <= 2);
      for (const index of keyframes) assert.ok(clip.units[index]!.parts.length > sets);
      assert.equal((clip.units.length / clip.rate) % 1, 0, 'whole seconds');
    }
  });

  it('start audio where the video starts: the beep begins with the second', () => {
    const video = channelClip(1, 'main', 'h264');
    for (const now of [0, 1_763_900_000_123, 1_763_900_001_999, 1_763_900_017_000]) {
      const start = liveStart(video, now);
      assert.ok(now - start >= 0 && now - start < 2000 && start % 2000 === 0);
      for (const kind of ['aac', 'pcmu'] as const) {
        const clip = audioClip(kind);
        const unitMs = 1000 / clip.rate;
        const { parts, mediaMs } = new LiveSource(clip, start).next();
        assert.ok(mediaMs >= 0 && mediaMs < unitMs);
        const inClip = clip.units.findIndex((unit) => unit.parts === parts) * unitMs;
        assert.equal(inClip, (start + mediaMs) % (clip.units.length * unitMs));
      }
    }
  });

  for (const [file, ...input] of [
    ['beep.aac'],
    ['beep.pcmu', '-f', 'mulaw', '-ar', '8000'],
    ['beep.pcma', '-f', 'alaw', '-ar', '8000'],
  ] as const) {
    it(`beep at the start of every second in ${file}`, function () {
      needs(this, 'ffmpeg');
      // Twice, since the very first frame of AAC has nothing before it.
      const loop = [...input, '-i', `concat:${path.join(FOLDER, file)}|${path.join(FOLDER, file)}`];
      const pcm = execFileSync('ffmpeg', ['-v', 'error', ...loop, '-ar', '16000', '-f', 's16le', '-'], {
        maxBuffer: 1 << 24,
      });
      const starts: number[] = [];
      let silentFor = 16_000;
      for (let at = 0; at < pcm.length; at += 2) {
        const isLoud = Math.abs(pcm.readInt16LE(at)) > 3000;
        if (isLoud && silentFor > 4000) starts.push(at / 32);
        silentFor = isLoud ? 0 : silentFor + 1;
      }
      assert.equal(starts.length, pcm.length / 32_000);
      for (const [second, ms] of starts.entries())
        if (second > 0) assert.ok(Math.abs(ms - second * 1000) < 5, `${ms} ms`);
    });
  }
});
