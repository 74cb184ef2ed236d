// Decides which parameter sets to insert before a unit: those that its slices need and consumers have not
// received.

import type { ParameterSets, SetsInFront } from './parameter-sets.js';
import type { ParameterSetPolicy } from './unit.js';
import type { UnitInProgress } from './unit-in-progress.js';

export class SetsSent<Info> {
  private version = 0;
  /** Number of the last keyframe or other entry point (0 before the first), and its PPS id. */
  private entryNumber = 0;
  private entryPps = 0;

  constructor(
    private readonly sets: ParameterSets<Info>,
    private readonly policy: ParameterSetPolicy,
  ) {}

  /** Bytes to reserve before a unit. */
  get headroom(): number {
    return this.policy === 'never' ? 0 : this.sets.frontBytes;
  }

  /**
   * Before an entry point: the sets its slices need. Before other units: those that none since the last entry
   * point contained, such as a PPS that is only in the SDP and only used by P pictures.
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

  /** Fast path: nearly all pictures use only the PPS of the entry point before them. */
  private hasAll({ ppsIds }: UnitInProgress): boolean {
    return this.sets.version === this.version && ppsIds.length === 1 && ppsIds[0] === this.entryPps;
  }
}
