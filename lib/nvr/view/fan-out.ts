// Hands records to many pages without holding the event loop: beyond a time per turn, the rest of the writes
// wait for the next turns, in their order.

import { performance } from 'node:perf_hooks';
import { guarded } from '../../guard.js';
import type { ViewSink } from './viewer.js';

/** The most ms of one turn of the event loop that all pages together may take. */
const TURN_MS = 2;

/** `later` runs a task in the next turn. */
export class FanOut {
  private readonly waiting: (() => void)[] = [];
  /** Time of this turn that is spent, in ms. */
  private spentMs = 0;
  private isTurnDue = false;
  private isWorking = false;

  constructor(
    private readonly clock: () => number = () => performance.now(),
    private readonly later: (task: () => void) => unknown = setImmediate,
  ) {}

  /** A sink whose writes take turns with those of the other pages. */
  share(sink: ViewSink): ViewSink {
    let isOver = false;
    return {
      write: (bytes, sent) => {
        this.waiting.push(() => {
          if (!isOver) sink.write(bytes, sent);
        });
        this.work();
      },
      destroy: () => {
        isOver = true;
        sink.destroy();
      },
    };
  }

  private work(): void {
    // A write may cause others, which go behind all that wait.
    if (this.isWorking) return;
    this.isWorking = true;
    let done = 0;
    try {
      while (done < this.waiting.length && this.spentMs < TURN_MS) {
        const began = this.clock();
        this.waiting[done++]!();
        this.spentMs += this.clock() - began;
      }
    } finally {
      this.waiting.splice(0, done);
      this.isWorking = false;
      if (!this.isTurnDue) this.later(this.onTurn);
      this.isTurnDue = true;
    }
  }

  private readonly onTurn = guarded(
    () => {
      this.isTurnDue = false;
      this.spentMs = 0;
      if (this.waiting.length > 0) this.work();
    },
    () => undefined,
  );
}
