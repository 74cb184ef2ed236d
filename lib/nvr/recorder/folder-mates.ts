// The recorders of this process that share a folder: limits of the folder and of the disk are for all of them
// together.

import type { Journal } from './journal.js';
import type { RetentionLimits } from './retention.js';

export interface Mate {
  readonly journal: Journal;
  readonly limits: RetentionLimits;
}

const mates = new Set<Mate>();

/** Answers what takes it out again. */
export function joinFolder(mate: Mate): () => void {
  mates.add(mate);
  return () => void mates.delete(mate);
}

export function matesOf(root: string): Mate[] {
  return [...mates].filter(({ journal }) => journal.root === root);
}
