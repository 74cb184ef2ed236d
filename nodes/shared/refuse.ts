// Reports invalid settings.

import type { Node } from 'node-red';
import { asNvrError } from '../../lib/errors.js';
import { invalidSetting } from './status.js';

/** Shows a red badge that names the invalid setting, and sends the error to Catch. */
export function refuseSettings(node: Node, error: unknown): void {
  const invalid = asNvrError(error, 'EINPUT', 'The node’s settings cannot be used.');
  node.status(invalidSetting(/"(\w+)"/.exec(invalid.message)?.[1] ?? 'settings'));
  node.error(invalid, {});
}
