// Ends an alarm's clip where no picture does: when its window is over, or somewhat later where the stream may
// only stall.

import type { AlarmWindow } from './alarm-window.js';
import type { RecorderDeps } from './types.js';

/**
 * A stream that was there so long ago may only stall, or this machine be late: its pictures of the time
 * before the end are waited for,
 */
const STALL_MS = 3000;
/** up to here. */
const LATE_MS = 30_000;

export class WindowTimer {
  private timer: unknown;
  private window: AlarmWindow | undefined;

  constructor(
    private readonly deps: Pick<RecorderDeps, 'timers' | 'monotonic'>,
    /**
     * Arrival of the last picture. A stream that plays ends the clip by its first picture behind the window.
     */
    private readonly lastPicture: () => number,
    private readonly onOver: (window: AlarmWindow) => void,
  ) {}

  /** Watches this window, as it now is. */
  set(window: AlarmWindow): void {
    this.clear();
    if (window.end === Infinity) return;
    this.window = window;
    this.wait(window, window.end);
  }

  clear(): void {
    this.window = undefined;
    this.deps.timers.clear(this.timer);
  }

  private wait(window: AlarmWindow, until: number): void {
    const { timers, monotonic } = this.deps;
    const due = (): number =>
      Math.max(window.end, Math.min(this.lastPicture() + STALL_MS, window.end + LATE_MS));
    this.timer = timers.set(
      () => {
        if (window !== this.window) return;
        if (due() > monotonic()) this.wait(window, due());
        else this.onOver(window);
      },
      Math.max(0, until - monotonic()),
    );
  }
}
