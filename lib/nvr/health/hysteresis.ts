// When a state counts: so many checks in a row must say so. Pure; time comes in.

import type { HealthState } from './health.js';

export interface Verdict {
  /** The state that counts; undefined until the first one does. */
  state: HealthState | undefined;
  /** Epoch ms of the first of the unbroken row of checks that found what this one found. */
  since: number;
  /** The state that counts has just changed. The first one is a change only where it is not `up`. */
  changed: boolean;
}

/** `down` counts after `failures` checks in a row, anything better after `successes`. */
export class Hysteresis {
  private state: HealthState | undefined;
  private found: HealthState | undefined;
  private row = 0;
  private since = 0;

  constructor(
    private readonly failures: number,
    private readonly successes: number,
  ) {}

  /** Takes the outcome of one check at `now`, epoch ms. */
  judge(found: HealthState, now: number): Verdict {
    if (found !== this.found) {
      this.found = found;
      this.row = 0;
      this.since = now;
    }
    this.row++;
    const before = this.state;
    const needed = found === 'down' ? this.failures : this.successes;
    if (this.row >= needed) this.state = found;
    const changed = this.state !== before && !(before === undefined && this.state === 'up');
    return { state: this.state, since: this.since, changed };
  }
}
