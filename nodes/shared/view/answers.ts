// Helpers for answering requests to a view's site.

import type { ServerResponse } from 'node:http';
import { asNvrError } from '../../../lib/errors.js';

export function sendJson(response: ServerResponse, status: number, value: object): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
}

/**
 * Runs until the work is done or the client disconnects. An error is sent with its code, or ends a response
 * that has begun. Never rejects.
 */
export async function answerUntilGone(
  response: ServerResponse,
  run: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => {
    gone.abort();
  });
  try {
    await run(gone.signal);
  } catch (error) {
    if (gone.signal.aborted) return;
    const { code, message } = asNvrError(error, 'EDECODE', 'It could not be made.');
    if (response.headersSent) response.end();
    else sendJson(response, code === 'EINPUT' ? 400 : 503, { code, reason: message });
  }
}

/** Resolves when the bytes were handed to the operating system, or the client has disconnected. */
export function written(response: ServerResponse, bytes: Buffer, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      signal.removeEventListener('abort', done);
      resolve();
    };
    signal.addEventListener('abort', done);
    response.write(bytes, done);
  });
}
