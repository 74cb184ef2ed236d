// The config node as flow nodes see it, and how they attach to it.

import type { Node, NodeAPI } from 'node-red';
import { NvrError } from '../../lib/errors.js';
import type { Nvr } from '../../lib/nvr/nvr.js';
import type { Trace } from '../../lib/nvr/trace.js';
import type { NvrSettings } from '../../lib/nvr/types.js';
import type { SettingProblem } from './settings/read.js';

const FALLBACK_MS = 2_000;

export interface NvrServerNode extends Node {
  /**
   * A plain object, because Node-RED's core uses it to pass the config node's errors and status to the tabs
   * of these nodes.
   */
  users: Record<string, Node>;
  settings: NvrSettings;
  /** The properties from Node-RED with variables replaced; without credentials. */
  saved: Readonly<Record<string, unknown>>;
  /** Trace of the NVR's dialogue, while it is switched on. */
  exchanges: Trace;
  /** Undefined while a setting is invalid. */
  nvr: Nvr | undefined;
  problem: SettingProblem | undefined;
  register(node: Node): void;
  deregister(node: Node): void;
}

/** The config node for a flow node's `nvr` property. Throws EINPUT that says what is missing. */
export function serverOf(RED: NodeAPI, id: unknown): NvrServerNode {
  const server = typeof id === 'string' ? (RED.nodes.getNode(id) as NvrServerNode | null) : null;
  if (server === null || typeof server.register !== 'function') {
    throw new NvrError('EINPUT', 'The setting "nvr" names no NVR; choose one in the node’s dialog.');
  }
  return server;
}

/** The library's NVR of a config node. Throws EINPUT that names the invalid setting. */
export function nvrOf(server: NvrServerNode): Nvr {
  if (server.nvr === undefined) {
    throw new NvrError(
      'EINPUT',
      server.problem?.message ?? 'A setting of the NVR is not valid; its dialog shows which.',
    );
  }
  return server.nvr;
}

/**
 * Callbacks waiting for the flows to run; a single listener for all, because a flow may have hundreds of
 * nodes.
 */
const waiting = new Set<() => void>();

function flowsStarted(): void {
  for (const once of waiting) once();
}

/**
 * Runs `start` once the flows run, so that its reports reach Catch and Status nodes created after this node.
 * Returns a function that cancels it.
 */
export function whenFlowsRun(RED: NodeAPI, start: () => void): () => void {
  // Another runtime in this process has its own emitter, and a restarted one may have lost its listeners.
  if (!RED.events.listeners('flows:started').includes(flowsStarted))
    RED.events.on('flows:started', flowsStarted);
  const once = (): void => {
    cancel();
    start();
  };
  // If the event never comes, nodes start anyway.
  const cancel = (): void => {
    waiting.delete(once);
    clearTimeout(timer);
  };
  const timer = setTimeout(once, FALLBACK_MS);
  waiting.add(once);
  return cancel;
}
