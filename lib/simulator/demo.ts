// `npm run demo`: the simulator, a real Node-RED with the example flows deployed, and where to look. `--check` runs it unattended.

import { fork, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { checkFlows, type SentMessage } from './demo-check.js';
import { writeUserFolder, type DemoPorts } from './demo-folder.js';
import { startSimulator } from './index.js';

const ROOT = path.resolve(__dirname, '..', '..', '..');
const PORTS: DemoPorts = { editor: 1880, rtsp: 8554, http: 8080 };
const START_MS = 60_000;

async function main(): Promise<number> {
  const check = process.argv.includes('--check');
  const ports = check ? { editor: await freePort(), rtsp: 0, http: 0 } : PORTS;
  if (!check) await assertFree(ports.editor, 'Node-RED');

  const account = { username: 'demo', password: 'demo-password' };
  const simulator = await startSimulator({
    rtspPort: ports.rtsp,
    httpPort: ports.http,
    channels: 4,
    onvifReplay: true,
    ...account,
  }).catch((error: unknown) => {
    throw new Error(
      `The simulator cannot start on ports ${ports.rtsp} and ${ports.http}: ${messageOf(error)}`,
    );
  });
  ports.rtsp = simulator.rtspPort;
  ports.http = simulator.httpPort;

  const folder = check ? fs.mkdtempSync(path.join(ROOT, '.demo-')) : path.join(ROOT, '.demo');
  const flows = writeUserFolder({ root: ROOT, folder, ports, account, check });
  const stopped = interrupted();
  const nodeRed = startNodeRed(folder);
  try {
    await Promise.race([
      nodeRed.started,
      stopped.then(() => Promise.reject(new Error('Ended before Node-RED had started.'))),
    ]);
    const url = `http://127.0.0.1:${ports.editor}`;
    if (check) {
      say(`Node-RED runs on ${url}; waiting for each of the ${flows.length} example flows to deliver.`);
      const checked = checkFlows({
        flows,
        url,
        folder,
        messages: nodeRed.onMessage,
        exited: nodeRed.exited,
        print: say,
      });
      return await Promise.race([checked, stopped.then(() => 1)]);
    }
    say('');
    say(`  Editor      ${url}   (open the Debug sidebar and watch the keyframes arrive)`);
    say(`  NVR         rtsp://127.0.0.1:${ports.rtsp}/live?ch=0000&stype=M   channels 1 to 4`);
    say(`  Account     ${account.username} / ${account.password}`);
    say('  Ctrl-C ends it all.');
    const code = await Promise.race([stopped, nodeRed.exited.then(() => 1)]);
    say('Ending …');
    return code;
  } finally {
    await nodeRed.stop();
    await simulator.stop();
    if (check) fs.rmSync(folder, { recursive: true, force: true });
  }
}

interface RunningNodeRed {
  started: Promise<void>;
  exited: Promise<void>;
  onMessage: (take: (message: SentMessage) => void) => void;
  stop(): Promise<void>;
}

function startNodeRed(folder: string): RunningNodeRed {
  const program = require.resolve('node-red/red.js', { paths: [process.env.NODE_RED_HOME ?? ROOT] });
  const child = fork(program, ['--userDir', folder, '--settings', path.join(folder, 'settings.js')], {
    serialization: 'advanced',
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const log = fs.createWriteStream(path.join(folder, 'node-red.log'));
  child.stdout?.pipe(log);
  child.stderr?.pipe(log);
  let tail = '';
  child.stderr?.on('data', (text: Buffer) => {
    tail = (tail + text.toString()).slice(-2000);
  });

  const exited = new Promise<void>((resolve) =>
    child.once('exit', () => {
      resolve();
    }),
  );
  const started = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(
        new Error(
          `Node-RED did not start within ${START_MS / 1000} s; see ${path.join(folder, 'node-red.log')}.`,
        ),
      );
    }, START_MS);
    child.on('message', (message) => {
      if (message !== 'started') return;
      clearTimeout(timer);
      resolve();
    });
    void exited.then(() => {
      clearTimeout(timer);
      reject(new Error(`Node-RED ended before it had started. ${tail}`));
    });
  });
  return {
    started,
    exited,
    onMessage: (take) => {
      child.on('message', (message) => {
        if (typeof message === 'object') take(message as SentMessage);
      });
    },
    stop: () => stopChild(child, exited),
  };
}

async function stopChild(child: ChildProcess, exited: Promise<void>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGINT');
  const timer = setTimeout(() => child.kill('SIGKILL'), 15_000);
  await exited;
  clearTimeout(timer);
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

/** Rejects with a sentence that names the port where something else has it. */
function assertFree(port: number, what: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', () => {
      reject(new Error(`Port ${port} is taken: stop what uses it, another ${what} perhaps, and try again.`));
    });
    server.listen(port, '127.0.0.1', () =>
      server.close(() => {
        resolve();
      }),
    );
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
  });
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const started = performance.now();
main().then(
  (code) => {
    if (process.argv.includes('--check'))
      say(`Checked in ${Math.round((performance.now() - started) / 1000)} s.`);
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exitCode = 1;
  },
);
