// One budget of memory for all that this process keeps of its cameras' media, with an account for each
// camera.

import os from 'node:os';
import v8 from 'node:v8';
import { unitCost } from '../codec/unit-cost.js';
import type { MediaUnit } from '../codec/unit.js';
import { LIMITS } from '../limits.js';
import type { UnitMemory, Yielding } from '../media/unit-memory.js';

const MIB = 1024 * 1024;
const LEAST_BYTES = 256 * MIB;
/** What the objects around one unit take of V8's own heap, which is bounded apart. */
const HEAP_BYTES = 600;

export interface BudgetLimits {
  readonly bytes: number;
  /** Units that may be kept: their objects lie in V8's heap. */
  readonly units?: number;
}

export class MemoryBudget {
  bytes: number;
  used = 0;
  /** Units counted now. */
  units = 0;
  readonly maxUnits: number;
  readonly stores = new Set<Yielding>();

  constructor(limits: BudgetLimits) {
    this.bytes = limits.bytes;
    this.maxUnits = limits.units ?? Infinity;
  }

  /** An account for the stores of one camera's stream, or of one playback run. */
  camera(bytes: number = LIMITS.cameraBytes): CameraMemory {
    return new CameraMemory(this, bytes);
  }
}

export class CameraMemory implements UnitMemory {
  used = 0;
  isOwnBound = false;
  /** How many stores hold each unit. */
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

  /** Gives back all that is held. */
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
 * Of what is kept for later, the largest store yields first: a camera that sends much is not fed by those
 * that send little. Then the recording that began last.
 */
function yieldOne(stores: ReadonlySet<Yielding>): boolean {
  let largest: Yielding | undefined;
  for (const store of stores)
    if (store.order === undefined && store.bytes > (largest?.bytes ?? 0)) largest = store;
  if (largest?.yield() === true) return true;
  // Recordings come in as they begin.
  for (const store of [...stores].reverse()) if (store.yield()) return true;
  return false;
}

/** A quarter of what the process may use, a container's limit counted, and never less than 256 MiB. */
export function usualBytes(totalBytes: number, constrainedBytes: number | undefined): number {
  // Without a limit the system answers 0, or more than there is.
  const limited = constrainedBytes !== undefined && constrainedBytes > 0;
  const usable = limited ? Math.min(totalBytes, constrainedBytes) : totalBytes;
  return Math.max(LEAST_BYTES, Math.floor(usable / 4));
}

let shared: MemoryBudget | undefined;

/** The budget of this process, made at the first use. */
export function processMemory(): MemoryBudget {
  return (shared ??= new MemoryBudget({
    bytes: usualBytes(os.totalmem(), process.constrainedMemory()),
    units: Math.floor(v8.getHeapStatistics().heap_size_limit / 4 / HEAP_BYTES),
  }));
}
