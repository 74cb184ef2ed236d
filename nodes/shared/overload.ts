// When a flow cannot keep up: the age of units and the event loop's delay decide. Pure; time comes in.

/** Above this, in ms, a unit's age or the event loop's delay means overload. */
const LIMIT_MS = 500;
/** Both must have been below for this long before all units are sent again. */
const CALM_MS = 2_000;

export type OverloadVerdict = 'send' | 'drop' | 'begin' | 'end';

export class OverloadGuard {
  private isOverloaded = false;
  private troubledAt = 0;
  /** Back to normal, but what was dropped is referred to until the next keyframe. */
  private awaitsKeyframe = false;

  /**
   * What to do with a unit: `send` or `drop` it; `begin`: overload begins with it (a keyframe is sent all the same); `end`:
   * overload is over, and the unit is the keyframe to go on from. Times are monotonic ms.
   */
  judge(keyframe: boolean, ageMs: number, loopDelayMs: number, now: number): OverloadVerdict {
    if (ageMs > LIMIT_MS || loopDelayMs > LIMIT_MS) {
      this.troubledAt = now;
      if (!this.isOverloaded) {
        this.isOverloaded = true;
        this.awaitsKeyframe = true;
        return 'begin';
      }
    } else if (this.isOverloaded && now - this.troubledAt >= CALM_MS) {
      this.isOverloaded = false;
    }
    if (this.isOverloaded) return keyframe ? 'send' : 'drop';
    if (!this.awaitsKeyframe) return 'send';
    if (!keyframe) return 'drop';
    this.awaitsKeyframe = false;
    return 'end';
  }
}

const PERIOD_MS = 100;

/** How late the event loop is, shared by all nodes: the last timer's delay, or that of the one now due. */
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

  /** Milliseconds. */
  delay(now: number): number {
    return Math.max(this.lastDelay, now - this.tickedAt - PERIOD_MS, 0);
  }
}

export const loopDelay = new LoopDelay();
