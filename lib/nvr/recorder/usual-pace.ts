// How often a camera's pictures come, as it was last; it outlives an outage, so that a hole behind one can be
// told. Pure.

/** The stream's figures are read so often at most. */
const READ_EACH_MS = 1_000;

export class UsualPace {
  /** Arrival of the last picture, monotonic ms. */
  lastPicture = -Infinity;
  /** Pictures a second; undefined: none has been told yet. */
  rate: number | undefined;
  private readAt = -Infinity;

  /** `fps` is asked for now and then. */
  see(arrival: number, fps: () => number): void {
    this.lastPicture = arrival;
    if (arrival < this.readAt + READ_EACH_MS) return;
    this.readAt = arrival;
    // A session that has just begun has none yet.
    const now = fps();
    if (now > 0) this.rate = now;
  }
}
