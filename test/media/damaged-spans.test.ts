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

  it('is the whole of a span whose pictures come in any order', () => {
    const spans = new DamagedSpans();
    for (const [ms, isWhole] of [
      [100.4, false],
      [180, false],
      [60.4, false],
      [140, true],
    ] as const)
      spans.add(ms, isWhole);
    assert.deepEqual(spans.until(1000), [{ start: 60, end: 180 }]);
    spans.add(400.6, false);
    assert.deepEqual(spans.until(300), [
      { start: 60, end: 180 },
      { start: 401, end: 401 },
    ]);
    spans.add(380, false);
    assert.deepEqual(spans.until(0).at(-1), { start: 380, end: 401 });
  });

  it('is listed in a bounded number of spans, of which the last one covers the rest', () => {
    const spans = new DamagedSpans();
    for (let index = 0; index < 5000; index++) spans.add(index * 40, index % 2 === 0);
    const told = spans.until(200_000);
    assert.equal(told.length, 500);
    assert.deepEqual(told[0], { start: 40, end: 80 });
    assert.equal(told.at(-1)!.end, 200_000);
  });
});
