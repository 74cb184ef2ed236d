// What flow nodes see of the config node, and how they attach to it.

import type { Node, NodeAPI } from 'node-red';
import { NvrError } from '../../lib/errors.js';
import type { Nvr } from '../../lib/nvr/nvr.js';
import type { Trace } from '../../lib/nvr/trace.js';
import type { NvrSettings } from '../../lib/nvr/types.js';
import type { SettingProblem } from './settings/read.js';

const FALLBACK_MS = 2_000;

export interface NvrServerNode extends Node {
  /** A plain object: core passes the config node's errors and status to the tabs of these nodes. */
  users: Record<string, Node>;
  settings: NvrSettings;
  /** The properties as core hands them over, variables filled in; no credentials. */
  saved: Readonly<Record<string, unknown>>;
  /** What was said to the NVR while its trace is on. */
  exchanges: Trace;
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

/** Starts that wait for the flows to run; one listener for all, since a flow may hold hundreds of nodes. */
const waiting = new Set<() => void>();

function flowsStarted(): void {
  for (const once of [...waiting]) once();
}

/**
 * Runs `start` once the flows run, so that what it reports reaches Catch and Status nodes made after this
 * node. Answers how to call it off.
 */
export function whenFlowsRun(RED: NodeAPI, start: () => void): () => void {
  // Another runtime in this process has another emitter, and a restarted one may have lost its listeners.
  if (!RED.events.listeners('flows:started').includes(flowsStarted))
    RED.events.on('flows:started', flowsStarted);
  const once = (): void => {
    if (!waiting.delete(once)) return;
    clearTimeout(timer);
    start();
  };
  // Should the event never come, nodes start all the same.
  const timer = setTimeout(once, FALLBACK_MS);
  waiting.add(once);
  return () => {
    waiting.delete(once);
    clearTimeout(timer);
  };
}
