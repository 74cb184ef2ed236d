// node-red-node-test-helper on the Node-RED under test: this package's own, or the one of NODE_RED_HOME.

import { once } from 'node:events';
import { createRequire } from 'node:module';
import path from 'node:path';
import helper from 'node-red-node-test-helper';
import type { Node, NodeMessage } from 'node-red';
import healthPingNode from '../../nodes/nvr-health-ping.js';
import liveStreamNode from '../../nodes/nvr-live-stream.js';
import playbackNode from '../../nodes/nvr-playback.js';
import recordNode from '../../nodes/nvr-record.js';
import serverNode from '../../nodes/nvr-server.js';
import snapshotNode from '../../nodes/nvr-snapshot.js';

/** Where the Node-RED under test is resolved from. */
export const NODE_RED_HOME = process.env.NODE_RED_HOME ?? path.join(__dirname, '..', '..');

helper.init(createRequire(path.join(NODE_RED_HOME, 'package.json')).resolve('node-red'));

export { helper };

/** Hooks that start a server for each test, and afterwards unload the flows and stop it. */
export function serveNodes(): void {
  beforeEach(function (done) {
    helper.startServer(done);
  });

  afterEach(async () => {
    await helper.unload();
    await new Promise<void>((resolve) => {
      helper.stopServer(() => {
        resolve();
      });
    });
  });
}

export type Message = NodeMessage & Record<string, unknown>;

/** Messages of one wire, and a promise of one that fits. */
export class Sink {
  readonly messages: Message[] = [];
  private readonly waits: { fits: (message: Message) => boolean; resolve: (message: Message) => void }[] = [];

  constructor(node: Node) {
    node.on('input', (message: NodeMessage) => {
      this.messages.push(message);
      for (const wait of this.waits) if (wait.fits(message)) wait.resolve(message);
    });
  }

  /** The first message that fits, past or to come. */
  first(fits: (message: Message) => boolean): Promise<Message> {
    const found = this.messages.find(fits);
    return found === undefined ? this.next(fits) : Promise.resolve(found);
  }

  next(fits: (message: Message) => boolean): Promise<Message> {
    return new Promise((resolve) => this.waits.push({ fits, resolve }));
  }

  word(payload: string): Promise<Message> {
    return this.first((message) => message.payload === payload);
  }
}

export interface Credentials {
  username?: string;
  password?: string;
}

/**
 * A tab with one NVR, a Catch, a Complete and a Status node. Wires of the flow nodes lead to helper nodes of
 * these names.
 */
export function flowWith(server: object, nodes: object[], sinks: string[] = ['out', 'event']): object[] {
  return [
    { id: 'tab', type: 'tab', label: 'tab' },
    { id: 'nvr', type: 'nvr-server', name: 'Home', host: '127.0.0.1', ...server },
    ...nodes.map((node) => ({ z: 'tab', nvr: 'nvr', ...node })),
    { id: 'catch-node', z: 'tab', type: 'catch', scope: null, uncaught: false, wires: [['catch']] },
    { id: 'status-node', z: 'tab', type: 'status', scope: null, wires: [['status']] },
    {
      id: 'complete-node',
      z: 'tab',
      type: 'complete',
      scope: nodes.map((node) => (node as { id: string }).id),
      wires: [['complete']],
    },
    ...[...sinks, 'catch', 'status', 'complete'].map((id) => ({ id, z: 'tab', type: 'helper' })),
  ];
}

/** A live-stream node in that flow. */
export function liveFlow(server: object, live: object = {}): object[] {
  return flowWith(server, [{ id: 'live', type: 'nvr-live-stream', wires: [['out'], ['event']], ...live }]);
}

/** Loads a flow; `credentials` are those of the node `nvr`. Answers the sink of each helper node. */
export function load(flow: object[], credentials: Credentials = {}): Promise<(id: string) => Sink> {
  return loadWith(flow, { nvr: credentials });
}

/** The same with credentials by config node. */
export async function loadWith(
  flow: object[],
  credentials: Record<string, Credentials>,
): Promise<(id: string) => Sink> {
  await helper.load(
    [serverNode, liveStreamNode, playbackNode, snapshotNode, recordNode, healthPingNode] as never,
    flow,
    credentials,
  );
  const sinks = new Map<string, Sink>();
  for (const node of flow as { id: string; type: string }[]) {
    if (node.type === 'helper') sinks.set(node.id, new Sink(helper.getNode(node.id) as Node));
  }
  return (id) => sinks.get(id)!;
}

/**
 * Deploys a flow anew, and waits until it runs. The test helper's own `setFlows` gives up after 300 ms,
 * though a node may take longer to close.
 */
export async function deployAnew(flow: object[], type: 'full' | 'nodes' = 'full'): Promise<void> {
  const started = once(helper._events, 'flows:started');
  await helper._redNodes.setFlows(flow, {}, type);
  await started;
}

/** Statuses of a node so far. The test helper's spy is one for all nodes. */
export function statuses(id: string): { fill: string; shape: string; text: string }[] {
  const node = helper.getNode(id) as {
    status: { args: [{ fill: string; shape: string; text: string }][]; thisValues: unknown[] };
  };
  const { args, thisValues } = node.status;
  return args.filter((_, i) => thisValues[i] === node).map(([status]) => status);
}
