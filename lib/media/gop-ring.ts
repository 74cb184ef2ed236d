// Keeps the last seconds for an alarm: whole GOPs with the audio between them, bounded in seconds, memory and
// number of units. Reads no clock: time comes with the units.

import { Recovery } from '../codec/entry.js';
import { unitCost } from '../codec/unit-cost.js';
import type { AudioUnit, VideoUnit } from '../codec/unit.js';
import { LIMITS } from '../limits.js';
import { opensFile } from './decoder-config.js';
import { UNCOUNTED, type UnitMemory, type Yielding } from './unit-memory.js';

export type ClipUnit = AudioUnit | VideoUnit;

interface GopRingOptions {
  /** Seconds kept before the newest unit, 0 to 120; with 0, the current GOP. */
  readonly seconds: number;
  /** Most bytes of memory. */
  readonly maxBytes?: number;
  /** Counts the memory of the kept units. */
  readonly memory?: UnitMemory;
  /** Called once, when memory first allows fewer seconds than requested. */
  readonly onShrink?: (keptMs: number) => void;
}

/** 32 MB: 64 s at 4 Mbit/s. */
const RING_BYTES = 32 * 1024 * 1024;
/** Dropped GOPs at the front of the list before it is compacted. */
const COMPACT_AT = 64;
/** Share of a too large GOP that is dropped at a time. */
const THINNED_PART = 1 / 8;
/** After this much silence, the last picture no longer shows the current scene. */
const BREAK_MS = 2000;

interface Gop {
  readonly begin: number;
  end: number;
  bytes: number;
  readonly units: ClipUnit[];
  /** The GOP was too large: units between its first and the second one here were dropped. */
  isThinned: boolean;
}

export class GopRing implements Yielding {
  private readonly keepMs: number;
  private readonly maxBytes: number;
  private readonly memory: UnitMemory;
  private gops: Gop[] = [];
  private front = 0;
  private total = 0;
  private count = 0;
  private isShrinkReported = false;

  constructor(private readonly options: GopRingOptions) {
    this.keepMs = Math.min(options.seconds, 120) * 1000;
    this.maxBytes = options.maxBytes ?? RING_BYTES;
    this.memory = options.memory ?? UNCOUNTED;
  }

  /** Bytes of memory in use. */
  get bytes(): number {
    return this.total;
  }

  /** ms from the first kept unit to the last. */
  get spanMs(): number {
    const first = this.gops[this.front];
    if (first === undefined) return 0;
    const begin = first.isThinned ? (first.units[1]?.arrival ?? first.end) : first.begin;
    return this.gops.at(-1)!.end - begin;
  }

  /** Takes the next unit in order of arrival. Units before the first entry point are not kept. */
  push(unit: ClipUnit): void {
    if (unit.kind === 'video' && opensFile(unit, this.gops.length === 0))
      this.gops.push({ begin: unit.arrival, end: unit.arrival, bytes: 0, units: [], isThinned: false });
    const gop = this.gops.at(-1);
    if (gop === undefined) return;
    this.memory.add(this);
    while (!this.memory.hold(unit)) {
      if (this.thin()) continue;
      this.giveUp();
      return;
    }
    const cost = unitCost(unit);
    gop.units.push(unit);
    gop.end = unit.arrival;
    gop.bytes += cost;
    this.total += cost;
    this.count++;
    this.dropOld(unit.arrival - this.keepMs);
    this.dropLarge();
  }

  /** Drops the oldest GOP. False, with nothing dropped, if there is only the current one. */
  yield(): boolean {
    if (this.front >= this.gops.length - 1) return false;
    this.dropFirst();
    this.reportShrink();
    return true;
  }

  /**
   * All units from the last entry point at or before `from` (monotonic ms) on; if there is none, from the
   * first one after it.
   */
  since(from: number): ClipUnit[] {
    let at = this.front;
    while (at < this.gops.length && this.isOver(at, from)) at++;
    // A thinned GOP is always the first one: all earlier ones are dropped before any unit of it.
    return this.gops.slice(at).flatMap((gop, i) => (i === 0 ? begunAt(gop) : gop.units));
  }

  clear(): void {
    for (const { units } of this.gops) for (const unit of units) this.memory.release(unit);
    this.memory.remove(this);
    this.gops = [];
    this.front = 0;
    this.total = 0;
    this.count = 0;
  }

  /**
   * Whether a GOP ends before `from`. A GOP is shown until the next one begins, unless the stream broke off.
   */
  private isOver(at: number, from: number): boolean {
    const next = this.gops[at + 1];
    return next !== undefined && Math.min(next.begin, this.gops[at]!.end + BREAK_MS) <= from;
  }

  private dropOld(from: number): void {
    while (this.isOver(this.front, from)) this.dropFirst();
  }

  private dropLarge(): void {
    if (!this.isLarge()) return;
    while (this.isLarge() && this.front < this.gops.length - 1) this.dropFirst();
    while (this.isLarge()) {
      if (this.thin()) continue;
      this.giveUp();
      return;
    }
    this.reportShrink();
  }

  private isLarge(): boolean {
    return this.total > this.maxBytes || this.count > LIMITS.cameraUnits;
  }

  /**
   * Shrinks the current, too large GOP: its first unit and the newest ones are kept, so that a clip has
   * artefacts rather than no pictures. False if nothing else is left.
   */
  private thin(): boolean {
    const gop = this.gops.at(-1);
    if (gop === undefined || gop.units.length < 2) return false;
    // Drop a share at a time, so that each unit is moved a few times at most.
    const given = gop.units.splice(1, Math.ceil(gop.units.length * THINNED_PART));
    for (const unit of given) {
      this.memory.release(unit);
      gop.bytes -= unitCost(unit);
      this.total -= unitCost(unit);
    }
    this.count -= given.length;
    gop.isThinned = true;
    this.reportShrink();
    return true;
  }

  /** Not even the first unit of the current GOP fits: nothing is kept until the next GOP. */
  private giveUp(): void {
    this.clear();
    this.reportShrink();
  }

  private reportShrink(): void {
    if (this.isShrinkReported) return;
    this.isShrinkReported = true;
    this.options.onShrink?.(this.spanMs);
  }

  private dropFirst(): void {
    const { bytes, units } = this.gops[this.front]!;
    for (const unit of units) this.memory.release(unit);
    this.total -= bytes;
    this.count -= units.length;
    this.gops[this.front] = EMPTY;
    this.front++;
    if (this.front < COMPACT_AT || this.front * 2 < this.gops.length) return;
    this.gops = this.gops.slice(this.front);
    this.front = 0;
  }
}

/** Placeholder for a dropped GOP until the list is compacted; holds no memory. */
const EMPTY: Gop = { begin: 0, end: 0, bytes: 0, units: [], isThinned: false };

/**
 * A GOP's units for a reader that begins with it: units whose reference pictures are missing are marked as
 * such.
 */
function begunAt({ units, isThinned }: Gop): ClipUnit[] {
  const first = units[0];
  if (first?.kind !== 'video' || (first.keyframe && !isThinned)) return units;
  const recovery = first.keyframe ? undefined : new Recovery(first.recoveryFrames ?? 0);
  return units.map((unit, i) => {
    if (unit.kind !== 'video') return unit;
    const isPartial = recovery?.take(unit) === true || (isThinned && i > 0);
    return isPartial && unit.reference === undefined ? { ...unit, reference: 'lost' } : unit;
  });
}
