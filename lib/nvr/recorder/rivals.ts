// The recordings of this process, which share its memory: where it is full, the one that began last gives way
// to those before it.

export interface Rival {
  /** The lowest goes first. */
  readonly order: number;
  readonly waitingBytes: number;
  /** Ends at once, with what it has on the disk, and lets go of what waits. */
  giveWay(): void;
}

const rivals = new Set<Rival>();

export function enter(rival: Rival): void {
  rivals.add(rival);
}

export function leave(rival: Rival): void {
  rivals.delete(rival);
}

/** Makes room for a recording. False: none that began later holds anything. */
export function makeRoom(asking: Rival): boolean {
  let last: Rival | undefined;
  for (const rival of rivals)
    if (rival.waitingBytes > 0 && rival.order > (last ?? asking).order) last = rival;
  last?.giveWay();
  return last !== undefined;
}
