// A Node-RED of plain objects: nodes of this package run in it without a runtime, a server or a wire, and on
// whatever NVR the test gives them.

import { EventEmitter } from 'node:events';
import type { NodeAPI, NodeMessage, NodeStatus } from 'node-red';
import type { Nvr } from '../../lib/nvr/nvr.js';
import type { NvrSettings } from '../../lib/nvr/types.js';
import type { NvrServerNode } from '../../nodes/shared/server-node.js';
import { defaultsOf } from '../../nodes/shared/settings/read.js';
import { TABLES } from '../../nodes/shared/settings/tables/index.js';
import { settingsFor } from './settings.js';

type Message = NodeMessage & Record<string, unknown>;
type Outputs = (Message | null)[];

/** How a message was answered: `done` was called once, with this error or none. */
interface Answer {
  readonly error: (Error & { code?: string }) | undefined;
  readonly sent: Outputs[];
}

export class FakeNode extends EventEmitter {
  readonly id: string;
  readonly type: string;
  readonly name: string | undefined;
  readonly sent: Outputs[] = [];
  readonly statuses: NodeStatus[] = [];
  readonly warnings: string[] = [];
  /** What Catch gets. */
  readonly errors: { readonly code: string; readonly message: string; readonly about: object }[] = [];
  /** How often `done` was called for messages. */
  done = 0;

  constructor({ id, type, name }: { id: string; type: string; name?: string | undefined }) {
    super();
    this.id = id;
    this.type = type;
    this.name = name;
  }

  send(outputs: Outputs): void {
    this.sent.push(outputs);
  }

  status(status: NodeStatus): void {
    this.statuses.push(status);
  }

  warn(text: string): void {
    this.warnings.push(text);
  }

  error(error: Error & { code?: string }, about: object): void {
    this.errors.push({ code: String(error.code), message: error.message, about });
  }

  get badge(): string {
    const { fill, shape, text } = this.statuses.at(-1) ?? {};
    return `${fill} ${shape} ${text}`;
  }

  /** The payloads that left by an output, from 0. */
  payloads(output: number): unknown[] {
    return this.sent.flatMap((outputs) => (outputs[output] == null ? [] : [outputs[output].payload]));
  }

  receive(message: object): Promise<Answer> {
    return new Promise((resolve) => {
      const sent: Outputs[] = [];
      this.emit(
        'input',
        message,
        (outputs: Outputs) => sent.push(outputs),
        (error?: Error) => {
          this.done++;
          resolve({ error, sent });
        },
      );
    });
  }

  close(removed = false): Promise<void> {
    return new Promise((resolve) => {
      this.emit('close', removed, resolve);
    });
  }
}

export class FakeRed {
  readonly events = new EventEmitter();
  readonly nodesById = new Map<string, object>();
  /** The properties of each node in the flow file. */
  readonly raw: Record<string, unknown>[] = [];
  readonly settings: Record<string, unknown> = {};
  private readonly types = new Map<string, (this: object, saved: object) => void>();

  readonly RED = {
    events: this.events,
    settings: this.settings,
    nodes: {
      registerType: (type: string, make: (this: object, saved: object) => void) => this.types.set(type, make),
      createNode: (): void => undefined,
      getNode: (id: string): object | null => this.nodesById.get(id) ?? null,
      eachNode: (each: (one: object) => void): void => {
        this.raw.forEach(each);
      },
    },
    util: {
      cloneMessage: <T>(message: T): T => structuredClone(message),
      getMessageProperty: (message: unknown, path: string): unknown =>
        path.split('.').reduce((value, key) => (value as Record<string, unknown>)[key], message),
      evaluateNodeProperty: (name: string): unknown => this.variables[name],
    },
  } as unknown as NodeAPI;

  constructor(readonly variables: Record<string, unknown> = {}) {}

  /** A config node whose NVR is what the test says. */
  server(nvr: object | undefined, settings: Partial<NvrSettings> = {}, id = 'nvr'): FakeServer {
    const server = new FakeServer(id, nvr, settingsFor(554, { name: 'Home', ...settings }));
    this.nodesById.set(id, server);
    this.raw.push({ id, type: 'nvr-server' });
    return server;
  }

  /** Makes a node of a type of the package, with its defaults for what is not given. */
  make(module: (red: NodeAPI) => void, type: string, saved: object = {}): FakeNode {
    if (!this.types.has(type)) module(this.RED);
    const all = { ...defaultsOf(TABLES[type] ?? {}), id: 'node', type, nvr: 'nvr', version: 1, ...saved };
    const node = new FakeNode(all);
    this.nodesById.set(node.id, node);
    this.types.get(type)!.call(node, all);
    return node;
  }

  /** The flows run. */
  run(): void {
    this.events.emit('flows:started');
  }
}

export class FakeServer extends FakeNode {
  readonly users: Record<string, unknown> = {};
  readonly saved = {};
  problem: { property: string; message: string } | undefined;

  constructor(
    id: string,
    public nvr: object | undefined,
    readonly settings: NvrSettings,
  ) {
    super({ id, type: 'nvr-server' });
  }

  register(node: FakeNode): void {
    this.users[node.id] = node;
  }

  deregister(node: FakeNode): void {
    // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- as the config node does
    delete this.users[node.id];
  }

  get asServer(): NvrServerNode {
    return this as unknown as NvrServerNode;
  }

  get asNvr(): Nvr {
    return this.nvr as Nvr;
  }
}

/** Lets what is due in this turn of the event loop, and in its promises, happen. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
