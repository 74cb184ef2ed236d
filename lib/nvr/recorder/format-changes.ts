// How often the picture's format may change in one recording: each change begins a file, and a camera that
// changes it with every picture must not make a file of each.

import { NvrError } from '../../errors.js';

/** Of a file that a change ends. */
const LEAST_MS = 1000;
const MAX_IN_A_MINUTE = 10;
const MAX_IN_A_CLIP = 30;
const MINUTE_MS = 60_000;

export class FormatChanges {
  /** Of the changes within the last minute, ms. */
  private times: number[] = [];
  private count = 0;

  /** `endless`: the recording has no end, so that nothing but its rate is bounded. */
  constructor(private readonly endless: boolean) {}

  /**
   * Whether a file may end at `at` that has begun at `since` (ms): not yet, where it has just begun. Throws
   * EPROTOCOL beyond what a camera in its right mind does.
   */
  allow(at: number, since: number): boolean {
    if (at - since < LEAST_MS) return false;
    this.times = this.times.filter((time) => at - time < MINUTE_MS);
    this.times.push(at);
    this.count++;
    if (this.times.length > MAX_IN_A_MINUTE) throw tooOften(MAX_IN_A_MINUTE, 'a minute');
    if (!this.endless && this.count > MAX_IN_A_CLIP) throw tooOften(MAX_IN_A_CLIP, 'one clip');
    return true;
  }
}

function tooOften(times: number, span: string): NvrError {
  return new NvrError(
    'EPROTOCOL',
    `The camera changes its picture’s format all the time, more than ${times} times in ${span}, and each change needs a file of its own.`,
  );
}
