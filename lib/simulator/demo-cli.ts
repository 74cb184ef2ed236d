#!/usr/bin/env node
// The command `nvr-demo`: runs the simulator and the user's own Node-RED with the example flows and a start
// page.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { DEMO_PORTS } from './demo.js';
import { runDemo } from './demo-run.js';

const HELP = `Usage: nvr-demo [--port N]

A simulated NVR with four cameras, and Node-RED with flows that use it: open the page that is printed. Nothing of your own Node-RED's flows is touched.

  --port N   where Node-RED listens, on 127.0.0.1; the next free one where it is taken (default ${DEMO_PORTS.editor})
  --help     this text

It ends on Ctrl-C.
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: String(DEMO_PORTS.editor) },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const editor = Number(values.port);
  if (!Number.isInteger(editor) || editor < 0 || editor > 65_535)
    throw new Error('--port must be a whole number from 0 to 65535.');
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-demo-'));
  try {
    const root = path.join(__dirname, '..', '..', '..');
    return await runDemo({ root, folder, ports: { ...DEMO_PORTS, editor }, reports: false });
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`nvr-demo: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  },
);
