// The units of a recording that wait for the disk, counted in the memory that all cameras share.

import { isEntry } from '../../codec/entry.js';
import { unitCost } from '../../codec/unit-cost.js';
import type { ClipUnit } from '../../media/gop-ring.js';
import type { UnitMemory } from '../../media/unit-memory.js';
import { timeOf } from './clip-context.js';

/** The array is compacted after this many units were taken. */
const COMPACT_AT = 256;

export class ClipQueue {
  private units: ClipUnit[] = [];
  private front = 0;
  private held = 0;

  constructor(private readonly memory: UnitMemory) {}

  /** Bytes of memory, including units that were taken and not yet released. */
  get bytes(): number {
    return this.held;
  }

  get first(): ClipUnit | undefined {
    return this.units[this.front];
  }

  /** Returns false if there is no memory for the unit. */
  push(unit: ClipUnit): boolean {
    if (!this.memory.hold(unit)) return false;
    this.units.push(unit);
    this.held += unitCost(unit);
    return true;
  }

  /** Takes the first unit, which must be released with `letGo` once it is on the disk. */
  take(): ClipUnit | undefined {
    const unit = this.first;
    if (unit === undefined) return undefined;
    this.front++;
    if (this.front >= COMPACT_AT && this.front * 2 >= this.units.length) {
      this.units = this.units.slice(this.front);
      this.front = 0;
    }
    return unit;
  }

  letGo(unit: ClipUnit): void {
    this.memory.release(unit);
    this.held -= unitCost(unit);
  }

  /** Drops the oldest GOP if the next one begins at `until` or earlier; returns the time of the next one. */
  dropGop(until: number): number | undefined {
    const { units, front } = this;
    for (let next = front + 1; next < units.length; next++) {
      const unit = units[next]!;
      if (timeOf(unit) > until) return undefined;
      if (unit.kind !== 'video' || !isEntry(unit)) continue;
      for (const old of units.slice(front, next)) this.letGo(old);
      this.units = units.slice(next);
      this.front = 0;
      return timeOf(unit);
    }
    return undefined;
  }

  clear(): void {
    for (const unit of this.units.slice(this.front)) this.letGo(unit);
    this.units = [];
    this.front = 0;
  }
}
