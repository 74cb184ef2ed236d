// What the stores of a camera say to whoever counts their memory.

import type { MediaUnit } from '../codec/unit.js';

/** A store that can do with less: seconds before an alarm are worth less than what is under way. */
export interface Yielding {
  /** What it holds, in bytes of `unitCost`. */
  readonly bytes: number;
  /**
   * Of a recording under way: the lowest began first, and yields last. Absent: what is kept for later, which
   * yields before any recording.
   */
  readonly order?: number;
  /** Lets go of its oldest part. False: it holds no more than it must. */
  yield(): boolean;
}

/** The memory of one camera's stores. A unit that several of them hold costs once. */
export interface UnitMemory {
  /**
   * Counts a unit in; others may have to yield for it. False: there is no room for it, and it is not counted.
   */
  hold(unit: MediaUnit): boolean;
  /** Why the last `hold` was refused: this camera's own bound, and not that of all cameras. */
  readonly isOwnBound: boolean;
  /** Takes back one `hold`. */
  release(unit: MediaUnit): void;
  /** From now on the store may be asked to yield, also while it calls `hold`. */
  add(store: Yielding): void;
  remove(store: Yielding): void;
}

/** No count and no bound: for a store on its own. */
export const UNCOUNTED: UnitMemory = {
  hold: () => true,
  isOwnBound: false,
  release: () => undefined,
  add: () => undefined,
  remove: () => undefined,
};
