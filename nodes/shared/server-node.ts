// What flow nodes see of the config node, and how they attach to it.

import type { Node, NodeAPI } from 'node-red';
import { NvrError } from '../../lib/errors.js';
import type { Nvr } from '../../lib/nvr/nvr.js';
import type { NvrSettings } from '../../lib/nvr/types.js';
import type { SettingProblem } from './settings-reader.js';

export interface NvrServerNode extends Node {
  /** A plain object: core passes the config node's errors and status to the tabs of these nodes. */
  users: Record<string, Node>;
  settings: NvrSettings;
  /** Absent while a setting cannot be used. */
  nvr: Nvr | undefined;
  problem: SettingProblem | undefined;
  register(node: Node): void;
  deregister(node: Node): void;
}

/** The config node of a flow node's `nvr` property. Throws EINPUT that says what is missing. */
export function serverOf(RED: NodeAPI, id: unknown): NvrServerNode {
  const server = typeof id === 'string' ? (RED.nodes.getNode(id) as NvrServerNode | null) : null;
  if (server === null || typeof server.register !== 'function') {
    throw new NvrError('EINPUT', 'The setting "nvr" names no NVR; choose one in the node’s dialog.');
  }
  return server;
}

/** The library's NVR of a config node. Throws EINPUT that names the setting which cannot be used. */
export function nvrOf(server: NvrServerNode): Nvr {
  if (server.nvr === undefined) {
    throw new NvrError('EINPUT', server.problem?.message ?? 'The NVR’s settings cannot be used.');
  }
  return server.nvr;
}

/** Runs `start` once the flows run, so that what it reports reaches Catch and Status nodes made after this node. Answers how to call it off. */
export function whenFlowsRun(RED: NodeAPI, start: () => void): () => void {
  let done = false;
  const once = (): void => {
    if (done) return;
    cancel();
    start();
  };
  const cancel = (): void => {
    done = true;
    clearTimeout(timer);
    RED.events.removeListener('flows:started', once);
  };
  // Should the event never come, nodes start all the same.
  const timer = setTimeout(once, 2_000);
  RED.events.on('flows:started', once);
  return cancel;
}
