// What every flow node does alike: wait until the flows run, read the settings or show which one cannot be
// used, answer each input once, close once.

import type { Node, NodeAPI, NodeDef, NodeMessage, NodeMessageInFlow } from 'node-red';
import { NvrError } from '../../lib/errors.js';
import type { Nvr } from '../../lib/nvr/nvr.js';
import { asNvrError, refuseSettings } from './refuse.js';
import { nvrOf, serverOf, whenFlowsRun, type NvrServerNode } from './server-node.js';
import { migrate } from './settings/migrations.js';
import { readSettings, withVariables } from './settings/read.js';
import type { SettingsOf, SettingsTable } from './settings/setting.js';
import { IDLE } from './status.js';

export type Saved = NodeDef & Readonly<Record<string, unknown>>;
/** One message, or nothing, for each output. */
export type Outputs = (NodeMessage | null)[];
export type Send = (outputs: Outputs) => void;

/** A message as it comes in: its properties may be of any kind. */
export type Input = NodeMessageInFlow & Readonly<Record<string, unknown>>;

/** What a node's own part is given. */
export interface FlowContext<T extends SettingsTable> {
  readonly RED: NodeAPI;
  readonly node: Node;
  readonly server: NvrServerNode;
  readonly nvr: Nvr;
  readonly settings: SettingsOf<T>;
  /**
   * Whether the node was saved by a dialog of this version: defaults that changed since hold for those alone.
   */
  readonly savedVersion: number;
  /** Aborted as the node closes. */
  readonly signal: AbortSignal;
}

/** A node's own part. */
export interface FlowPart {
  /** The flows run: what is sent now reaches every node. */
  start?(): void;
  /**
   * Resolves when the message is answered for, and rejects with what goes to Catch; what it throws goes there
   * too.
   */
  input?(message: Input, send: Send): unknown;
  /**
   * May take as long as Node-RED gives a node to close, 15 s. `removed`: it is deleted, and not started
   * again.
   */
  close?(removed: boolean): unknown;
}

/**
 * Registers a node type whose nodes belong to an NVR. `create` throws what cannot be used: a red badge, and
 * Catch.
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
     * What could not be made at the start, an NVR's settings for instance, may be there by the time of a
     * message.
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
          done(asNvrError(error));
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
          this.warn(asNvrError(error).message);
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

/** What is thrown at once becomes a rejection. */
async function answer(work: () => unknown): Promise<void> {
  await work();
}
