// Values that messages give in place of settings.

import type { NodeAPI, NodeMessage } from 'node-red';
import { NvrError } from '../../../lib/errors.js';
import { isEmpty } from './check.js';

interface Context {
  readonly RED: Pick<NodeAPI, 'util'>;
  readonly settings: Readonly<Record<string, unknown>>;
}

/** Whether the dialog says that the setting comes from a message property. */
export function isFromMessage({ settings }: Context, property: string): boolean {
  return settings[`${property}Type`] === 'msg';
}

/**
 * The value for a message: the property chosen in the dialog, which must exist; if none is chosen, the
 * message property with the setting's name; else the setting. Throws EINPUT.
 */
export function givenFor(
  context: Context,
  property: string,
  message: NodeMessage & Readonly<Record<string, unknown>>,
): unknown {
  const own = context.settings[property];
  if (!isFromMessage(context, property)) return isEmpty(message[property]) ? own : message[property];
  const path = String(own);
  const given = propertyOf(context, message, path);
  if (isEmpty(given))
    throw new NvrError('EINPUT', `msg.${path} is missing, which the setting "${property}" comes from.`);
  return given;
}

/** Undefined also if an object on the path is missing. */
function propertyOf({ RED }: Context, message: NodeMessage, path: string): unknown {
  try {
    return RED.util.getMessageProperty(message, path) as unknown;
  } catch {
    return undefined;
  }
}
