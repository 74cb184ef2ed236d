// `npm run demo`: the demo, and where to look. `--check` runs it unattended and judges what comes: exit code
// 0 or 1.

import fs from 'node:fs';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { DEMO_PORTS, type Demo } from '../../lib/simulator/demo.js';
import { runDemo } from '../../lib/simulator/demo-run.js';
import { checkFlows } from './demo-check.js';
import type { SentMessage } from './judge.js';

const ROOT = path.join(__dirname, '..', '..');

async function main(check: boolean): Promise<number> {
  if (!check)
    return runDemo({ root: ROOT, folder: path.join(ROOT, '.demo'), ports: DEMO_PORTS, reports: false });
  const folder = fs.mkdtempSync(path.join(ROOT, '.demo-'));
  try {
    const ports = { editor: 0, rtsp: 0, http: 0 };
    return await runDemo({ root: ROOT, folder, ports, reports: true }, (demo) => judge(demo, folder));
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

async function judge(demo: Demo, folder: string): Promise<number> {
  const { flows, url, exited } = demo;
  const begun = performance.now();
  say(`Node-RED runs on ${url}; waiting for the page and each of the example flows to deliver.`);
  const code = await checkFlows({
    flows,
    url,
    folder,
    messages: (take) => {
      demo.onMessage((message) => {
        take(message as SentMessage);
      });
    },
    exited,
    print: say,
  });
  say(`Checked in ${Math.round((performance.now() - begun) / 1000)} s.`);
  return code;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

main(process.argv.includes('--check')).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  },
);
