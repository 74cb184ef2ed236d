// The memory budget for all media that this process keeps, with an account for each camera.

import os from 'node:os';
import v8 from 'node:v8';
import { unitCost } from '../codec/unit-cost.js';
import type { MediaUnit } from '../codec/unit.js';
import { LIMITS } from '../limits.js';
import type { UnitMemory, Yielding } from '../media/unit-memory.js';

const MIB = 1024 * 1024;
const LEAST_BYTES = 256 * MIB;
/** Bytes of V8's heap, which has a limit of its own, for the objects of one unit. */
const HEAP_BYTES = 600;

export interface BudgetLimits {
  readonly bytes: number;
  /** The most units: their objects are in V8's heap. */
  readonly units?: number;
}

export class MemoryBudget {
  bytes: number;
  used = 0;
  /** The number of units held now. */
  units = 0;
  readonly maxUnits: number;
  readonly stores = new Set<Yielding>();

  constructor(limits: BudgetLimits) {
    this.bytes = limits.bytes;
    this.maxUnits = limits.units ?? Infinity;
  }

  /** Makes an account for the stores of one camera's stream, or of one playback run. */
  camera(bytes: number = LIMITS.cameraBytes): CameraMemory {
    return new CameraMemory(this, bytes);
  }
}

export class CameraMemory implements UnitMemory {
  used = 0;
  isOwnBound = false;
  /** The number of stores that hold each unit. */
  private readonly holders = new Map<MediaUnit, number>();
  private readonly stores = new Set<Yielding>();

  constructor(
    private readonly budget: MemoryBudget,
    private readonly bytes: number,
  ) {}

  hold(unit: MediaUnit): boolean {
    const holders = this.holders.get(unit);
    if (holders === undefined && !this.charge(unitCost(unit))) return false;
    this.holders.set(unit, (holders ?? 0) + 1);
    return true;
  }

  release(unit: MediaUnit): void {
    const holders = this.holders.get(unit);
    if (holders === undefined) return;
    if (holders > 1) {
      this.holders.set(unit, holders - 1);
      return;
    }
    this.holders.delete(unit);
    const cost = unitCost(unit);
    this.used -= cost;
    this.budget.used -= cost;
    this.budget.units--;
  }

  add(store: Yielding): void {
    this.stores.add(store);
    this.budget.stores.add(store);
  }

  remove(store: Yielding): void {
    this.stores.delete(store);
    this.budget.stores.delete(store);
  }

  /** Releases everything that is held. */
  close(): void {
    this.budget.used -= this.used;
    this.budget.units -= this.holders.size;
    this.used = 0;
    this.holders.clear();
    for (const store of this.stores) this.remove(store);
  }

  private charge(cost: number): boolean {
    const { budget } = this;
    this.isOwnBound = true;
    while (this.used + cost > this.bytes || this.holders.size >= LIMITS.cameraUnits)
      if (!yieldOne(this.stores)) return false;
    this.isOwnBound = false;
    while (budget.used + cost > budget.bytes || budget.units >= budget.maxUnits)
      if (!yieldOne(budget.stores)) return false;
    this.used += cost;
    budget.used += cost;
    budget.units++;
    return true;
  }
}

/**
 * Makes one store give up memory. Stores that keep units for later yield first, the largest one before the
 * others: a camera that sends much must not take the memory of those that send little. Then the recording
 * that began last yields.
 */
function yieldOne(stores: ReadonlySet<Yielding>): boolean {
  let largest: Yielding | undefined;
  for (const store of stores)
    if (store.order === undefined && store.bytes > (largest?.bytes ?? 0)) largest = store;
  if (largest?.yield() === true) return true;
  // The set is in order of insertion, so the recording that began last is the last one.
  for (const store of [...stores].reverse()) if (store.yield()) return true;
  return false;
}

/** A quarter of the memory that the process may use, considering a container's limit; at least 256 MiB. */
export function usualBytes(totalBytes: number, constrainedBytes: number | undefined): number {
  // Without a limit the system returns 0, or more than the machine's memory.
  const limited = constrainedBytes !== undefined && constrainedBytes > 0;
  const usable = limited ? Math.min(totalBytes, constrainedBytes) : totalBytes;
  return Math.max(LEAST_BYTES, Math.floor(usable / 4));
}

let shared: MemoryBudget | undefined;

/** The budget of this process, made when first used. */
export function processMemory(): MemoryBudget {
  return (shared ??= new MemoryBudget({
    bytes: usualBytes(os.totalmem(), process.constrainedMemory()),
    units: Math.floor(v8.getHeapStatistics().heap_size_limit / 4 / HEAP_BYTES),
  }));
}
