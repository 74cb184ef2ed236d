// Limits how many tasks run at the same time; the others wait in order.

import { givenUp, throwIfGivenUp } from '../client/given-up.js';

export class Slots {
  private taken = 0;
  private readonly queue: (() => void)[] = [];

  constructor(private readonly size: number) {}

  /**
   * Waits for a place, and resolves to the function that frees it. Rejects with EUNREACHABLE if `signal`
   * aborts first.
   */
  async acquire(signal?: AbortSignal): Promise<() => void> {
    throwIfGivenUp(signal);
    if (this.taken < this.size) this.taken++;
    else await this.wait(signal);
    let released = false;
    return () => {
      if (released) return;
      released = true;
      const next = this.queue.shift();
      if (next === undefined) this.taken--;
      else next();
    };
  }

  private wait(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const go = (): void => {
        signal?.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = (): void => {
        this.queue.splice(this.queue.indexOf(go), 1);
        reject(givenUp());
      };
      this.queue.push(go);
      signal?.addEventListener('abort', giveUp, { once: true });
    });
  }
}
