// Which parameter sets stand in front of a unit: what its slices need and its readers have not had.

import type { ParameterSets, SetsInFront } from './parameter-sets.js';
import type { ParameterSetPolicy } from './unit.js';
import type { UnitInProgress } from './unit-in-progress.js';

export class SetsSent<Info> {
  private version = 0;
  /** Number of the last entry, 0 before the first, and the PPS it names. */
  private entryNumber = 0;
  private entryPps = 0;

  constructor(
    private readonly sets: ParameterSets<Info>,
    private readonly policy: ParameterSetPolicy,
  ) {}

  /** Bytes to keep free in front of a unit. */
  get headroom(): number {
    return this.policy === 'never' ? 0 : this.sets.frontBytes;
  }

  /**
   * In front of an entry, what its slices need; in front of other units, what was in none since that entry: a
   * PPS that the SDP alone has, and that P-pictures alone name.
   */
  inFrontOf(unit: UnitInProgress, isEntry: boolean): SetsInFront | undefined {
    const { sets, policy } = this;
    if (policy === 'never') return undefined;
    if (!isEntry) {
      if (policy === 'change' || this.entryNumber === 0 || this.hasAll(unit)) return undefined;
      return sets.inFront(unit.ppsIds, this.entryNumber, unit.number);
    }
    const changed = sets.version !== this.version;
    this.version = sets.version;
    this.entryNumber = unit.number;
    this.entryPps = unit.ppsId;
    if (policy === 'change' && !changed) return undefined;
    return sets.inFront(unit.ppsIds, unit.number, unit.number);
  }

  /** Nearly all pictures name the one PPS that the entry before them names. */
  private hasAll({ ppsIds }: UnitInProgress): boolean {
    return this.sets.version === this.version && ppsIds.length === 1 && ppsIds[0] === this.entryPps;
  }
}
