import assert from 'node:assert/strict';
import { DamagedSpans } from '../../lib/media/damaged-spans.js';

describe('where a clip cannot be trusted', () => {
  it('is from each damaged picture to the next whole one, and to the end', () => {
    const spans = new DamagedSpans();
    [false, true, true, false, false, true].forEach((damaged, index) => {
      spans.add(index * 40, !damaged);
    });
    assert.deepEqual(spans.until(240), [
      { start: 40, end: 120 },
      { start: 200, end: 240 },
    ]);
  });

  it('is listed in a bounded number of spans, of which the last one covers the rest', () => {
    const spans = new DamagedSpans();
    for (let index = 0; index < 5000; index++) spans.add(index * 40, index % 2 === 0);
    const told = spans.until(200_000);
    assert.ok(told.length <= 1001);
    assert.deepEqual(told[0], { start: 40, end: 80 });
    assert.equal(told.at(-1)!.end, 200_000);
  });
});
