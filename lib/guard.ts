// Guards callbacks of timers and sockets: an error thrown in one would end the Node process.

import { NvrError } from './errors.js';

/** Wraps `work` in a callback that never throws and reports each error to `onThrown`. */
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

/**
 * Node's timers behind the interface that takes timers as an argument. Errors thrown in a timer are reported
 * to `onThrown`.
 */
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
