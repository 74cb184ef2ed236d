// Helpers for answering requests to a view's site.

import type { ServerResponse } from 'node:http';
import { asNvrError, type NvrErrorCode } from '../../../lib/errors.js';

export function sendJson(response: ServerResponse, status: number, value: object): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
}

/** An error as pages get it; `code` and `reason` are for one that is no NvrError. */
export function errorBody(
  error: unknown,
  code?: NvrErrorCode,
  reason?: string,
): { code: string; reason: string } {
  const found = asNvrError(error, code, reason);
  return { code: found.code, reason: found.message };
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
    const body = errorBody(error, 'EDECODE', 'What the page asked for could not be made.');
    if (response.headersSent) response.end();
    else sendJson(response, body.code === 'EINPUT' ? 400 : 503, body);
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
