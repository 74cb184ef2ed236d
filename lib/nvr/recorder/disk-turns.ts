// Who writes next of all that this process records on one disk: the recording that began first. So where a
// disk cannot take all of them, the first ones are whole and the last ones wait, in place of none being whole
// in time.

/**
 * Writes under way at once: more than one, as a disk far away takes its time for each; fewer than Node has
 * threads for files.
 */
const LANES = 3;

interface Waiting {
  readonly order: number;
  readonly start: () => void;
}

export class DiskTurns {
  private running = 0;
  /** The next one last. */
  private readonly waiting: Waiting[] = [];
  private finished = 0;

  /** Writes that came to an end, well or not: a disk that answers, however slowly. */
  get progress(): number {
    return this.finished;
  }

  /** `order`: the lowest goes first; of equals, the one that asked first. Settles as `write` does. */
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
/** Folders are few. */
const MAX_FOLDERS = 1000;
let begun = 0;

/** Those of a folder: another one may lie on a disk that hangs. */
export function turnsOf(root: string): DiskTurns {
  const known = turns.get(root);
  if (known !== undefined) return known;
  if (turns.size >= MAX_FOLDERS) turns.clear();
  const made = new DiskTurns();
  turns.set(root, made);
  return made;
}

/** The order of a recording that begins now. */
export function nextOrder(): number {
  return ++begun;
}
