import assert from 'node:assert/strict';
import { lineOf, playMatrix } from '../faults/matrix.js';

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
});
