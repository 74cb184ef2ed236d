// Reads a recorded span as a sequence of units: a playback run with a queue, which pauses the run if the
// reader is slow.

import { randomUUID } from 'node:crypto';
import type { VideoUnit } from '../../codec/unit.js';
import { unitCost } from '../../codec/unit-cost.js';
import type { NvrError } from '../../errors.js';
import { UNCOUNTED, type UnitMemory } from '../../media/unit-memory.js';
import type { PlaybackHandlers, PlaybackRun, RunEnd } from './run.js';
import type { PlaybackRuns } from './runs.js';

export interface RecordedSpan {
  readonly channel: number;
  readonly stream: string;
  /** Epoch ms. */
  readonly from: number;
  readonly to: number;
  /** The recording group; 0 by default. */
  readonly group?: number;
}

/** The further events of the playback run. */
export type SpanHandlers = Omit<PlaybackHandlers, 'onUnit' | 'onEnd' | 'onPaused'>;

/** The run is paused when units of more memory than this wait for the reader. */
const AHEAD_BYTES = 4 * 1024 * 1024;

/**
 * Waits until the NVR may have another run. Ends at `to` or at the end of the recording; rejects with an
 * NvrError if it broke off. `signal` ends it early. `memory` counts the units that wait for the reader: where
 * it has no room, the run is paused.
 */
export async function* fetchSpan(
  runs: PlaybackRuns,
  { channel, stream, from, to, group = 0 }: RecordedSpan,
  signal: AbortSignal,
  handlers: SpanHandlers = {},
  memory: UnitMemory = UNCOUNTED,
): AsyncGenerator<VideoUnit, void> {
  const queue: VideoUnit[] = [];
  let waiting = 0;
  let end: { readonly reason: RunEnd | 'error'; readonly error?: NvrError } | undefined;
  let wake: (() => void) | undefined;
  const woken = (): Promise<void> => new Promise((resolve) => (wake = resolve));
  const abort = (): void => wake?.();
  signal.addEventListener('abort', abort);
  try {
    while (runs.isFull && !signal.aborted) {
      runs.onceOneEnds(() => wake?.());
      await woken();
    }
  } finally {
    signal.removeEventListener('abort', abort);
  }
  if (signal.aborted) return;
  const request = { run: `fetch-${randomUUID()}`, channel, stream, group, from, to, speed: 0 };
  const run: PlaybackRun = runs.play(request, {
    ...handlers,
    onUnit: ({ unit, repeated }) => {
      if (repeated) return;
      queue.push(unit);
      waiting += unitCost(unit);
      if (!memory.hold(unit) || waiting > AHEAD_BYTES) run.hold();
      wake?.();
    },
    onEnd: (reason, error) => {
      end = { reason, ...(error !== undefined && { error }) };
      wake?.();
    },
  });
  const stop = (): void => void run.stop();
  signal.addEventListener('abort', stop);
  try {
    for (;;) {
      const unit = queue.shift();
      if (unit !== undefined) {
        waiting -= unitCost(unit);
        memory.release(unit);
        yield unit;
        if (waiting <= AHEAD_BYTES / 2) run.letGo();
      } else if (end !== undefined) {
        break;
      } else {
        await woken();
      }
    }
    if (end.error !== undefined) throw end.error;
  } finally {
    signal.removeEventListener('abort', stop);
    for (const unit of queue.splice(0)) memory.release(unit);
    await run.stop();
  }
}
