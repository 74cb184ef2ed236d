// Aborting: a task that is given up ends at once, whatever it is waiting for.

import { NvrError } from '../errors.js';

/** The error of every task that its caller aborted. */
export function givenUp(): NvrError {
  return new NvrError('EUNREACHABLE', 'The session was closed while it was being opened.');
}

export function throwIfGivenUp(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw givenUp();
}

/**
 * Resolves with `work`, or rejects as soon as `signal` aborts. If `work` still resolves later, it must
 * dispose of its own result.
 */
export async function unlessGivenUp<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  // Prevents an unhandled rejection if `work` fails after the abort.
  work.catch(() => undefined);
  throwIfGivenUp(signal);
  let onAbort = (): void => undefined;
  const abort = new Promise<never>((_, reject) => {
    onAbort = () => {
      reject(givenUp());
    };
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work, abort]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
