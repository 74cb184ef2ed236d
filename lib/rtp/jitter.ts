// How much of a unit's delay may be the network's: delay that goes to and fro. Delay that only grows is a
// clock of another rate, and no jitter.

/** So much at least and at most. */
export const LEAST_JITTER_MS = 75;
export const MOST_JITTER_MS = 250;
const RISING_MS = 15;
/** In times the mean turn of the delay. */
const TURNS = 8;

export class Jitter {
  /** Delay that jitter explains. */
  ms = LEAST_JITTER_MS;
  /** The delay has grown twice in a row, not by little, on a way that is quiet else. */
  isRising = false;
  #growth = 0;
  #turn = 0;

  /** `growth`: by how much the unit at hand came later than the one before it. */
  follow(growth: number): void {
    const turns = growth * this.#growth < 0;
    const turn = turns ? Math.min(Math.abs(growth), Math.abs(this.#growth), MOST_JITTER_MS) : 0;
    this.isRising = this.ms === LEAST_JITTER_MS && growth > RISING_MS && this.#growth > RISING_MS;
    this.#growth = growth;
    this.#turn += (turn - this.#turn) / 16;
    this.ms = Math.max(LEAST_JITTER_MS, Math.min(TURNS * this.#turn, MOST_JITTER_MS));
  }
}
