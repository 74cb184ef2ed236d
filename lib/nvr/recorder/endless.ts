// Recording without end: file after file, begun again after a failure, later each time.

import type { Clip } from './clip.js';
import type { Cases } from './cases.js';
import type { Alarm, RecorderDeps, RecorderEvent, RecorderOptions } from './types.js';

const MAX_ALARMS = 1000;
const RETRY_MS = 5000;
const MAX_RETRY_MS = 60_000;
/** A file that has lasted so long, or half its segment, is a success. */
const WELL_MS = 30_000;

export class Endless {
  /** Of the segment at hand. */
  private readonly alarms: Alarm[] = [];
  private timer: unknown;
  private retryMs = RETRY_MS;

  constructor(
    private readonly options: Pick<RecorderOptions, 'mode' | 'segment'>,
    private readonly deps: Pick<RecorderDeps, 'timers'>,
    private readonly cases: Cases,
    /** Begins a recording, where one is still wanted. */
    private readonly begin: () => void,
  ) {}

  /** Of its clips: those that the file at hand lists. */
  readonly takeAlarms = (): Alarm[] => this.alarms.splice(0);

  get plan(): Pick<Clip['plan'], 'id' | 'takeAlarms' | 'segmentMs'> {
    return {
      id: this.cases.segmentId,
      takeAlarms: this.takeAlarms,
      segmentMs: this.options.segment * 1000,
    };
  }

  /** It is listed in the file at hand, and of a segment found again after a crash. */
  alarm(alarm: Alarm): void {
    if (this.alarms.length >= MAX_ALARMS) return;
    this.alarms.push(alarm);
    if (this.options.mode === 'continuous') this.cases.segmentAlarm(alarm);
  }

  /** Whether a file that is finished counts as a success: the disk is well again. */
  isWell(event: Extract<RecorderEvent, { type: 'finished' }>): boolean {
    const isWell = event.info.durationMs >= Math.min(this.options.segment * 500, WELL_MS);
    if (isWell) this.retryMs = RETRY_MS;
    return isWell;
  }

  retryLater(): void {
    this.stop();
    this.timer = this.deps.timers.set(this.begin, this.retryMs);
    this.retryMs = Math.min(this.retryMs * 2, MAX_RETRY_MS);
  }

  stop(): void {
    this.deps.timers.clear(this.timer);
  }
}
