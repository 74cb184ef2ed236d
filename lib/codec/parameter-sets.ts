// The parameter sets of one stream, by kind and id: learnt from the SDP and in band, kept within bounds,
// written in front of keyframes.

import { joinAnnexB, START_CODE_BYTES } from './annexb.js';

/** In the order in which they stand in a stream. H.264 has no VPS. */
export type SetKind = 'vps' | 'sps' | 'pps';

/**
 * What a parser found in one parameter set. `refersTo`: the id of the set it builds on (PPS -> SPS -> VPS).
 */
export interface SetFacts<Info> {
  readonly kind: SetKind;
  /** The NAL unit's type. */
  readonly type: number;
  readonly id: number;
  readonly refersTo?: number;
  /** An SPS parsed. */
  readonly info?: Info;
}

export interface ParameterSet<Info> extends SetFacts<Info> {
  readonly nal: Buffer;
  /** The access unit that carried it last, by its running number; 0: the SDP. */
  seenIn: number;
}

/** Sets as Annex B, with the NAL types in order: what goes in front of a unit. */
export interface SetsInFront {
  readonly bytes: Buffer;
  readonly types: readonly number[];
  readonly sizes: readonly number[];
}

/** Bytes of one set that is worth keeping, and of all together: past it the least recently seen go. */
const SET_BYTES = 8 * 1024;
const ALL_BYTES = 64 * 1024;
const ALL_SETS = 128;
/** Bytes that go in front of one unit, start codes included: real ones are a tenth of a KB. */
const FRONT_BYTES = 8 * 1024;
const ORDER: Record<SetKind, number> = { vps: 0, sps: 1, pps: 2 };

export class ParameterSets<Info> {
  /** Goes up by one whenever a set's bytes changed. */
  version = 0;
  readonly #describe: (nal: Buffer) => SetFacts<Info> | undefined;
  // Least recently seen first.
  readonly #sets = new Map<string, ParameterSet<Info>>();
  #bytes = 0;
  #lastNeeded: { version: number; ppsId: number; needed: readonly ParameterSet<Info>[] } | undefined;
  #lastFront: { needed: readonly ParameterSet<Info>[]; front: SetsInFront | undefined } | undefined;

  /** `describe` parses a NAL unit; undefined for what is no usable parameter set. */
  constructor(describe: (nal: Buffer) => SetFacts<Info> | undefined) {
    this.#describe = describe;
  }

