// Nothing that is thrown in a timer's or a socket's callback may reach Node: it would end the process.

import { NvrError } from './errors.js';

/** The work as a callback that never throws; what it threw is told, once each time. */
export function guarded(
  work: () => void,
  onThrown: (error: NvrError) => void,
  message = 'What the server sent could not be handled.',
): () => void {
  return () => {
    try {
      work();
    } catch (error) {
      onThrown(error instanceof NvrError ? error : new NvrError('EPROTOCOL', message, { cause: error }));
    }
  };
}

/** The system's timers, for what is told of its timers: nothing that is thrown in one ends the process. */
export function guardedTimers(onThrown: (error: NvrError) => void): {
  set(run: () => void, ms: number): unknown;
  clear(timer: unknown): void;
} {
  return {
    set: (run, ms) => setTimeout(guarded(run, onThrown, 'A task that was due failed.'), ms),
    clear: (timer) => {
      clearTimeout(timer as NodeJS.Timeout | undefined);
    },
  };
}
