import assert from 'node:assert/strict';
import { lineOf, playMatrix } from '../faults/matrix.js';
import { playProcessRows, processLineOf } from '../faults/process-rows.js';

describe('every node under every fault', function () {
  this.timeout(300_000);

  it('ends in nothing that is called finished and is not, and is well again soon', async () => {
    const outcomes = await playMatrix(
      () => true,
      (outcome) => {
        console.log(lineOf(outcome));
      },
    );
    assert.deepEqual(outcomes.filter(({ problems }) => problems.length > 0).map(lineOf), []);
  });

  it('tells of an alarm once, and fetches what is missing, when Node-RED is ended, killed or deployed to', async () => {
    const outcomes = await playProcessRows(
      () => true,
      (outcome) => {
        console.log(processLineOf(outcome));
      },
    );
    assert.deepEqual(outcomes.filter(({ problems }) => problems.length > 0).map(processLineOf), []);
  });
});
