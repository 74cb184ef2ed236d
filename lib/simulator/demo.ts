// Starts the demo: the simulator, and a real Node-RED with the example flows deployed.

import { fork, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { writeUserFolder, type DemoPorts, type ExampleFlow } from './demo-folder.js';
import { startSimulator } from './index.js';
import { nodeRedProgram } from './node-red-program.js';
import { freePort } from './ports.js';

/** Memorable ports for interactive use; if one is taken, the next is used. */
export const DEMO_PORTS: DemoPorts = { editor: 1880, rtsp: 8554, http: 8080 };
const START_MS = 60_000;

export interface DemoOptions {
  /** Root of the package that provides the nodes and examples. */
  root: string;
  /** The Node-RED user folder; it is rewritten. */
  folder: string;
  /** Ports to try first; 0 for any free port. */
  ports: DemoPorts;
  /** Whether messages of the nodes are reported to `onMessage`. */
  reports: boolean;
}

/** A running demo: the simulated NVR and Node-RED. */
export interface Demo {
  readonly ports: DemoPorts;
  readonly account: { readonly username: string; readonly password: string };
  readonly flows: readonly ExampleFlow[];
  /** Where Node-RED listens, and the start page. */
  readonly url: string;
  readonly page: string;
  /** Resolves when Node-RED has deployed the flows; rejects with a readable message. */
  readonly started: Promise<void>;
  readonly exited: Promise<void>;
  /** Messages of the nodes, as sent by the report hook. */
  onMessage(take: (message: unknown) => void): void;
  stop(): Promise<void>;
}

/** Starts the simulator and Node-RED with the example flows. Rejects with a readable message. */
export async function startDemo(options: DemoOptions): Promise<Demo> {
  const { root, folder, reports } = options;
  const program = nodeRedProgram(root);
  const ports = {
    editor: await freePort(options.ports.editor),
    rtsp: await freePort(options.ports.rtsp),
    http: await freePort(options.ports.http),
  };
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
  const nodeRed = startNodeRed(program, folder);
  const url = `http://127.0.0.1:${ports.editor}`;
  return {
    ports,
    account,
    flows,
    url,
    page: `${url}/nvr/`,
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

function startNodeRed(program: string, folder: string): RunningNodeRed {
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

  const takers: ((message: unknown) => void)[] = [];
  child.on('message', (message) => {
    if (typeof message === 'object') for (const take of takers) take(message);
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
    onMessage: (take) => takers.push(take),
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

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
