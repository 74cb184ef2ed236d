// The parameter sets of a stream, by kind and id: learnt from the SDP and in band, bounded in size, inserted
// before keyframes.

import { joinAnnexB, START_CODE_BYTES } from './annexb.js';

/** In stream order. H.264 has no VPS. */
type SetKind = 'vps' | 'sps' | 'pps';

/** The parsed properties of a parameter set. `refersTo`: id of the set it depends on (PPS -> SPS -> VPS). */
export interface SetFacts<Info> {
  readonly kind: SetKind;
  /** NAL unit type. */
  readonly type: number;
  readonly id: number;
  readonly refersTo?: number;
  /** The parsed SPS. */
  readonly info?: Info;
}

interface ParameterSet<Info> extends SetFacts<Info> {
  readonly nal: Buffer;
  /** Number of the last access unit that contained the set; 0 for the SDP. */
  seenIn: number;
}

/** Parameter sets in Annex B format with their NAL types in order, to insert before a unit. */
export interface SetsInFront {
  readonly bytes: Buffer;
  readonly types: readonly number[];
  readonly sizes: readonly number[];
}

/**
 * Largest set that is kept, and largest total in bytes; beyond that the least recently seen sets are dropped.
 */
const SET_BYTES = 8 * 1024;
const ALL_BYTES = 64 * 1024;
const ALL_SETS = 128;
/** Most bytes inserted before a unit, start codes included; real sets take about a hundred. */
const FRONT_BYTES = 8 * 1024;
const ORDER: Record<SetKind, number> = { vps: 0, sps: 1, pps: 2 };
const KINDS = 3;

export class ParameterSets<Info> {
  /** Incremented whenever the bytes of a set change. */
  version = 0;
  private readonly describe: (nal: Buffer) => SetFacts<Info> | undefined;
  // Least recently seen first.
  private readonly sets = new Map<number, ParameterSet<Info>>();
  private bytes = 0;
  private lastNeeded: { version: number; ppsId: number; needed: readonly ParameterSet<Info>[] } | undefined;
  private lastFront: { needed: readonly ParameterSet<Info>[]; front: SetsInFront | undefined } | undefined;

  /** `describe` parses a NAL unit; it returns undefined if that is not a usable parameter set. */
  constructor(describe: (nal: Buffer) => SetFacts<Info> | undefined) {
    this.describe = describe;
  }

  /** Upper bound of the bytes inserted before a unit. */
  get frontBytes(): number {
    return Math.min(this.bytes + this.sets.size * START_CODE_BYTES, FRONT_BYTES);
  }

  /**
   * Stores a copy of a parameter set, replacing the one of the same kind and id. `seenIn`: number of the
   * access unit, 0 for the SDP.
   */
  learn(nal: Buffer, seenIn: number): void {
    if (nal.length > SET_BYTES || this.isRepeated(nal, seenIn)) return;
    const facts = this.describe(nal);
    if (facts === undefined) return;
    const own = Buffer.allocUnsafeSlow(nal.length);
    nal.copy(own);
    this.remove(key(facts.kind, facts.id));
    this.sets.set(key(facts.kind, facts.id), { ...facts, nal: own, seenIn });
    this.bytes += own.length;
    for (const oldest of this.sets.keys()) {
      if (this.bytes <= ALL_BYTES && this.sets.size <= ALL_SETS) break;
      this.remove(oldest);
    }
    this.version += 1;
  }

  get(kind: SetKind, id: number | undefined): ParameterSet<Info> | undefined {
    return id === undefined ? undefined : this.sets.get(key(kind, id));
  }

  /** The most recently seen set of a kind. */
  latest(kind: SetKind): ParameterSet<Info> | undefined {
    let found: ParameterSet<Info> | undefined;
    for (const set of this.sets.values()) if (set.kind === kind) found = set;
    return found;
  }

  /** The SPS for a slice with this PPS id; the latest SPS if the PPS is unknown. */
  activeSps(ppsId: number): ParameterSet<Info> | undefined {
    return this.get('sps', this.get('pps', ppsId)?.refersTo) ?? this.latest('sps');
  }

