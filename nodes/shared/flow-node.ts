// Common to all flow nodes: waits until the flows run, reads the settings or shows which one is invalid,
// answers each input once, closes once.

import type { Node, NodeAPI, NodeDef, NodeMessageInFlow } from 'node-red';
import { asNvrError, NvrError } from '../../lib/errors.js';
import type { Nvr } from '../../lib/nvr/nvr.js';
import type { Outputs } from './output/outlet.js';
import { refuseSettings } from './refuse.js';
import { nvrOf, serverOf, whenFlowsRun, type NvrServerNode } from './server-node.js';
import { migrate } from './settings/migrations.js';
import { readSettings, withVariables } from './settings/read.js';
import type { SettingsOf, SettingsTable } from './settings/setting.js';
import { IDLE } from './status.js';

export type Saved = NodeDef & Readonly<Record<string, unknown>>;
export type Send = (outputs: Outputs) => void;

/** An incoming message; its properties may have any type. */
export type Input = NodeMessageInFlow & Readonly<Record<string, unknown>>;

/** What a node's own part receives. */
export interface FlowContext<T extends SettingsTable> {
  readonly RED: NodeAPI;
  readonly node: Node;
  readonly server: NvrServerNode;
  readonly nvr: Nvr;
  readonly settings: SettingsOf<T>;
  /** Version of the dialog that saved the node. Defaults changed since then do not apply to older nodes. */
  readonly savedVersion: number;
  /** Aborted when the node closes. */
  readonly signal: AbortSignal;
}

/** The node type's own part. */
export interface FlowPart {
  /** Called when the flows run: messages sent from now on reach every node. */
  start?(): void;
  /** Resolves when the message is handled. Rejections and thrown errors go to Catch. */
  input?(message: Input, send: Send): unknown;
  /**
   * May take up to 15 s, the time that Node-RED allows. `removed`: the node was deleted and will not start
   * again.
   */
  close?(removed: boolean): unknown;
}

/**
 * Registers a node type whose nodes belong to an NVR. If `create` throws, the node gets a red badge, and
 * Catch the error.
 */
export function flowNode<const T extends SettingsTable>(
  RED: NodeAPI,
  type: string,
  table: T,
  create: (context: FlowContext<T>) => FlowPart,
): void {
  function Constructor(this: Node, saved: Saved): void {
    RED.nodes.createNode(this, saved);
    this.status(IDLE);
    new FlowNode({ RED, type, table, create }, this, saved);
  }
  RED.nodes.registerType(type, Constructor as never);
}

interface NodeType<T extends SettingsTable> {
  readonly RED: NodeAPI;
  readonly type: string;
  readonly table: T;
  readonly create: (context: FlowContext<T>) => FlowPart;
}

/** One node, from its creation to its close. */
class FlowNode<T extends SettingsTable> {
  private readonly ending = new AbortController();
  private server: NvrServerNode | undefined;
  private part: FlowPart | undefined;
  private isStarted = false;
  private isRefused = false;
  /** Resolves when the flows run (`flowsRun` is true then), or when the node closes before that. */
  private readonly whenRunning: Promise<void>;
  private resolveRunning!: () => void;
  private flowsRun = false;
  private readonly cancelStart: () => void;
  private closed: Promise<void> | undefined;

  constructor(
    private readonly nodeType: NodeType<T>,
    private readonly node: Node,
    private readonly saved: Saved,
  ) {
    this.whenRunning = new Promise((resolve) => {
      this.resolveRunning = resolve;
    });
    this.cancelStart = whenFlowsRun(nodeType.RED, () => {
      this.onFlowsRun();
      this.resolveRunning();
    });
    node.on('input', (message, send, done) => {
      this.input(message, send).then(
        () => {
          done();
        },
        (error: unknown) => {
          done(asNvrError(error, 'EINPUT', 'The message could not be handled.'));
        },
      );
    });
    node.on('close', (removed: boolean, done: () => void) => {
      void this.close(removed).then(done);
    });
  }

  private onFlowsRun(): void {
    this.flowsRun = true;
    try {
      this.open();
    } catch (error) {
      this.isRefused = true;
      refuseSettings(this.node, error);
    }
  }

  /** Messages that come before the flows run wait for that. */
  private async input(message: Input, send: Send): Promise<void> {
    if (!this.flowsRun) await this.whenRunning;
    await this.open().input?.(message, send);
  }

  /** Idempotent; never rejects. */
  private async close(removed: boolean): Promise<void> {
    this.cancelStart();
    this.ending.abort();
    this.resolveRunning();
    this.closed ??= this.closePart(removed);
    await this.closed;
    this.server?.deregister(this.node);
  }

  private async closePart(removed: boolean): Promise<void> {
    try {
      await this.part?.close?.(removed);
    } catch (error) {
      this.node.warn(asNvrError(error, 'EINPUT', 'The node could not be closed properly.').message);
    }
  }

  /**
   * Makes the node's own part and starts it, once the flows run. Tries again with each message: what failed
   * before, such as an invalid setting of the NVR, may be corrected by then.
   */
  private open(): FlowPart {
    if (this.ending.signal.aborted) throw new NvrError('EINPUT', 'The node is closed.');
    this.part ??= this.make();
    if (!this.isStarted) {
      this.isStarted = true;
      this.part.start?.();
    }
    return this.part;
  }

  private make(): FlowPart {
    const { node, saved } = this;
    const { RED, type, table, create } = this.nodeType;
    const server = serverOf(RED, saved.nvr);
    const variable = (name: string): unknown => RED.util.evaluateNodeProperty(name, 'env', node, {});
    const part = create({
      RED,
      node,
      server,
      nvr: nvrOf(server),
      settings: readSettings(table, withVariables(table, migrate(type, saved), variable), server.settings),
      savedVersion: Number(saved.version ?? 0),
      signal: this.ending.signal,
    });
    if (this.isRefused) node.status(IDLE);
    this.server = server;
    server.register(node);
    return part;
  }
}
