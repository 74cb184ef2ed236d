// Ends an alarm's clip if no frame ends it: when its window is over, or somewhat later if the stream may only
// be stalled.

import type { AlarmWindow } from './alarm-window.js';
import type { RecorderDeps } from './types.js';

/**
 * If a frame came within this many ms, the stream may only be stalled, or this machine may be late: frames
 * from before the window's end are still awaited.
 */
const STALL_MS = 3000;
/** Such frames are awaited for at most this long (ms) after the window's end. */
const LATE_MS = 30_000;

export class WindowTimer {
  private timer: unknown;
  private window: AlarmWindow | undefined;

  constructor(
    private readonly deps: Pick<RecorderDeps, 'timers' | 'monotonic'>,
    /** Arrival of the last frame. In a stream that plays, the first frame after the window ends the clip. */
    private readonly lastPicture: () => number,
    private readonly onOver: (window: AlarmWindow) => void,
  ) {}

  /** Watches a window, again whenever it changes. */
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