  /** Bytes that may have to go in front of a unit. */
  get frontBytes(): number {
    return Math.min(this.#bytes + this.#sets.size * START_CODE_BYTES, FRONT_BYTES);
  }

  /**
   * Learns a parameter set, replacing the one of its kind and id. The bytes are copied. `seenIn`: the access
   * unit's running number, 0 for the SDP.
   */
  learn(nal: Buffer, seenIn: number): void {
    if (nal.length > SET_BYTES) return;
    const facts = this.#describe(nal);
    if (facts === undefined) return;
    const known = this.get(facts.kind, facts.id);
    if (known?.nal.equals(nal) === true) {
      known.seenIn = seenIn;
      this.#touch(known);
      return;
    }
    const own = Buffer.allocUnsafeSlow(nal.length);
    nal.copy(own);
    this.#remove(key(facts.kind, facts.id));
    this.#sets.set(key(facts.kind, facts.id), { ...facts, nal: own, seenIn });
    this.#bytes += own.length;
    for (const oldest of this.#sets.keys()) {
      if (this.#bytes <= ALL_BYTES && this.#sets.size <= ALL_SETS) break;
      this.#remove(oldest);
    }
    this.version += 1;
  }

  get(kind: SetKind, id: number | undefined): ParameterSet<Info> | undefined {
    return id === undefined ? undefined : this.#sets.get(key(kind, id));
  }

  /** The most recently seen set of a kind. */
  latest(kind: SetKind): ParameterSet<Info> | undefined {
    let found: ParameterSet<Info> | undefined;
    for (const set of this.#sets.values()) if (set.kind === kind) found = set;
    return found;
  }

  /** The SPS that a slice with this PPS id uses; where the PPS is unknown, the latest. */
  activeSps(ppsId: number): ParameterSet<Info> | undefined {
    return this.get('sps', this.get('pps', ppsId)?.refersTo) ?? this.latest('sps');
  }

  /**
   * Does the access unit with this number itself carry the SPS and the PPS that a slice with this PPS id
   * names?
   */
  carries(ppsId: number, unit: number): boolean {
    const pps = this.get('pps', ppsId);
    return pps?.seenIn === unit && this.get('sps', pps.refersTo)?.seenIn === unit;
  }

  /**
   * What goes in front of the access unit with the number `unit`, whose slices name these PPS ids: those of
   * the sets they need, VPS before SPS before PPS, that are in no unit from `since` on; all of them where
   * that is `unit` itself. They count as carried by it then. Undefined: nothing is missing, or it is more
   * than anyone needs.
   */
  inFront(ppsIds: readonly number[], since: number, unit: number): SetsInFront | undefined {
    const needed = this.#needed(ppsIds);
    const whole = since === unit;
    let missing = false;
    for (const { seenIn } of needed) missing ||= seenIn < since;
    if (!missing) return undefined;
    const front = whole ? this.#wholeFront(needed) : join(needed.filter(({ seenIn }) => seenIn < since));
    if (front === undefined) return undefined;
    for (const set of needed) if (whole || set.seenIn < since) set.seenIn = unit;
    return front;
  }

  // The same goes in front of each keyframe, as a rule.
  #wholeFront(needed: readonly ParameterSet<Info>[]): SetsInFront | undefined {
    const same = this.#lastFront?.needed === needed;
    if (!same) this.#lastFront = { needed, front: join(needed) };
    return this.#lastFront!.front;
  }

  #needed(ppsIds: readonly number[]): readonly ParameterSet<Info>[] {
    const [ppsId] = ppsIds;
    const known = this.#lastNeeded;
    if (ppsIds.length === 1 && known?.version === this.version && known.ppsId === ppsId) return known.needed;
    const needed = this.#find(ppsIds);
    // Where a set that is named is unknown, the latest one stands for it: another one may be that soon.
    const isSure = ppsIds.length === 1 && this.get('sps', this.get('pps', ppsId)?.refersTo) !== undefined;
    this.#lastNeeded = isSure ? { version: this.version, ppsId: ppsId!, needed } : undefined;
    return needed;
  }

  #find(ppsIds: readonly number[]): ParameterSet<Info>[] {
    const needed = new Set<ParameterSet<Info> | undefined>();
    for (const id of ppsIds) {
      const sps = this.activeSps(id);
      needed.add(this.get('pps', id) ?? this.latest('pps'));
      needed.add(sps);
      needed.add(this.get('vps', sps?.refersTo) ?? this.latest('vps'));
    }
    return [...needed].filter((set) => set !== undefined);
  }

  #touch(set: ParameterSet<Info>): void {
    const name = key(set.kind, set.id);
    this.#sets.delete(name);
    this.#sets.set(name, set);
  }

  #remove(name: string): void {
    const set = this.#sets.get(name);
    if (set === undefined) return;
    this.#bytes -= set.nal.length;
    this.#sets.delete(name);
  }
}

/** Undefined: more than anyone needs. */
function join(needed: readonly ParameterSet<unknown>[]): SetsInFront | undefined {
  const sets = [...needed].sort((a, b) => ORDER[a.kind] - ORDER[b.kind] || a.id - b.id);
  const sizes = sets.map(({ nal }) => nal.length + START_CODE_BYTES);
  if (sizes.reduce((sum, size) => sum + size, 0) > FRONT_BYTES) return undefined;
  return { bytes: joinAnnexB(sets.map(({ nal }) => nal)), types: sets.map(({ type }) => type), sizes };
}

function key(kind: SetKind, id: number): string {
  return `${kind} ${id}`;
}
