// The recordings of this process, which share its memory: if it is full, the recording that began last is
// ended.

export interface Rival {
  /** The lowest has precedence. */
  readonly order: number;
  readonly waitingBytes: number;
  /** Ends at once, keeps what is on the disk, and releases its memory. */
  giveWay(): void;
}

const rivals = new Set<Rival>();

export function enter(rival: Rival): void {
  rivals.add(rival);
}

export function leave(rival: Rival): void {
  rivals.delete(rival);
}

/** Frees memory for a recording. Returns false if no later recording holds any. */
export function makeRoom(asking: Rival): boolean {
  let last: Rival | undefined;
  for (const rival of rivals)
    if (rival.waitingBytes > 0 && rival.order > (last ?? asking).order) last = rival;
  last?.giveWay();
  return last !== undefined;
}
