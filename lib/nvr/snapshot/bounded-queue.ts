// A queue with a limit on running and waiting jobs: a job beyond that is refused at once instead of being
// done too late. The owner that has used the least time goes first.

import { performance } from 'node:perf_hooks';

import { NvrError } from '../../errors.js';

/** An owner's used time counts half as much after this many ms. */
const HALF_LIFE = 30_000;
/** The most jobs of one owner that may wait, so that one camera cannot fill the queue. */
const OWNER_ROOM = 4;

interface Waiting {
  readonly owner: object;
  readonly start: () => void;
}

interface Use {
  ms: number;
  at: number;
}

export class BoundedQueue {
  private active = 0;
  private queue: Waiting[] = [];
  private readonly used = new WeakMap<object, Use>();

  /** `lanes` jobs run at once, and `room` more may wait. `what` names the queue in the error. */
  constructor(
    private readonly lanes: number,
    private readonly room: number,
    private readonly what: string,
  ) {}

  get running(): number {
    return this.active;
  }

  get waiting(): number {
    return this.queue.length;
  }

  /**
   * Settles as `job` does; rejects with EBUSY if too many jobs are waiting already, in all or of its `owner`.
   * The next job is that of the owner that has recently used the least time; jobs of one owner, and jobs
   * without one, run in order of arrival.
   */
  async run<T>(job: () => Promise<T>, owner?: object): Promise<T> {
    const whose = owner ?? this;
    if (this.active < this.lanes) {
      this.active++;
    } else {
      const own = owner ? this.queue.filter((one) => one.owner === owner).length : 0;
      if (this.queue.length >= this.room || own >= OWNER_ROOM) {
        const many = own >= OWNER_ROOM ? `${String(own)} jobs of this camera` : `${String(this.room)} jobs`;
        throw new NvrError('EBUSY', `${many} wait for the ${this.what} already: trigger less often`);
      }
      // A job that ends hands its lane to this one, so `active` stays the same.
      await new Promise<void>((start) => this.queue.push({ owner: whose, start }));
    }
    const begun = performance.now();
    try {
      return await job();
    } finally {
      this.charge(whose, begun);
      const next = this.next();
      if (next) next.start();
      else this.active--;
    }
  }

  private next(): Waiting | undefined {
    const now = performance.now();
    let next: Waiting | undefined;
    let least = Infinity;
    for (const one of this.queue) {
      const used = this.usedBy(one.owner, now);
      if (used < least) {
        least = used;
        next = one;
      }
    }
    this.queue = this.queue.filter((one) => one !== next);
    return next;
  }

  private charge(owner: object, begun: number): void {
    const now = performance.now();
    this.used.set(owner, { ms: this.usedBy(owner, now) + now - begun, at: now });
  }

  private usedBy(owner: object, now: number): number {
    const use = this.used.get(owner);
    return use ? use.ms * 0.5 ** ((now - use.at) / HALF_LIFE) : 0;
  }
}
