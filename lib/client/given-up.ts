// What is given up while it is under way ends at once, whatever it waits for.

import { NvrError } from '../errors.js';

/** What everything rejects with that its caller gave up. */
export function givenUp(): NvrError {
  return new NvrError('EUNREACHABLE', 'The session was closed while it was being opened.');
}

export function throwIfGivenUp(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw givenUp();
}

/**
 * The work, or a rejection as soon as it is given up; what it comes to later is the work's own to dispose of.
 */
export async function unlessGivenUp<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  // Nobody waits for it any more when it fails late.
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