  /**
   * Whether the access unit with this number contains both the SPS and the PPS for a slice with this PPS id.
   */
  carries(ppsId: number, unit: number): boolean {
    const pps = this.get('pps', ppsId);
    return pps?.seenIn === unit && this.get('sps', pps.refersTo)?.seenIn === unit;
  }

  /**
   * The sets to insert before access unit number `unit`, whose slices use these PPS ids: the required sets,
   * VPS before SPS before PPS, that no unit since number `since` contained; with `since` equal to `unit`, all
   * required sets. They then count as contained in `unit`. Undefined if none is missing, or if they are too
   * large.
   */
  inFront(ppsIds: readonly number[], since: number, unit: number): SetsInFront | undefined {
    const needed = this.needed(ppsIds);
    const whole = since === unit;
    let missing = false;
    for (const { seenIn } of needed) missing ||= seenIn < since;
    if (!missing) return undefined;
    const front = whole ? this.wholeFront(needed) : join(needed.filter(({ seenIn }) => seenIn < since));
    if (front === undefined) return undefined;
    for (const set of needed) if (whole || set.seenIn < since) set.seenIn = unit;
    return front;
  }

  // Usually the same sets are inserted before each keyframe.
  private wholeFront(needed: readonly ParameterSet<Info>[]): SetsInFront | undefined {
    const same = this.lastFront?.needed === needed;
    if (!same) this.lastFront = { needed, front: join(needed) };
    return this.lastFront!.front;
  }

  private needed(ppsIds: readonly number[]): readonly ParameterSet<Info>[] {
    const [ppsId] = ppsIds;
    const cached = this.lastNeeded;
    if (ppsIds.length === 1 && cached?.version === this.version && cached.ppsId === ppsId)
      return cached.needed;
    const needed = this.find(ppsIds);
    // If a referenced set is unknown, the latest one is used instead, and that can change at any time.
    const isSure = ppsIds.length === 1 && this.get('sps', this.get('pps', ppsId)?.refersTo) !== undefined;
    this.lastNeeded = isSure ? { version: this.version, ppsId: ppsId!, needed } : undefined;
    return needed;
  }

  private find(ppsIds: readonly number[]): ParameterSet<Info>[] {
    const needed = new Set<ParameterSet<Info> | undefined>();
    for (const id of ppsIds) {
      const sps = this.activeSps(id);
      needed.add(this.get('pps', id) ?? this.latest('pps'));
      needed.add(sps);
      needed.add(this.get('vps', sps?.refersTo) ?? this.latest('vps'));
    }
    return [...needed].filter((set) => set !== undefined);
  }

  /** Whether the set is stored already. It then counts as seen in this unit. */
  private isRepeated(nal: Buffer, seenIn: number): boolean {
    for (const set of this.sets.values()) {
      if (!set.nal.equals(nal)) continue;
      set.seenIn = seenIn;
      this.touch(set);
      return true;
    }
    return false;
  }

  private touch(set: ParameterSet<Info>): void {
    const at = key(set.kind, set.id);
    this.sets.delete(at);
    this.sets.set(at, set);
  }

  private remove(at: number): void {
    const set = this.sets.get(at);
    if (set === undefined) return;
    this.bytes -= set.nal.length;
    this.sets.delete(at);
  }
}

/** Undefined if the sets are too large. */
function join(needed: readonly ParameterSet<unknown>[]): SetsInFront | undefined {
  const sets = [...needed].sort((a, b) => ORDER[a.kind] - ORDER[b.kind] || a.id - b.id);
  const sizes = sets.map(({ nal }) => nal.length + START_CODE_BYTES);
  if (sizes.reduce((sum, size) => sum + size, 0) > FRONT_BYTES) return undefined;
  return { bytes: joinAnnexB(sets.map(({ nal }) => nal)), types: sets.map(({ type }) => type), sizes };
}

/** Unique for each kind and id. A number, because it is looked up for every slice. */
function key(kind: SetKind, id: number): number {
  return id * KINDS + ORDER[kind];
}
