import assert from 'node:assert/strict';
import type { VideoUnit } from '../../lib/codec/unit.js';
import { unitCost } from '../../lib/codec/unit-cost.js';
import { LIMITS } from '../../lib/limits.js';
import { UNCOUNTED } from '../../lib/media/unit-memory.js';
import { GopStore } from '../../lib/nvr/camera/gop-store.js';
import { MemoryBudget } from '../../lib/nvr/memory-budget.js';

/** Of one unit, beside its payload. */
const BESIDE = unitCost({ data: Buffer.alloc(0) });

const unit = (keyframe: boolean, bytes: number): VideoUnit =>
  ({ keyframe, data: Buffer.alloc(bytes) }) as VideoUnit;

describe('GopStore', () => {
  it('keeps the last keyframe and what followed it, and nothing before the first', () => {
    const store = new GopStore(UNCOUNTED, 100 + 2 * BESIDE);
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
    const store = new GopStore(UNCOUNTED, 100 + 2 * BESIDE);
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
    const store = new GopStore(UNCOUNTED, 100 + 2 * BESIDE);
    store.add(unit(true, 10));
    const before = store.units;
    store.add(unit(true, 10));
    assert.equal(before.length, 1);
    assert.notEqual(before, store.units);
  });

  it('counts units as they cost: small ones without end fill it, too', () => {
    const store = new GopStore(UNCOUNTED, 1000 * (BESIDE + 6));
    store.add(unit(true, 6));
    for (let i = 0; i < 999; i++) store.add(unit(false, 6));
    assert.equal(store.units.length, 1000);
    store.add(unit(false, 6));
    assert.equal(store.units.length, 1);
  });

  it('holds so many units and no more, however small', () => {
    const store = new GopStore(UNCOUNTED, Infinity);
    store.add(unit(true, 1));
    for (let i = 1; i < LIMITS.gopUnits; i++) store.add(unit(false, 1));
    assert.equal(store.units.length, LIMITS.gopUnits);
    store.add(unit(false, 1));
    assert.equal(store.units.length, 1);
  });

  it('keeps the keyframe alone where the camera’s memory is full, and gives everything back', () => {
    const budget = new MemoryBudget({ bytes: 3 * (BESIDE + 10) });
    const memory = budget.camera();
    const store = new GopStore(memory);
    for (let round = 0; round < 2; round++) {
      store.add(unit(true, 10));
      store.add(unit(false, 10));
      store.add(unit(false, 10));
      assert.equal(store.units.length, 3);
      store.add(unit(false, 10));
      assert.equal(store.units.length, 1);
      assert.equal(budget.used, BESIDE + 10);
      store.add(unit(false, 10));
      assert.equal(store.units.length, 1);
    }
    store.clear();
    assert.equal(budget.used, 0);
    assert.equal(budget.stores.size, 0);
  });

  it('is not whole before its first keyframe, nor above its bound, and is again from the next keyframe on', () => {
    const store = new GopStore(UNCOUNTED, 100 + 2 * BESIDE);
    const whole: boolean[] = [store.isWhole];
    for (const one of [unit(true, 60), unit(false, 40), unit(false, 1), unit(true, 60)]) {
      store.add(one);
      whole.push(store.isWhole);
    }
    store.clear();
    assert.deepEqual([...whole, store.isWhole], [false, true, true, false, true, false]);
  });

  it('counts the bytes that it keeps, and leaves alone what it has handed out, also where it shrinks', () => {
    const store = new GopStore(UNCOUNTED, 100 + 2 * BESIDE);
    store.add(unit(true, 60));
    store.add(unit(false, 40));
    assert.equal(store.bytes, 100 + 2 * BESIDE);
    const before = store.units;
    store.add(unit(false, 0));
    assert.deepEqual(
      { before: before.length, units: store.units.length, bytes: store.bytes },
      { before: 2, units: 1, bytes: 60 + BESIDE },
    );
    store.clear();
    assert.equal(store.bytes, 0);
  });

  it('begins at a recovery point too, and at no damaged keyframe', () => {
    const store = new GopStore(UNCOUNTED);
    store.add({ ...unit(true, 1), damaged: true });
    assert.equal(store.units.length, 0);
    const point = { ...unit(false, 1), recoveryFrames: 3 } as VideoUnit;
    store.add(point);
    store.add(unit(false, 1));
    assert.deepEqual(
      { firstUnit: store.units[0], units: store.units.length },
      { firstUnit: point, units: 2 },
    );
  });

  it('gives up what follows its keyframe for another camera, once, and nothing where there is nothing', () => {
    const budget = new MemoryBudget({ bytes: 4 * BESIDE });
    const [store, other] = [new GopStore(budget.camera()), budget.camera()];
    store.add(unit(true, 0));
    assert.equal(store.yield(), false);
    for (let i = 0; i < 3; i++) store.add(unit(false, 0));
    assert.ok(other.hold(unit(false, 0)));
    assert.deepEqual(
      { unitsUnits: store.units.length, budgetUnits: budget.units },
      { unitsUnits: 1, budgetUnits: 2 },
    );
    assert.equal(store.yield(), false);
  });

  it('takes nothing from others once it is full, nor keeps what its memory refuses', () => {
    const budget = new MemoryBudget({ bytes: 5 * BESIDE });
    const [full, other] = [new GopStore(budget.camera(), BESIDE), new GopStore(budget.camera())];
    full.add(unit(true, 0));
    full.add(unit(false, 0));
    other.add(unit(true, 0));
    for (let i = 0; i < 3; i++) other.add(unit(false, 0));
    full.add(unit(false, 0));
    assert.deepEqual(
      { fullUnits: full.units.length, otherUnits: other.units.length },
      { fullUnits: 1, otherUnits: 4 },
    );
    let hasRoom = true;
    const store = new GopStore({ ...UNCOUNTED, hold: () => hasRoom });
    store.add(unit(true, 0));
    store.add(unit(false, 0));
    hasRoom = false;
    store.add(unit(false, 0));
    hasRoom = true;
    store.add(unit(false, 0));
    assert.deepEqual({ units: store.units.length, isWhole: store.isWhole }, { units: 1, isWhole: false });
  });
});
