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
    const ending = new AbortController();
    let server: NvrServerNode | undefined;
    let part: FlowPart | undefined;
    let flowsRun = false;
    let isRefused = false;
    let isStarted = false;

    /**
     * Try again with each message: what failed at the start, such as invalid settings of the NVR, may be
     * fixed by then.
     */
    const open = (): FlowPart => {
      if (ending.signal.aborted) throw new NvrError('EINPUT', 'The node is closed.');
      part ??= make();
      if (flowsRun && !isStarted) {
        isStarted = true;
        part.start?.();
      }
      return part;
    };

    const make = (): FlowPart => {
      const config = serverOf(RED, saved.nvr);
      const variable = (name: string): unknown => RED.util.evaluateNodeProperty(name, 'env', this, {});
      const context = {
        RED,
        node: this,
        server: config,
        nvr: nvrOf(config),
        settings: readSettings(table, withVariables(table, migrate(type, saved), variable), config.settings),
        savedVersion: Number(saved.version ?? 0),
        signal: ending.signal,
      };
      const made = create(context);
      if (isRefused) this.status(IDLE);
      server = config;
      server.register(this);
      return made;
    };

    let begin!: () => void;
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    const cancel = whenFlowsRun(RED, () => {
      flowsRun = true;
      try {
        open();
      } catch (error) {
        isRefused = true;
        refuseSettings(this, error);
      }
      begin();
    });
    this.on('input', (message, send, done) => {
      const take = (): unknown => open().input?.(message, send);
      answer(() => (flowsRun ? take() : begun.then(take))).then(
        () => {
          done();
        },
        (error: unknown) => {
          done(asNvrError(error, 'EINPUT', 'The message could not be handled.'));
        },
      );
    });

    let closed: Promise<void> | undefined;
    this.on('close', (removed: boolean, done: () => void) => {
      cancel();
      ending.abort();
      closed ??= answer(() => part?.close?.(removed)).then(
        () => undefined,
        (error: unknown) => {
          this.warn(asNvrError(error, 'EINPUT', 'The node could not be closed properly.').message);
        },
      );
      void closed.then(() => {
        server?.deregister(this);
        done();
      });
    });
  }
  RED.nodes.registerType(type, Constructor as never);
}

/** Turns a synchronous exception into a rejection. */
async function answer(work: () => unknown): Promise<void> {
  await work();
}
