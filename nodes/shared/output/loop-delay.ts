// Measures the delay of the event loop.

const PERIOD_MS = 100;

/** Shared by all nodes: the delay of the last timer, or of the one that is due. */
export class LoopDelay {
  private timer: NodeJS.Timeout | undefined;
  private users = 0;
  private tickedAt = 0;
  private lastDelay = 0;

  constructor(private readonly clock: () => number = () => performance.now()) {}

  acquire(): void {
    if (this.users++ > 0) return;
    this.tickedAt = this.clock();
    this.lastDelay = 0;
    this.timer = setInterval(() => {
      const now = this.clock();
      this.lastDelay = now - this.tickedAt - PERIOD_MS;
      this.tickedAt = now;
    }, PERIOD_MS);
    this.timer.unref();
  }

  release(): void {
    if (--this.users === 0) clearInterval(this.timer);
  }

  /** The current delay in ms. */
  delay(now: number): number {
    return Math.max(this.lastDelay, now - this.tickedAt - PERIOD_MS, 0);
  }
}

export const loopDelay = new LoopDelay();
