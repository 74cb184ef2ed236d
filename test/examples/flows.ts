// The example flows, as files.

import fs from 'node:fs';
import path from 'node:path';

export const EXAMPLES = path.join(__dirname, '..', '..', 'examples');
/** The flow behind the demo's page is judged like an example. */
const DEMO_FLOW = path.join(__dirname, '..', '..', 'lib', 'simulator', 'demo', 'flow.json');

export interface FlowNode {
  readonly id: string;
  readonly type: string;
  readonly z?: string;
  readonly name?: string;
  readonly info?: string;
  readonly x?: number;
  readonly y?: number;
  readonly wires?: readonly (readonly string[])[];
  readonly [property: string]: unknown;
}

export interface Flow {
  readonly name: string;
  readonly file: string;
  readonly nodes: readonly FlowNode[];
}

export function exampleFlows(): Flow[] {
  return fs
    .readdirSync(EXAMPLES)
    .sort()
    .map((name) => readFlow(path.join(EXAMPLES, name)));
}

export function demoFlow(): Flow {
  return readFlow(DEMO_FLOW);
}

function readFlow(file: string): Flow {
  const nodes = JSON.parse(fs.readFileSync(file, 'utf8')) as FlowNode[];
  return { name: path.basename(file, '.json'), file, nodes };
}

/** What every node has, whatever its type. */
export const COMMON = ['id', 'type', 'z', 'g', 'x', 'y', 'wires', 'd', 'l', 'info', 'env', 'label', 'disabled'];
