// At most so many jobs at once, so many waiting; the next one is refused at once rather than answered too late.

import { NvrError } from '../errors.js';

export class BoundedQueue {
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  /** `lanes` jobs run at once, `room` more wait. `what` names the queue in the refusal. */
  constructor(
    private readonly lanes: number,
    private readonly room: number,
    private readonly what: string,
  ) {}

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Settles as `job` does; NvrError EBUSY when `room` jobs wait already. First come, first served. */
  async run<T>(job: () => Promise<T>): Promise<T> {
    if (this.#running < this.lanes) {
      this.#running++;
    } else {
      if (this.#waiting.length >= this.room) {
        throw new NvrError(
          'EBUSY',
          `${String(this.room)} jobs wait for the ${this.what} already: trigger less often`,
        );
      }
      // Whoever leaves hands its place over, so `#running` stays as it is.
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    try {
      return await job();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running--;
    }
  }
}
