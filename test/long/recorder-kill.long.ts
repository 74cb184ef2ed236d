import assert from 'node:assert/strict';
import { killOnce } from '../nvr/recorder/killing.js';

describe('a recording that is killed, at length', () => {
  it('leaves nothing but finished clips behind after the next start: 50 random moments', async function () {
    this.timeout(600_000);
    let parts = 0;
    for (let run = 0; run < 50; run++) parts += (await killOnce(Math.random() * 180)).parts;
    assert.ok(parts >= 40, `${parts} parts`);
  });
});
