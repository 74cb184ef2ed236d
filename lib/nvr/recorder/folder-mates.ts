// The recorders of this process that share a folder: the limits on the folder and on the disk apply to all of
// them together.

import type { Journal } from './journal.js';
import type { RetentionLimits } from './retention.js';

export interface Mate {
  readonly journal: Journal;
  readonly limits: RetentionLimits;
}

const mates = new Set<Mate>();

/** Returns the function that removes it again. */
export function joinFolder(mate: Mate): () => void {
  mates.add(mate);
  return () => void mates.delete(mate);
}

export function matesOf(root: string): Mate[] {
  return [...mates].filter(({ journal }) => journal.root === root);
}
