// A recorded span as units to be read one after the other: a playback run behind a queue that tells it when
// to wait.

import { randomUUID } from 'node:crypto';
import type { VideoUnit } from '../../codec/unit.js';
import type { NvrError } from '../../errors.js';
import type { PlaybackHandlers, PlaybackRun, RunEnd } from './run.js';
import type { PlaybackRuns } from './runs.js';

export interface RecordedSpan {
  readonly channel: number;
  readonly stream: string;
  /** Epoch ms. */
  readonly from: number;
  readonly to: number;
  /** Of recording; 0 where none is given. */
  readonly group?: number;
}

/** The story of the run behind it. */
export type SpanHandlers = Omit<PlaybackHandlers, 'onUnit' | 'onEnd' | 'onPaused'>;

/** Bytes that wait for the reader before the NVR is asked to wait. */
const AHEAD_BYTES = 4 * 1024 * 1024;

/**
 * Waits until the NVR may have another run. Ends at `to`, or where the recording does; rejects with an
 * NvrError where it broke off. `signal` ends it.
 */
export async function* fetchSpan(
  runs: PlaybackRuns,
  { channel, stream, from, to, group = 0 }: RecordedSpan,
  signal: AbortSignal,
  handlers: SpanHandlers = {},
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
      waiting += unit.data.length;
      if (waiting > AHEAD_BYTES) run.hold();
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
        waiting -= unit.data.length;
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
    await run.stop();
  }
}
