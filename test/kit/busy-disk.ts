// A disk that knows whether anything is being done on it, for tests that wait until what was begun is over.

import fs, { type FileHandle } from 'node:fs/promises';
import type { RecorderFs } from '../../lib/nvr/recorder/types.js';

export class BusyDisk {
  private pending = 0;
  /** The file system's functions, to hand in. */
  readonly fs: RecorderFs;

  constructor() {
    this.fs = {
      ...this.counted(fs),
      open: async (...given: Parameters<typeof fs.open>) => this.counted(await this.count(fs.open(...given))),
    };
  }

  /** Resolves once nothing is being done. What follows one call without a timer counts as begun. */
  async idle(): Promise<void> {
    do await new Promise((resolve) => setImmediate(resolve));
    while (this.pending > 0);
  }

  /** The same functions, whose promises are counted until they settle. */
  private counted<T extends typeof fs | FileHandle>(of: T): T {
    return new Proxy(of, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        return (...given: unknown[]): unknown => {
          const answer: unknown = Reflect.apply(value, target, given);
          return answer instanceof Promise ? this.count(answer) : answer;
        };
      },
    });
  }

  private async count<R>(work: Promise<R>): Promise<R> {
    this.pending++;
    try {
      return await work;
    } finally {
      this.pending--;
    }
  }
}
