// What is done with a setting or message that cannot be used.

import type { Node } from 'node-red';
import { NvrError, type NvrErrorCode } from '../../lib/errors.js';
import { invalidSetting } from './status.js';

/** Every error that a node tells is one of ours; what is not gets `code`. */
export function asNvrError(
  error: unknown,
  code: NvrErrorCode = 'EINPUT',
  message = 'This cannot be used.',
): NvrError {
  return error instanceof NvrError ? error : new NvrError(code, message, { cause: error });
}

/** A setting that cannot be used: a red badge that names it, and Catch. */
export function refuseSettings(node: Node, error: unknown): void {
  const told = asNvrError(error, 'EINPUT', 'The node’s settings cannot be used.');
  node.status(invalidSetting(/"(\w+)"/.exec(told.message)?.[1] ?? 'settings'));
  node.error(told, {});
}
