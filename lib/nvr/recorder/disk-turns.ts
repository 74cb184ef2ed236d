// Orders the writes of all recordings in one folder: the recording that began first goes first. If the disk
// cannot keep up, the first recordings are complete and the last ones wait, instead of none being complete in
// time.

/**
 * The most writes at the same time: more than one, since a network disk needs time for each; fewer than Node
 * has threads for file operations.
 */
const LANES = 3;

interface Waiting {
  readonly order: number;
  readonly start: () => void;
}

export class DiskTurns {
  private running = 0;
  /** Waiting writes; the next one is the last element. */
  private readonly waiting: Waiting[] = [];
  private finished = 0;

  /** The number of writes that have ended, with or without success: if it grows, the disk responds. */
  get progress(): number {
    return this.finished;
  }

  /** The lowest `order` goes first; among equals, the first to ask. Settles as `write` does. */
  async run<T>(order: number, write: () => Promise<T>): Promise<T> {
    if (this.running < LANES) this.running++;
    else
      await new Promise<void>((start) => {
        this.enqueue({ order, start });
      });
    try {
      return await write();
    } finally {
      this.finished++;
      const next = this.waiting.pop();
      if (next === undefined) this.running--;
      else next.start();
    }
  }

  private enqueue(one: Waiting): void {
    let at = this.waiting.length;
    while (at > 0 && this.waiting[at - 1]!.order <= one.order) at--;
    this.waiting.splice(at, 0, one);
  }
}

const turns = new Map<string, DiskTurns>();
/** The most folders to remember. */
const MAX_FOLDERS = 1000;
let begun = 0;

/** The turns of a folder; another folder may be on a disk that hangs. */
export function turnsOf(root: string): DiskTurns {
  const existing = turns.get(root);
  if (existing !== undefined) return existing;
  if (turns.size >= MAX_FOLDERS) turns.clear();
  const made = new DiskTurns();
  turns.set(root, made);
  return made;
}

/** The order number of a recording that begins now. */
export function nextOrder(): number {
  return ++begun;
}
