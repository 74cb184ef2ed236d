// A function node of an example outside Node-RED, with a clock, an environment and messages of the test.

import vm from 'node:vm';
import { exampleFlows, type FlowNode } from './flows.js';

export type Msg = Readonly<Record<string, unknown>>;

interface Options {
  readonly env?: Readonly<Record<string, string>>;
  readonly now?: () => number;
  /** Node.js modules by the names that the node has for them. */
  readonly libs?: Readonly<Record<string, unknown>>;
}

export class FunctionNode {
  readonly warnings: string[] = [];
  readonly errors: string[] = [];
  private readonly held = new Map<string, unknown>();
  private readonly run: (msg: Msg) => unknown;

  constructor(node: FlowNode, { env = {}, now = () => Date.now(), libs = {} }: Options = {}) {
    const context = {
      get: (name: string): unknown => this.held.get(name),
      set: (name: string, value: unknown) => this.held.set(name, value),
    };
    const self = {
      status: () => undefined,
      warn: (text: string) => this.warnings.push(text),
      error: (text: string) => this.errors.push(text),
    };
    class Clock extends Date {
      constructor(value?: string | number) {
        super(value ?? now());
      }
      static override now(): number {
        return now();
      }
    }
    const known = {
      ...{ context, node: self, env: { get: (name: string) => env[name] }, Date: Clock, Buffer, URL },
      ...libs,
    };
    const compile = (code: string, isAsync: boolean): ((...args: unknown[]) => unknown) =>
      vm.compileFunction(isAsync ? `return (async () => {${code}\n})();` : code, [
        'msg',
        ...Object.keys(known),
      ]) as (...args: unknown[]) => unknown;
    const values = Object.values(known);
    compile(typeof node.initialize === 'string' ? node.initialize : '', false)(undefined, ...values);
    const body = compile(String(node.func), String(node.func).includes('await '));
    this.run = (msg) => body(msg, ...values);
  }

  /** What it hands to each of its outputs. */
  take(msg: Msg): Msg[][] {
    const answer = this.run(msg) as (Msg | Msg[] | null)[];
    return answer.map((output) => [output ?? []].flat());
  }

  /** Of one that waits for something. */
  async wait(msg: Msg): Promise<Msg | null> {
    return (await this.run(msg)) as Msg | null;
  }
}

export function functionNode(example: string, name: string): FlowNode {
  return nodesOf(example).find((node) => node.type === 'function' && node.name === name)!;
}

export function nodesOf(example: string): readonly FlowNode[] {
  return exampleFlows().find((flow) => flow.name.startsWith(`${example} `))!.nodes;
}
