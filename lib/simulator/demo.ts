// The demo: the simulator and a real Node-RED with the example flows deployed.

import { fork, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { writeUserFolder, type DemoPorts, type ExampleFlow } from './demo-folder.js';
import { startSimulator } from './index.js';

/** A person's demo has ports that can be remembered. */
export const DEMO_PORTS: DemoPorts = { editor: 1880, rtsp: 8554, http: 8080 };
const START_MS = 60_000;

export interface DemoOptions {
  /** The package's root: the nodes and examples that are shown. */
  root: string;
  /** The Node-RED user folder, written anew. */
  folder: string;
  /** 0: any free port. */
  ports: DemoPorts;
  /** Whether the nodes' messages are reported to `onMessage`. */
  reports: boolean;
}

/** What runs: the simulated NVR and a Node-RED beside it. */
export interface Demo {
  readonly ports: DemoPorts;
  readonly account: { readonly username: string; readonly password: string };
  readonly flows: readonly ExampleFlow[];
  /** Where Node-RED listens. */
  readonly url: string;
  /** Resolves when Node-RED has deployed the flows; rejects with a sentence. */
  readonly started: Promise<void>;
  readonly exited: Promise<void>;
  /** What the nodes sent, as the report hook tells it. */
  onMessage(take: (message: unknown) => void): void;
  stop(): Promise<void>;
}

/** Starts the simulator and Node-RED with the example flows. Rejects with a sentence that names the port where one is taken. */
export async function startDemo(options: DemoOptions): Promise<Demo> {
  const { root, folder, reports } = options;
  const ports = { ...options.ports };
  if (ports.editor === 0) ports.editor = await freePort();
  else await assertFree(ports.editor, 'Node-RED');
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
  const flows = writeUserFolder({ root, folder, ports, account, check: reports });
  const nodeRed = startNodeRed(root, folder);
  return {
    ports,
    account,
    flows,
    url: `http://127.0.0.1:${ports.editor}`,
    started: nodeRed.started,
    exited: nodeRed.exited,
    onMessage: nodeRed.onMessage,
    stop: async () => {
      await nodeRed.stop();
      await simulator.stop();
    },
  };
}

interface RunningNodeRed {
  started: Promise<void>;
  exited: Promise<void>;
  onMessage: (take: (message: unknown) => void) => void;
  stop(): Promise<void>;
}

function startNodeRed(root: string, folder: string): RunningNodeRed {
  const program = require.resolve('node-red/red.js', { paths: [process.env.NODE_RED_HOME ?? root] });
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
        if (typeof message === 'object') take(message);
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

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
