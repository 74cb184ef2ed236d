// `npm run examples`: gives each example's nodes the settings that have come since it was written, at their
// defaults.

import fs from 'node:fs';
import { demoFlow, exampleFlows, type FlowNode } from './flows.js';
import { typeDefinitions } from './node-defaults.js';

const types = typeDefinitions();

function filled(node: FlowNode): FlowNode {
  const defaults = types.get(node.type)?.defaults;
  if (defaults === undefined) return node;
  const { x, y, wires, ...own } = node;
  const missing = Object.entries(defaults)
    .filter(([name]) => !(name in node))
    .map(([name, { value }]) => [name, value ?? ''] as const);
  return {
    ...own,
    ...Object.fromEntries(missing),
    ...(x !== undefined && { x, y }),
    ...(wires !== undefined && { wires }),
  };
}

for (const { file, nodes } of [...exampleFlows(), demoFlow()])
  fs.writeFileSync(file, `${JSON.stringify(nodes.map(filled), null, 2)}\n`);
