import assert from 'node:assert/strict';
import { needs } from '../../support/tools.js';
import { killOnce } from './killing.js';

describe('a recording that is killed', function () {
  before(function () {
    needs(this, 'ffmpeg', 'ffprobe');
  });

  it('leaves parts that play up to their last fragment, and the next start finishes them: 8 random moments', async function () {
    this.timeout(90_000);
    let frames = 0;
    let parts = 0;
    for (let run = 0; run < 8; run++) {
      const left = await killOnce((run + Math.random()) * 20);
      frames += left.frames;
      parts += left.parts;
    }
    assert.ok(parts >= 6, `${parts} parts`);
    assert.ok(frames > 100, `${frames} frames were saved`);
  });
});
