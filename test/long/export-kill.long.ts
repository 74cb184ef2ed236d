import assert from 'node:assert/strict';
import { killEvidence, killPlayback } from '../nvr/export/killed-exports.js';

describe('100 exports that are killed at random moments', function () {
  this.timeout(900_000);

  it('lose no picture of their span, and leave nothing that does not play: 70 of an NVR’s recording', async () => {
    let several = 0;
    for (let run = 0; run < 70; run++)
      if ((await killPlayback(run % 2 === 0, Math.random() * 600)) > 1) several++;
    assert.ok(several >= 10, `${several} were cut in the midst`);
  });

  it('are whole where they have their name, and gone where they have not: 30 with their proof', async () => {
    let whole = 0;
    for (let run = 0; run < 30; run++) whole += await killEvidence(Math.random() * 300);
    assert.ok(whole >= 30, `${whole} exports`);
  });
});
