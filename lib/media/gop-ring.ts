// The seconds before an alarm: whole GOPs, audio between them, within bounds of seconds, of memory and of
// units. No clock: time comes with the units.

import { Recovery } from '../codec/entry.js';
import { unitCost } from '../codec/unit-cost.js';
import type { AudioUnit, VideoUnit } from '../codec/unit.js';
import { LIMITS } from '../limits.js';
import { opensFile } from './decoder-config.js';
import { UNCOUNTED, type UnitMemory, type Yielding } from './unit-memory.js';

export type ClipUnit = AudioUnit | VideoUnit;

export interface GopRingOptions {
  /** Seconds kept in front of the newest unit, 0 to 120; with 0 the GOP at hand is kept. */
  readonly seconds: number;
  /** Bytes of memory kept at most. */
  readonly maxBytes?: number;
  /** Where what is kept is counted. */
  readonly memory?: UnitMemory;
  /** Told once, when memory first allows fewer seconds than were asked for. */
  readonly onShrink?: (keptMs: number) => void;
}

/** 32 MB: 64 s of 4 Mbit/s. */
export const RING_BYTES = 32 * 1024 * 1024;
/** GOPs given up at the front before the list is moved up. */
const COMPACT_AT = 64;
/** Of a GOP that is too large, what is given up at a time. */
const THINNED_PART = 1 / 8;
/** Silence after which a picture no longer shows what is. */
const BREAK_MS = 2000;

interface Gop {
  readonly begin: number;
  end: number;
  bytes: number;
  readonly units: ClipUnit[];
  /** It outgrew the ring: what stood between its first unit and the next here was given up. */
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
  private told = false;
  /** There was no room for a GOP's first unit: nothing is held up to the next one. */
  private lost = false;

  constructor(private readonly options: GopRingOptions) {
    this.keepMs = Math.min(Math.max(options.seconds, 0), 120) * 1000;
    this.maxBytes = options.maxBytes ?? RING_BYTES;
    this.memory = options.memory ?? UNCOUNTED;
  }

  /** Bytes of memory held. */
  get bytes(): number {
    return this.total;
  }

  /** Milliseconds from the first unit held to the last. */
  get spanMs(): number {
    const first = this.gops[this.front];
    if (first === undefined) return 0;
    const begin = first.isThinned ? (first.units[1]?.arrival ?? first.end) : first.begin;
    return this.gops.at(-1)!.end - begin;
  }

  /**
   * Takes the next unit in order of arrival. What comes before the first one that can be begun at is not
   * kept.
   */
  push(unit: ClipUnit): void {
    if (unit.kind === 'video' && opensFile(unit, this.gops.length === 0)) {
      this.lost = false;
      this.gops.push({ begin: unit.arrival, end: unit.arrival, bytes: 0, units: [], isThinned: false });
    }
    const gop = this.gops.at(-1);
    if (gop === undefined || this.lost) return;
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

  /** Lets go of the oldest GOP; the one at hand stays. */
  yield(): boolean {
    if (this.front >= this.gops.length - 1) return false;
    this.dropFirst();
    this.tell();
    return true;
  }

  /**
   * Everything from the last entry at or before `from` (monotonic ms) on; from the first one after it, where
   * nothing was held at that time.
   */
  since(from: number): ClipUnit[] {
    let at = this.front;
    while (at < this.gops.length && this.isOver(at, from)) at++;
    const gops = this.gops.slice(at);
    return gops.flatMap((gop, i) => (gop.isThinned || i === 0 ? begunAt(gop) : gop.units));
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
   * Whether a GOP shows nothing of the time from `from` on. It shows the time up to the next one, unless the
   * stream broke off.
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
    this.tell();
  }

  private isLarge(): boolean {
    return this.total > this.maxBytes || this.count > LIMITS.cameraUnits;
  }

  /**
   * Of a GOP at hand that is too large, its first unit and the newest ones are worth most: blocks in the
   * picture rather than none. False: nothing else is left.
   */
  private thin(): boolean {
    const gop = this.gops.at(-1);
    if (gop === undefined || gop.units.length < 2) return false;
    // A part at a time, so that each unit is moved a few times at most.
    const given = gop.units.splice(1, Math.ceil(gop.units.length * THINNED_PART));
    for (const unit of given) {
      this.memory.release(unit);
      gop.bytes -= unitCost(unit);
      this.total -= unitCost(unit);
    }
    this.count -= given.length;
    gop.isThinned = true;
    this.tell();
    return true;
  }

  /** Not even the first unit of the GOP at hand fits: nothing is held up to the next one. */
  private giveUp(): void {
    this.clear();
    this.lost = true;
    this.tell();
  }

  private tell(): void {
    if (this.told) return;
    this.told = true;
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

/** What stands where a GOP was until the list is moved up: it holds no memory. */
const EMPTY: Gop = { begin: 0, end: 0, bytes: 0, units: [], isThinned: false };

/** A GOP's units for who begins with it: what builds on pictures that are not there says so. */
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
