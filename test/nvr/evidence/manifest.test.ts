import assert from 'node:assert/strict';
import { missingOf } from '../../../lib/nvr/evidence/manifest.js';

describe('what a manifest tells to be missing', () => {
  const asked = { from: 10_000, to: 60_000 };
  const missing = (...files: (readonly [number, number])[]): number[][] =>
    missingOf(
      asked,
      files.map(([start, end]) => ({ start, end })),
      1000,
    ).map(({ from, to }) => [from, to]);

  it('is what is before, between and behind the files, in whatever order they are', () => {
    assert.deepEqual(missing([40_000, 50_000], [20_000, 30_000]), [
      [10_000, 20_000],
      [30_000, 40_000],
      [50_000, 60_000],
    ]);
  });

  it('is no gap of a second or less', () => {
    assert.deepEqual(missing([11_000, 30_000], [31_000, 59_000]), []);
    assert.deepEqual(missing([11_001, 30_000], [31_001, 58_999]).length, 3);
  });

  it('is nothing that a longer file holds', () => {
    assert.deepEqual(missing([10_000, 60_000], [20_000, 30_000]), []);
  });

  it('is all of it where no file is', () => {
    assert.deepEqual(missing(), [[10_000, 60_000]]);
  });
});
