// What the stores of a camera say to whoever counts their memory.

import type { MediaUnit } from '../codec/unit.js';

/** A store that can do with less: seconds before an alarm are worth less than what is under way. */
export interface Yielding {
  /** What it holds, in bytes of `unitCost`. */
  readonly bytes: number;
  /** Lets go of its oldest part. False: it holds no more than it must. */
  yield(): boolean;
}

/** The memory of one camera's stores. A unit that several of them hold costs once. */
export interface UnitMemory {
  /** Counts a unit in; others may have to yield for it. False: there is no room for it, and it is not counted. */
  hold(unit: MediaUnit): boolean;
  /** Takes back one `hold`. */
  release(unit: MediaUnit): void;
  /** From now on the store may be asked to yield, also while it calls `hold`. */
  add(store: Yielding): void;
  remove(store: Yielding): void;
}

/** No count and no bound: for a store on its own. */
export const UNCOUNTED: UnitMemory = {
  hold: () => true,
  release: () => undefined,
  add: () => undefined,
  remove: () => undefined,
};
