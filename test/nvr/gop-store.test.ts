import assert from 'node:assert/strict';
import type { VideoUnit } from '../../lib/codec/unit.js';
import { GopStore } from '../../lib/nvr/gop-store.js';

const unit = (keyframe: boolean, bytes: number): VideoUnit =>
  ({ keyframe, data: Buffer.alloc(bytes) }) as VideoUnit;

describe('GopStore', () => {
  it('keeps the last keyframe and what followed it, and nothing before the first', () => {
    const store = new GopStore(100);
    store.add(unit(false, 1));
    assert.equal(store.units.length, 0);
    const key = unit(true, 10);
    store.add(key);
    store.add(unit(false, 10));
    assert.deepEqual(
      store.units.map(({ keyframe }) => keyframe),
      [true, false],
    );
    store.add(unit(true, 10));
    assert.equal(store.units.length, 1);
    assert.notEqual(store.units[0], key);
    store.clear();
    assert.equal(store.units.length, 0);
  });

  it('keeps the keyframe alone above its bound, until the next one', () => {
    const store = new GopStore(100);
    store.add(unit(true, 60));
    store.add(unit(false, 30));
    store.add(unit(false, 30));
    assert.equal(store.units.length, 1);
    store.add(unit(false, 1));
    assert.equal(store.units.length, 1);
    store.add(unit(true, 60));
    store.add(unit(false, 30));
    assert.equal(store.units.length, 2);
  });

  it('does not change a list that it has handed out', () => {
    const store = new GopStore(100);
    store.add(unit(true, 10));
    const before = store.units;
    store.add(unit(true, 10));
    assert.equal(before.length, 1);
    assert.notEqual(before, store.units);
  });
});
