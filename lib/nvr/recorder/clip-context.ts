// What a clip needs from its recorder, and the plan of what it is to contain.

import type { NvrError } from '../../errors.js';
import type { ClipUnit } from '../../media/gop-ring.js';
import type { UnitMemory } from '../../media/unit-memory.js';
import type { StreamStatistics } from '../types.js';
import type { Journal } from './journal.js';
import type { Sound } from './sound.js';
import type { Alarm, ClipInfo, RecorderDeps, RecorderEvent, RecorderOptions } from './types.js';

export interface ClipContext {
  readonly options: RecorderOptions;
  readonly deps: RecorderDeps;
  readonly stream: string;
  readonly sound: Sound;
  readonly memory: UnitMemory;
  readonly statistics: () => StreamStatistics;
  /** The frame rate before an outage, if it is known. */
  readonly usualRate?: () => number | undefined;
  readonly journal: () => Promise<Journal>;
  readonly emit: (event: RecorderEvent) => void;
  /** The reason why the stream does not play, or did not at a time after `since` (monotonic ms). */
  readonly trouble: (since: number) => NvrError | undefined;
}

export interface ClipPlan {
  readonly number: number;
  /** The alarm's id in the journal. */
  readonly id?: string;
  readonly reason: string;
  readonly source: ClipInfo['source'];
  /** The first alarm, on both clocks; it determines the file's name. Without one, the file's start does. */
  readonly alarmed?: { readonly monotonic: number; readonly time: number };
  /**
   * The requested start, in monotonic ms: earlier units are recorded only if later ones depend on them.
   * Undefined: from the first unit on.
   */
  readonly from?: number;
  /**
   * Players skip to `from`, although the file begins with the keyframe before it. The file's name has the
   * time of `from`.
   */
  readonly cut?: true;
  /** The alarms to list for the file that ends. */
  readonly takeAlarms: () => readonly Alarm[];
  /** After this many ms, the next keyframe begins another file. */
  readonly segmentMs?: number;
  /** Rank among the recordings: if the disk cannot take all of them, the lowest is written first. */
  readonly order: number;
  /** Resolves when the alarm is in the journal; never rejects. */
  readonly noted?: Promise<void>;
}

/** The time of a unit, in monotonic ms. */
export function timeOf(unit: ClipUnit): number {
  return unit.mediaTime ?? unit.arrival;
}

/**
 * Converts monotonic ms to epoch ms by the clock as it was at the alarm: it may be set before the clip ends,
 * and the span must keep its length.
 */
export function epochOf(monotonic: number, alarmed: NonNullable<ClipPlan['alarmed']>): number {
  return Math.round(alarmed.time + monotonic - alarmed.monotonic);
}
