import assert from 'node:assert/strict';
import { unitCost } from '../../../lib/codec/unit-cost.js';
import type { VideoUnit } from '../../../lib/codec/unit.js';
import { UNCOUNTED } from '../../../lib/media/unit-memory.js';
import { ClipQueue } from '../../../lib/nvr/recorder/clip-queue.js';
import { clipUnits } from '../../kit/picture-units.js';

const UNITS = clipUnits('h264', 300);
const GOP = UNITS.findIndex(({ keyframe }, index) => index > 0 && keyframe);

describe('the pictures of a recording that wait for the disk', () => {
  const sum = (units: readonly VideoUnit[]): number => units.reduce((all, unit) => all + unitCost(unit), 0);

  it('count until they are written, however many go through', () => {
    const queue = new ClipQueue(UNCOUNTED);
    const seen: unknown[] = [];
    for (let index = 0; index < 1000; index++) {
      queue.push(UNITS[index % 300]!);
      if (index < 300) continue;
      const unit = queue.take()!;
      seen.push(unit);
      queue.letGo(unit);
    }
    assert.deepEqual(seen, [...UNITS, ...UNITS, ...UNITS].slice(0, 700));
    assert.equal(queue.bytes, sum(UNITS));
    assert.equal(queue.first, UNITS[100]);
    const taken = queue.take()!;
    assert.equal(queue.bytes, sum(UNITS), 'one that is being written counts');
    queue.clear();
    assert.deepEqual(
      { bytes: queue.bytes, first: queue.first, take: queue.take() },
      { bytes: unitCost(taken), first: undefined, take: undefined },
    );
    queue.letGo(taken);
    assert.equal(queue.bytes, 0);
    queue.push(UNITS[7]!);
    assert.equal(queue.take(), UNITS[7]);
  });

  it('are refused where there is no memory, and do not count then', () => {
    const queue = new ClipQueue({ ...UNCOUNTED, hold: () => false });
    assert.deepEqual(
      { push: queue.push(UNITS[0]!), bytes: queue.bytes, first: queue.first },
      { push: false, bytes: 0, first: undefined },
    );
  });

  it('give up their first GOP, where the next one begins in time, behind those that were taken', () => {
    const released: unknown[] = [];
    const queue = new ClipQueue({ ...UNCOUNTED, release: (unit) => void released.push(unit) });
    for (const unit of UNITS.slice(0, 2 * GOP + 1)) queue.push(unit);
    for (let count = 0; count < 2; count++) queue.letGo(queue.take()!);
    released.length = 0;
    const second = UNITS[GOP]!;
    assert.equal(queue.dropGop(second.arrival - 1), undefined);
    assert.deepEqual(released, []);
    assert.equal(queue.dropGop(second.arrival), second.arrival);
    assert.deepEqual(released, UNITS.slice(2, GOP));
    assert.equal(queue.first, second);
    assert.equal(queue.dropGop(Infinity), UNITS[2 * GOP]!.arrival);
    assert.equal(queue.dropGop(Infinity), undefined);
    assert.equal(queue.bytes, unitCost(UNITS[2 * GOP]!));
  });

  it('give up the first GOP that still waits, and none that was taken', () => {
    const queue = new ClipQueue(UNCOUNTED);
    for (const unit of UNITS.slice(0, 3 * GOP)) queue.push(unit);
    for (let count = 0; count < GOP + 2; count++) queue.letGo(queue.take()!);
    assert.equal(queue.dropGop(Infinity), UNITS[2 * GOP]!.arrival);
    assert.equal(queue.bytes, sum(UNITS.slice(2 * GOP, 3 * GOP)));
    assert.equal(queue.take(), UNITS[2 * GOP]);
  });

  it('are forgotten once they were taken, though others always wait', () => {
    const queue = new ClipQueue(UNCOUNTED);
    let most = 0;
    for (let index = 0; index < 3000; index++) {
      queue.push(UNITS[index % 300]!);
      if (index >= 300) queue.letGo(queue.take()!);
      most = Math.max(most, (queue as unknown as { units: unknown[] }).units.length);
    }
    assert.ok(most <= 700, `${most} are held for the 300 that wait`);
  });
});
