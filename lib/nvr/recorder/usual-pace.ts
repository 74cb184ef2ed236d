// Remembers a camera's frame rate across an outage, so that the gap after it can be measured. Pure.

/** The frame rate is read at most this often (ms). */
const READ_EACH_MS = 1_000;

export class UsualPace {
  /** Arrival of the last picture, monotonic ms. */
  lastPicture = -Infinity;
  /** Frames per second; undefined until it is known. */
  rate: number | undefined;
  private readAt = -Infinity;

  /** Takes the arrival of a frame. `fps` is called now and then. */
  take(arrival: number, fps: () => number): void {
    this.lastPicture = arrival;
    if (arrival < this.readAt + READ_EACH_MS) return;
    this.readAt = arrival;
    // A new session has no frame rate yet.
    const now = fps();
    if (now > 0) this.rate = now;
  }
}
