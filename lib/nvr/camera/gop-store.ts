// Keeps the last unit that decoding can begin at (usually a keyframe) and the units after it, within bounds
// of memory and of units.

import { isEntry } from '../../codec/entry.js';
import { unitCost } from '../../codec/unit-cost.js';
import type { VideoUnit } from '../../codec/unit.js';
import { LIMITS } from '../../limits.js';
import { UNCOUNTED, type UnitMemory, type Yielding } from '../../media/unit-memory.js';

export class GopStore implements Yielding {
  units: readonly VideoUnit[] = [];
  /** Bytes of memory that the units take. */
  bytes = 0;
  private list: VideoUnit[] = [];
  private full = false;

  constructor(
    private readonly memory: UnitMemory = UNCOUNTED,
    private readonly maxBytes: number = LIMITS.gopBytes,
  ) {}

  /** A keyframe starts a new GOP. Above the bounds only the keyframe is kept. */
  add(unit: VideoUnit): void {
    if (isEntry(unit)) {
      this.clear();
      this.memory.add(this);
      this.take(unit);
    } else if (this.list.length > 0 && !this.full) {
      const fits = this.bytes + unitCost(unit) <= this.maxBytes && this.list.length < LIMITS.gopUnits;
      if (!fits || !this.take(unit)) this.shrink();
    }
  }

  /** True if no unit since the keyframe is missing. */
  get isWhole(): boolean {
    return this.list.length > 0 && !this.full;
  }

  /** Gives up everything but the keyframe, to free memory. */
  yield(): boolean {
    if (this.list.length < 2) return false;
    this.shrink();
    return true;
  }

  clear(): void {
    for (const unit of this.list) this.memory.release(unit);
    this.memory.remove(this);
    this.units = this.list = [];
    this.bytes = 0;
    this.full = false;
  }

  private shrink(): void {
    const [keyframe, ...rest] = this.list;
    for (const unit of rest) this.memory.release(unit);
    // The list may have been handed out, so it is replaced: a list that was handed out may grow, but never
    // shrinks.
    this.units = this.list = [keyframe!];
    this.bytes = unitCost(keyframe!);
    this.full = true;
  }

  private take(unit: VideoUnit): boolean {
    if (!this.memory.hold(unit)) return false;
    // Holding the unit may have made this very store yield, to make room.
    if (this.full) {
      this.memory.release(unit);
      return false;
    }
    this.list.push(unit);
    this.units = this.list;
    this.bytes += unitCost(unit);
    return true;
  }
}
