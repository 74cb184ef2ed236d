import assert from 'node:assert/strict';
import fc from 'fast-check';

import { unitCost } from '../../lib/codec/unit-cost.js';
import type { VideoUnit } from '../../lib/codec/unit.js';
import { LIMITS } from '../../lib/limits.js';
import { GopRing } from '../../lib/media/gop-ring.js';
import { GopStore } from '../../lib/nvr/camera/gop-store.js';
import { MemoryBudget, usualBytes } from '../../lib/nvr/memory-budget.js';
import { videoUnit } from '../kit/fake-hub.js';

const MIB = 1024 * 1024;
const unit = (bytes = 10, keyframe = false, arrival = 0): VideoUnit => ({
  ...videoUnit({ data: Buffer.alloc(bytes), keyframe }),
  arrival,
});
const COST = unitCost(unit());

describe('the memory budget', () => {
  it('counts a unit once, however many stores of a camera hold it', () => {
    const budget = new MemoryBudget({ bytes: 10 * COST });
    const memory = budget.camera();
    const one = unit();
    assert.ok(memory.hold(one) && memory.hold(one) && memory.hold(one));
    assert.equal(budget.used, COST);
    memory.release(one);
    memory.release(one);
    assert.equal(budget.used, COST);
    memory.release(one);
    memory.release(one);
    assert.equal(budget.used, 0);
    assert.equal(budget.units, 0);
  });

  it('counts the memory that a unit owns, unused parts included, and not that which it shares', () => {
    const own = Buffer.allocUnsafeSlow(100_000);
    const cost = (data: Buffer): number => unitCost({ data }) - unitCost({ data: Buffer.alloc(0) });
    assert.equal(cost(own.subarray(0, 75_000)), 100_000);
    assert.equal(cost(own.subarray(0, 40_000)), 40_000);
    assert.equal(cost(own.subarray(0, 6)), 6);
  });

  it('has no room beyond the process’s bytes, and some again when others let go', () => {
    const budget = new MemoryBudget({ bytes: 3 * COST });
    const [first, second] = [budget.camera(), budget.camera()];
    const held = unit();
    assert.ok(first.hold(held) && first.hold(unit()) && second.hold(unit()));
    assert.equal(second.hold(unit()), false);
    assert.equal(budget.used, 3 * COST);
    first.release(held);
    assert.ok(second.hold(unit()));
  });

  it('holds a camera to its own bytes and units while the process has more', () => {
    const budget = new MemoryBudget({ bytes: Infinity });
    const narrow = budget.camera(2 * COST);
    assert.ok(narrow.hold(unit()) && narrow.hold(unit()));
    assert.equal(narrow.hold(unit()), false);
    assert.ok(budget.camera().hold(unit()));
    const many = budget.camera(Infinity);
    for (let i = 0; i < LIMITS.cameraUnits; i++) many.hold(unit(0));
    assert.equal(many.hold(unit(0)), false);
  });

  it('bounds the units of all cameras, since their objects lie in a heap of its own size', () => {
    const budget = new MemoryBudget({ bytes: Infinity, units: 3 });
    for (let i = 0; i < 3; i++) assert.ok(budget.camera().hold(unit()));
    assert.equal(budget.camera().hold(unit()), false);
  });

  it('bounds no units of all cameras where it was given no bound for them', () => {
    const budget = new MemoryBudget({ bytes: Infinity });
    const units = Array.from({ length: 1_024 }, () => unit(0));
    for (let held = 0; held <= LIMITS.cameraUnits; held += units.length) {
      const memory = budget.camera();
      for (const one of units) assert.ok(memory.hold(one));
    }
    assert.ok(budget.units > LIMITS.cameraUnits);
  });

  it('takes from a camera’s own stores alone where the bound is the camera’s own', () => {
    const budget = new MemoryBudget({ bytes: 100 * COST });
    const rings = [budget.camera(4 * COST), budget.camera()].map(
      (memory) => new GopRing({ seconds: 120, memory }),
    );
    const [narrow, other] = rings as [GopRing, GopRing];
    for (let i = 0; i < 20; i++) other.push(unit(10, i % 5 === 0, i));
    for (let i = 0; i < 50; i++) narrow.push(unit(10, true, i));
    assert.deepEqual({ narrow: narrow.bytes, other: other.bytes }, { narrow: 4 * COST, other: 20 * COST });
    const full = budget.camera(COST);
    assert.ok(full.hold(unit()));
    assert.equal(full.hold(unit()), false);
    assert.deepEqual({ narrow: narrow.bytes, other: other.bytes }, { narrow: 4 * COST, other: 20 * COST });
  });

  it('takes from the largest store: a camera that sends much does not empty those that send little', () => {
    const budget = new MemoryBudget({ bytes: 100 * COST });
    const ringOf = (): GopRing => new GopRing({ seconds: 120, memory: budget.camera() });
    const [modest, greedy] = [ringOf(), ringOf()];
    for (let i = 0; i < 20; i++) modest.push(unit(10, i % 5 === 0, i));
    for (let i = 0; i < 1000; i++) greedy.push(unit(10, i % 5 === 0, i));
    assert.equal(modest.bytes, 20 * COST);
    assert.ok(greedy.bytes >= 70 * COST && greedy.bytes <= 80 * COST);
  });

  it('takes from the recording that began last where nothing else is left', () => {
    const budget = new MemoryBudget({ bytes: 3 * COST });
    const memory = budget.camera();
    const gaveUp: number[] = [];
    for (const order of [1, 2, 3]) {
      const held = unit();
      memory.hold(held);
      memory.add({
        ...{ bytes: COST, order },
        yield: () => {
          gaveUp.push(order);
          memory.release(held);
          return true;
        },
      });
    }
    assert.ok(memory.hold(unit()));
    assert.deepEqual(gaveUp, [3]);
  });

  it('says whose bound it was that refused a unit, the last time', () => {
    const budget = new MemoryBudget({ bytes: 3 * COST });
    const [narrow, other] = [budget.camera(2 * COST), budget.camera()];
    assert.ok(narrow.hold(unit()) && narrow.hold(unit()));
    assert.equal(narrow.isOwnBound, false);
    assert.deepEqual(
      { hold: narrow.hold(unit()), isOwnBound: narrow.isOwnBound },
      { hold: false, isOwnBound: true },
    );
    assert.ok(other.hold(unit()));
    assert.deepEqual(
      { hold: other.hold(unit()), isOwnBound: other.isOwnBound },
      { hold: false, isOwnBound: false },
    );
    narrow.close();
    assert.ok(narrow.hold(unit()));
    assert.equal(narrow.isOwnBound, false);
  });

  it('counts a unit anew that was held when its account was closed', () => {
    const budget = new MemoryBudget({ bytes: 3 * COST });
    const memory = budget.camera();
    const one = unit();
    memory.hold(one);
    memory.close();
    memory.hold(one);
    assert.deepEqual({ used: budget.used, units: budget.units }, { used: COST, units: 1 });
    memory.release(one);
    assert.deepEqual({ used: budget.used, units: budget.units }, { used: 0, units: 0 });
  });

  it('gives everything back at once', () => {
    const budget = new MemoryBudget({ bytes: 10 * COST });
    const memory = budget.camera();
    const store = new GopStore(memory);
    store.add(unit(10, true));
    memory.hold(unit());
    memory.close();
    assert.deepEqual(
      {
        budgetUsed: budget.used,
        budgetUnits: budget.units,
        memoryUsed: memory.used,
        budgetStores: budget.stores.size,
      },
      { budgetUsed: 0, budgetUnits: 0, memoryUsed: 0, budgetStores: 0 },
    );
  });

  it('never counts past its bounds, and ends at nothing, whatever stores do', () => {
    const step = fc.record({
      camera: fc.nat(2),
      store: fc.constantFrom('gop', 'ring', 'queue', 'drain', 'clear'),
      keyframe: fc.boolean(),
      bytes: fc.nat(2000),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const budget = new MemoryBudget({ bytes: 20_000, units: 25 });
        const cameras = Array.from({ length: 3 }, () => {
          const memory = budget.camera(9_000);
          const ring = new GopRing({ seconds: 1, memory });
          return { memory, ring, gop: new GopStore(memory), queue: [] as VideoUnit[] };
        });
        steps.forEach(({ camera, store, keyframe, bytes }, index) => {
          const { memory, ring, gop, queue } = cameras[camera]!;
          const one = unit(bytes, keyframe, index * 100);
          if (store === 'gop') gop.add(one);
          if (store === 'ring') ring.push(one);
          if (store === 'gop') ring.push(one);
          if (store === 'queue' && memory.hold(one)) queue.push(one);
          if (store === 'drain') for (const old of queue.splice(0)) memory.release(old);
          if (store === 'clear') ring.clear();
          assert.ok(budget.used <= 20_000 && budget.units <= 25 && memory.used <= 9_000);
          assert.equal(
            budget.used,
            cameras.reduce((sum, { memory: { used } }) => sum + used, 0),
          );
        });
        for (const { memory, ring, gop, queue } of cameras) {
          gop.clear();
          ring.clear();
          for (const old of queue) memory.release(old);
        }
        assert.deepEqual(
          { used: budget.used, units: budget.units, stores: budget.stores.size },
          { used: 0, units: 0, stores: 0 },
        );
      }),
    );
  });

  it('is a quarter of what the process may use, a container’s limit counted, and 256 MiB at least', () => {
    assert.equal(usualBytes(16_384 * MIB, undefined), 4096 * MIB);
    assert.equal(usualBytes(16_384 * MIB, 0), 4096 * MIB);
    assert.equal(usualBytes(16_384 * MIB, 2 ** 63), 4096 * MIB);
    assert.equal(usualBytes(16_384 * MIB, 2048 * MIB), 512 * MIB);
    assert.equal(usualBytes(512 * MIB, undefined), 256 * MIB);
  });
});
