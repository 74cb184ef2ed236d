// What a recording needs of the recorder it belongs to, and what it is to hold.

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
  /** Pictures a second as they came before an outage, if that is known. */
  readonly usualRate?: () => number | undefined;
  readonly journal: () => Promise<Journal>;
  readonly emit: (event: RecorderEvent) => void;
  /** Why the stream does not play, while it does not. */
  readonly trouble: () => NvrError | undefined;
}

export interface ClipPlan {
  readonly number: number;
  /** Of the case in the journal. */
  readonly id?: string;
  readonly reason: string;
  readonly source: ClipInfo['source'];
  /** The first alarm, on both clocks: it dates the file. None: the file's own start does. */
  readonly alarmed?: { readonly monotonic: number; readonly time: number };
  /**
   * Monotonic ms from which on pictures are asked for: earlier ones are recorded only where later ones need
   * them. None: from the first one on.
   */
  readonly from?: number;
  /** Players begin at `from`, though the file begins with the keyframe before it; its name is that time's. */
  readonly cut?: true;
  /** Those to be listed of the file that ends. */
  readonly takeAlarms: () => readonly Alarm[];
  /** Milliseconds after which a keyframe begins another file. */
  readonly segmentMs?: number;
  /** When the disk cannot take all recordings, the lowest goes first. */
  readonly order: number;
  /** Settled when the case stands in the journal; never rejects. */
  readonly noted?: Promise<void>;
}

/** Where a unit lies in time, monotonic ms. */
export function timeOf(unit: ClipUnit): number {
  return unit.mediaTime ?? unit.arrival;
}
