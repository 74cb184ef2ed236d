// The interface between a camera's stores and the memory budget that counts them.

import type { MediaUnit } from '../codec/unit.js';

/** A store that can drop data: seconds before an alarm are worth less than a recording in progress. */
export interface Yielding {
  /** Memory in use, in bytes of `unitCost`. */
  readonly bytes: number;
  /**
   * Order in which recordings in progress began; the first one is asked last. Absent for data kept for later,
   * which is dropped before any recording is.
   */
  readonly order?: number;
  /** Drops its oldest part. False if there is nothing that it can drop. */
  yield(): boolean;
}

/** Memory of one camera's stores. A unit that several of them hold is counted once. */
export interface UnitMemory {
  /**
   * Counts a unit; other stores may have to drop data for it. False, without counting it, if there is no
   * room.
   */
  hold(unit: MediaUnit): boolean;
  /** Whether the last `hold` was refused by this camera's own bound, not by the one for all cameras. */
  readonly isOwnBound: boolean;
  /** Reverses one `hold`; does nothing for a unit that was refused. */
  release(unit: MediaUnit): void;
  /** Registers a store, which may be asked to yield from now on, also during its own `hold`. */
  add(store: Yielding): void;
  remove(store: Yielding): void;
}

/** Without counting or bounds: for a store on its own. */
export const UNCOUNTED: UnitMemory = {
  hold: () => true,
  isOwnBound: false,
  release: () => undefined,
  add: () => undefined,
  remove: () => undefined,
};
