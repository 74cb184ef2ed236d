// Hands records to many pages without holding the event loop: beyond a time per turn, the rest of the writes
// wait for the next turns, in their order.

import { performance } from 'node:perf_hooks';
import { guarded } from '../../guard.js';
import type { ViewSink } from './viewer.js';

/** The most ms that all pages together may take of a window. A turn that is waited for begins a new one. */
const TURN_MS = 2;
const WINDOW_MS = 10;

/** `later` runs a task in the next turn. */
export class FanOut {
  private readonly waiting: (() => void)[] = [];
  private windowBegan = -Infinity;
  /** Time of this window that is spent, in ms. */
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
        if (isOver) return;
        // Usually no write waits: then it happens at once, and no closure is made that would become garbage.
        const isIdle = this.waiting.length === 0 && !this.isWorking;
        if (isIdle) this.openWindowIfDue();
        if (isIdle && this.spentMs < TURN_MS) {
          const began = this.begin();
          try {
            sink.write(bytes, sent);
          } finally {
            this.end(began);
          }
          return;
        }
        this.waiting.push(() => {
          if (!isOver) sink.write(bytes, sent);
        });
        this.goOnLater();
      },
      destroy: () => {
        isOver = true;
        sink.destroy();
      },
    };
  }

  private openWindowIfDue(): void {
    if (this.clock() - this.windowBegan >= WINDOW_MS) this.openWindow();
  }

  private openWindow(): void {
    this.windowBegan = this.clock();
    this.spentMs = 0;
  }

  /** A write begins. Writes that it causes are queued behind those that wait. */
  private begin(): number {
    this.isWorking = true;
    return this.clock();
  }

  private end(began: number): void {
    this.isWorking = false;
    this.spentMs += this.clock() - began;
  }

  private goOnLater(): void {
    if (!this.isTurnDue) this.later(this.onTurn);
    this.isTurnDue = true;
  }

  private readonly onTurn = guarded(
    () => {
      this.isTurnDue = false;
      this.openWindow();
      let done = 0;
      try {
        while (done < this.waiting.length && this.spentMs < TURN_MS) {
          const began = this.begin();
          try {
            this.waiting[done++]!();
          } finally {
            this.end(began);
          }
        }
      } finally {
        this.waiting.splice(0, done);
        if (this.waiting.length > 0) this.goOnLater();
      }
    },
    () => undefined,
  );
}
