import assert from 'node:assert/strict';

import { decodeMutated, mutationClips } from '../media/h264-intra-clips.js';
import { needs } from '../kit/tools.js';

const COUNT = 100_000;
const SHARE = 5000;

describe('H.264 keyframes, mutated 100,000 times', function () {
  this.timeout(3_600_000);

  it('gives a typed error or a picture for each, within its time', function () {
    needs(this, 'ffmpeg');
    const keyframes = mutationClips();
    let slowest = 0;
    let decoded = 0;
    for (let seed = 0; seed < COUNT / SHARE; seed += 1) {
      const result = decodeMutated(keyframes, SHARE, seed);
      slowest = Math.max(slowest, result.slowestMs);
      decoded += result.decoded;
    }
    console.log(`      ${decoded} of ${COUNT} gave a picture, the slowest took ${slowest.toFixed(0)} ms`);
    assert.ok(decoded > 0);
  });
});
