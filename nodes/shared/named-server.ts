// The NVR that a message names.

import type { NodeAPI } from 'node-red';
import { NvrError } from '../../lib/errors.js';
import { printable } from '../../lib/text.js';
import type { NvrServerNode } from './server-node.js';
import { isEmpty } from './settings/check.js';

/** Most names listed in an error message. */
const MAX_LISTED = 16;
const MAX_NAME = 80;

/**
 * Returns the config node that `msg.nvr` names in this runtime, or `own`, the node's own, if it is empty.
 * Throws EINPUT with the list of names if none or several match.
 */
export function namedServer(RED: NodeAPI, own: NvrServerNode, given: unknown): NvrServerNode {
  if (isEmpty(given)) return own;
  const name = typeof given === 'string' ? key(given) : undefined;
  const servers = serversOf(RED);
  const [found, ...others] = servers.filter(({ settings }) => key(settings.name) === name);
  if (found !== undefined && others.length === 0) return found;
  const names = listOf(servers);
  if (typeof given !== 'string')
    throw new NvrError(
      'EINPUT',
      `msg.nvr must be text: the name of an NVR of this Node-RED; it has ${names}.`,
    );
  const fault = found === undefined ? 'names no NVR' : `names ${others.length + 1} NVRs`;
  const said = printable(given, MAX_NAME);
  throw new NvrError('EINPUT', `msg.nvr "${said}" ${fault} of this Node-RED; it has ${names}.`);
}

const key = (name: string): string => name.trim().toLowerCase();

function serversOf(RED: NodeAPI): NvrServerNode[] {
  const servers: NvrServerNode[] = [];
  RED.nodes.eachNode(({ id, type }) => {
    const server = type === 'nvr-server' ? (RED.nodes.getNode(id) as NvrServerNode | null) : null;
    if (server !== null) servers.push(server);
  });
  return servers;
}

function listOf(servers: readonly NvrServerNode[]): string {
  const names = servers.map(({ settings }) => `"${printable(settings.name, MAX_NAME)}"`);
  const more = names.length - MAX_LISTED;
  return names.slice(0, MAX_LISTED).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
