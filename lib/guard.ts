// Nothing that is thrown in a timer's or a socket's callback may reach Node: it would end the process.

import { NvrError } from './errors.js';

/** The work as a callback that never throws; what it threw is told, once each time. */
export function guarded(work: () => void, onThrown: (error: NvrError) => void): () => void {
  return () => {
    try {
      work();
    } catch (error) {
      onThrown(
        error instanceof NvrError
          ? error
          : new NvrError('EPROTOCOL', 'What the server sent could not be handled.', { cause: error }),
      );
    }
  };
}
