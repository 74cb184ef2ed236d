import assert from 'node:assert/strict';
import { circles } from './circles.js';

describe('the circles of imports', () => {
  const found = (imports: Record<string, string[]>): string[][] =>
    circles(new Map(Object.entries(imports))).map((circle) => circle.sort());

  it('finds none in a tree, however often a file is imported', () => {
    assert.deepEqual(found({ a: ['b', 'c'], b: ['d'], c: ['d'], d: [] }), []);
  });

  it('finds two files that import each other, and a longer way round', () => {
    assert.deepEqual(found({ a: ['b'], b: ['a'], c: ['d'], d: ['e'], e: ['c', 'a'] }), [
      ['a', 'b'],
      ['c', 'd', 'e'],
    ]);
  });

  it('finds a file that imports itself', () => {
    assert.deepEqual(found({ a: ['a'] }), [['a']]);
  });

  it('ignores what lies outside the folders', () => {
    assert.deepEqual(found({ a: ['elsewhere'] }), []);
  });
});
