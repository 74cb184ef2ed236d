import assert from 'node:assert/strict';
import { needs } from '../kit/tools.js';
import { lineOf, playMatrix } from './matrix.js';

/** A few short rows of the matrix; `npm run test:faults` runs all. */
const SOME = ['record: RST', 'playback: FIN', 'playback: 5 % loss', 'snapshot: 503 once', 'health: 404 once'];

describe('nodes under faults', function () {
  this.timeout(90_000);

  it('end in nothing that is called finished and is not, and are well again soon', async function () {
    needs(this, 'ffprobe');
    const outcomes = await playMatrix((name) => SOME.includes(name));
    assert.equal(outcomes.length, SOME.length);
    assert.deepEqual(outcomes.filter(({ problems }) => problems.length > 0).map(lineOf), []);
  });
});
