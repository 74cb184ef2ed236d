// A state takes effect only after several checks in a row have found it. Pure: the time is an argument.

import type { HealthState } from './health.js';

export interface Verdict {
  /** The state in effect; undefined until there is one. */
  state: HealthState | undefined;
  /** Epoch ms of the first check in the unbroken row that found the present state. */
  since: number;
  /** The state in effect has just changed. The first state counts as a change only if it is not `up`. */
  changed: boolean;
}

/** `down` takes effect after `failures` checks in a row, any other state after `successes`. */
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
