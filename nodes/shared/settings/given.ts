// What a message gives in place of a setting.

import type { NodeAPI, NodeMessage } from 'node-red';
import { NvrError } from '../../../lib/errors.js';
import { isEmpty } from './check.js';

interface Context {
  readonly RED: Pick<NodeAPI, 'util'>;
  readonly settings: Readonly<Record<string, unknown>>;
}

/** Whether the dialog says that the setting comes from a property of each message. */
export function isFromMessage({ settings }: Context, property: string): boolean {
  return settings[`${property}Type`] === 'msg';
}

/**
 * The property that the dialog names, which must be there; where it names none, the message's property of the
 * setting's own name; else the setting. Throws EINPUT.
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

/** Undefined also where there is nothing that could have it. */
function propertyOf({ RED }: Context, message: NodeMessage, path: string): unknown {
  try {
    return RED.util.getMessageProperty(message, path) as unknown;
  } catch {
    return undefined;
  }
}
