// Estimates how much of a unit's delay is network jitter. Jitter makes the delay rise and fall; a delay that
// only grows means that the sender's clock runs at another rate.

/** Bounds of the estimate. */
export const LEAST_JITTER_MS = 75;
export const MOST_JITTER_MS = 250;
const RISING_MS = 15;
/** The jitter is this many times the mean reversal of the delay. */
const TURNS = 8;

export class Jitter {
  /** Delay that jitter accounts for. */
  ms = LEAST_JITTER_MS;
  /** The delay has grown by more than `RISING_MS` twice in a row while jitter is at its minimum. */
  isRising = false;
  private growth = 0;
  private turn = 0;

  /** `growth`: how much more the current unit was delayed than the one before. */
  follow(growth: number): void {
    const turns = growth * this.growth < 0;
    const turn = turns ? Math.min(Math.abs(growth), Math.abs(this.growth), MOST_JITTER_MS) : 0;
    this.isRising = this.ms === LEAST_JITTER_MS && growth > RISING_MS && this.growth > RISING_MS;
    this.growth = growth;
    this.turn += (turn - this.turn) / 16;
    this.ms = Math.max(LEAST_JITTER_MS, Math.min(TURNS * this.turn, MOST_JITTER_MS));
  }
}
