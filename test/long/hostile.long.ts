import assert from 'node:assert/strict';
import { ATTACKS, FURTHER } from '../hostile/attacks.js';
import { runAttack } from '../hostile/stage.js';

describe('a real Node-RED under attack, 20 s each', function () {
  this.timeout(120_000);
  for (const attack of [...ATTACKS, ...FURTHER]) {
    it(attack.name, async () => {
      assert.deepEqual((await runAttack(attack, 20)).problems, []);
    });
  }
});
