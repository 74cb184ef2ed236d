// The recorders of this process that share a folder: the limits on the folder and on the disk apply to all of
// them together.

import type { Journal } from './journal.js';
import type { RetentionLimits } from './retention.js';

export interface FolderRecorder {
  readonly journal: Journal;
  readonly limits: RetentionLimits;
}

const recorders = new Set<FolderRecorder>();

/** Adds a recorder. Returns the function that removes it again. */
export function joinFolder(recorder: FolderRecorder): () => void {
  recorders.add(recorder);
  return () => void recorders.delete(recorder);
}

/** The recorders of a folder; `root` is its path with symbolic links resolved. */
export function recordersIn(root: string): FolderRecorder[] {
  return [...recorders].filter(({ journal }) => journal.root === root);
}
