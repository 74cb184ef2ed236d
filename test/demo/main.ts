// `npm run demo`: the demo, and where to look. `--check` runs it unattended and judges what comes: exit code 0 or 1.

import fs from 'node:fs';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { DEMO_PORTS, startDemo, type Demo } from '../../lib/simulator/demo.js';
import { checkFlows } from './demo-check.js';
import type { SentMessage } from './judge.js';

const ROOT = path.join(__dirname, '..', '..');

async function main(check: boolean): Promise<number> {
  const folder = check ? fs.mkdtempSync(path.join(ROOT, '.demo-')) : path.join(ROOT, '.demo');
  const stopped = interrupted();
  let demo: Demo | undefined;
  try {
    const ports = check ? { editor: 0, rtsp: 0, http: 0 } : DEMO_PORTS;
    demo = await startDemo({ root: ROOT, folder, ports, reports: check });
    await Promise.race([
      demo.started,
      stopped.then(() => Promise.reject(new Error('Ended before Node-RED had started.'))),
    ]);
    if (check) return await Promise.race([judge(demo, folder), stopped.then(() => 1)]);
    welcome(demo);
    const code = await Promise.race([stopped, demo.exited.then(() => 1)]);
    say('Ending …');
    return code;
  } finally {
    await demo?.stop();
    if (check) fs.rmSync(folder, { recursive: true, force: true });
  }
}

async function judge(demo: Demo, folder: string): Promise<number> {
  const { flows, url, exited } = demo;
  const begun = performance.now();
  say(`Node-RED runs on ${url}; waiting for each of the ${flows.length} example flows to deliver.`);
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

function welcome({ url, ports, account }: Demo): void {
  say('');
  say(`  Editor      ${url}   (open the Debug sidebar and watch the keyframes arrive)`);
  say(`  NVR         rtsp://127.0.0.1:${ports.rtsp}/live?ch=0000&stype=M   channels 1 to 4`);
  say(`  Account     ${account.username} / ${account.password}`);
  say('  Ctrl-C ends it all.');
}

function interrupted(): Promise<number> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        resolve(0);
      });
    }
  });
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
