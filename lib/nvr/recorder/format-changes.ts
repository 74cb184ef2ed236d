// Limits how often the video format may change in one recording: each change begins a new file, and a camera
// that changes the format with every frame must not create a file for each.

import { NvrError } from '../../errors.js';

/** The least length (ms) of a file that a format change ends. */
const LEAST_MS = 1000;
const MAX_IN_A_MINUTE = 10;
const MAX_IN_A_CLIP = 30;
const MINUTE_MS = 60_000;

export class FormatChanges {
  /** Times of the changes within the last minute, in ms. */
  private times: number[] = [];
  private count = 0;

  /** `endless`: the recording has no end, so only the rate of changes is limited. */
  constructor(private readonly endless: boolean) {}

  /**
   * Counts a change at `at` (ms), unless the file, which began at `since`, has only just begun. Returns
   * whether the file ends here. Throws EPROTOCOL if the format changes more often than any working camera
   * changes it.
   */
  admit(at: number, since: number): boolean {
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
