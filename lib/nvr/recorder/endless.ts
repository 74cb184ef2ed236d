// Continuous recording: one file after the other, with retries after a failure at growing intervals.

import type { Clip } from './clip.js';
import type { Cases } from './cases.js';
import type { Alarm, RecorderDeps, RecorderEvent, RecorderOptions } from './types.js';

const MAX_ALARMS = 1000;
const RETRY_MS = 5000;
const MAX_RETRY_MS = 60_000;
/** A file that lasts this long (ms), or half of its segment, counts as a success. */
const SUCCESS_MS = 30_000;

export class Endless {
  /** The alarms in the present segment. */
  private readonly alarms: Alarm[] = [];
  private timer: unknown;
  private retryMs = RETRY_MS;

  constructor(
    private readonly options: Pick<RecorderOptions, 'mode' | 'segment'>,
    private readonly deps: Pick<RecorderDeps, 'timers'>,
    private readonly cases: Cases,
    /** Begins a recording, if one is still wanted. */
    private readonly begin: () => void,
  ) {}

  /** Returns the alarms to list for the present file. */
  readonly takeAlarms = (): Alarm[] => this.alarms.splice(0);

  get plan(): Pick<Clip['plan'], 'id' | 'takeAlarms' | 'segmentMs'> {
    return {
      id: this.cases.segmentId,
      takeAlarms: this.takeAlarms,
      segmentMs: this.options.segment * 1000,
    };
  }

  /** Lists an alarm in the present file. In continuous mode the journal keeps it, too, in case of a crash. */
  alarm(alarm: Alarm): void {
    if (this.alarms.length >= MAX_ALARMS) return;
    this.alarms.push(alarm);
    if (this.options.mode === 'continuous') this.cases.segmentAlarm(alarm);
  }

  /** Resets the retries if a finished file shows that the disk works again. Returns whether it does. */
  onFinished(event: Extract<RecorderEvent, { type: 'finished' }>): boolean {
    const isSuccess = event.info.durationMs >= Math.min(this.options.segment * 500, SUCCESS_MS);
    if (isSuccess) this.retryMs = RETRY_MS;
    return isSuccess;
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
