// A real Node-RED process that tests deploy to, stop, kill and restart in the same folder. The messages of
// its flow are received outside of it.

import { fork, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { freePort } from '../../lib/simulator/ports.js';

const ROOT = path.join(__dirname, '..', '..');

/** A message from a node, as the flow received it. */
export interface Heard {
  readonly from: string;
  readonly message: Record<string, unknown>;
}

export class RedProcess {
  readonly heard: Heard[] = [];
  private child: ChildProcess | undefined;
  private log = '';
  private readonly waits: (() => void)[] = [];

  private constructor(
    readonly folder: string,
    private readonly port: number,
    private readonly ear: http.Server,
  ) {}

  /**
   * Needs the built package in dist/. `nodes` must wire what is to be received to `hear <name>` of
   * `listeners`.
   */
  static async start(
    nodes: readonly object[],
    names: readonly string[],
    credentials: object,
  ): Promise<RedProcess> {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-faults-red-'));
    const scope = path.join(folder, 'node_modules', '@nvr-flow');
    fs.mkdirSync(scope, { recursive: true });
    fs.symlinkSync(ROOT, path.join(scope, 'node-red-mobotix-nvr'), 'junction');
    const ear = http.createServer();
    await new Promise<void>((resolve) => ear.listen(0, '127.0.0.1', resolve));
    const red = new RedProcess(folder, await freePort(0), ear);
    ear.on('request', (request: http.IncomingMessage, response: http.ServerResponse) => {
      let text = '';
      request.on('data', (part: Buffer) => (text += part.toString()));
      request.on('end', () => {
        response.end();
        red.hear(JSON.parse(text) as Heard);
      });
    });
    const flows = [
      ...nodes,
      ...names.flatMap((name) => listener(name, (ear.address() as AddressInfo).port)),
      ...inlet(),
    ];
    fs.writeFileSync(path.join(folder, 'flows.json'), JSON.stringify(flows));
    fs.writeFileSync(path.join(folder, 'flows_cred.json'), JSON.stringify(credentials));
    const settings = {
      ...{ uiHost: '127.0.0.1', uiPort: red.port, flowFile: 'flows.json', credentialSecret: false },
      ...{ telemetry: { enabled: false }, editorTheme: { tours: false, palette: { catalogues: [] } } },
    };
    fs.writeFileSync(
      path.join(folder, 'settings.js'),
      `module.exports = ${JSON.stringify(settings)};
require(require.resolve('@node-red/util', { paths: [require.main.path] })).events.once('flows:started', () => process.send('started'));`,
    );
    await red.begin();
    return red;
  }

  async begin(): Promise<void> {
    const home = process.env.NODE_RED_HOME ?? ROOT;
    const program = createRequire(path.join(home, 'package.json')).resolve('node-red/red.js');
    const args = ['--userDir', this.folder, '--settings', path.join(this.folder, 'settings.js')];
    const child = fork(program, args, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    this.child = child;
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (text: Buffer) => (this.log += text.toString()));
    await new Promise<void>((resolve, reject) => {
      child.once('message', () => {
        resolve();
      });
      child.once('exit', () => {
        reject(new Error(`Node-RED ended: ${this.log}`));
      });
    });
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const { child } = this;
    if (child === undefined) return;
    this.child = undefined;
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
    await exited;
    clearTimeout(timer);
  }

  async close(): Promise<void> {
    await this.end('SIGKILL');
    this.ear.closeAllConnections();
    this.ear.close();
    fs.rmSync(this.folder, { recursive: true, force: true });
  }

  /** Deploys like the editor; `change` modifies a node of the flow. */
  async deploy(
    kind: 'full' | 'nodes' | 'flows',
    change: (node: Record<string, unknown>) => void,
  ): Promise<void> {
    const url = `http://127.0.0.1:${this.port}/flows`;
    const headers = { 'Node-RED-API-Version': 'v2', 'Content-Type': 'application/json' };
    const { flows, rev } = (await (await fetch(url, { headers })).json()) as {
      flows: Record<string, unknown>[];
      rev: string;
    };
    flows.forEach(change);
    const answer = await fetch(url, {
      method: 'POST',
      headers: { ...headers, 'Node-RED-Deployment-Type': kind },
      body: JSON.stringify({ flows, rev }),
    });
    if (!answer.ok) throw new Error(`deploy: ${answer.status} ${await answer.text()}`);
  }

  /** Resolves when the flow has received the message. */
  async send(message: object): Promise<void> {
    const url = `http://127.0.0.1:${this.port}/alarm`;
    await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(message),
    });
  }

  /** The first message that matches, received before or after the call; undefined after `ms`. */
  async first(ms: number, fits: (heard: Heard) => boolean): Promise<Heard | undefined> {
    const late = performance.now() + ms;
    for (;;) {
      const found = this.heard.find(fits);
      const left = late - performance.now();
      if (found !== undefined || left <= 0) return found;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.waits.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  private hear(heard: Heard): void {
    this.heard.push(heard);
    for (const wait of this.waits.splice(0)) wait();
  }
}

/** A node that sends its input to this process, without the pictures. */
function listener(name: string, port: number): object[] {
  const body = `msg.payload = { from: ${JSON.stringify(name)}, message: { ...msg, payload: Buffer.isBuffer(msg.payload) ? undefined : msg.payload, req: undefined, res: undefined } }; delete msg.headers; return msg;`;
  return [
    { id: `hear ${name}`, type: 'function', z: 'tab', func: body, wires: [[`post ${name}`]] },
    {
      ...{ id: `post ${name}`, type: 'http request', z: 'tab', method: 'POST', ret: 'txt' },
      ...{ url: `http://127.0.0.1:${port}/`, wires: [[]] },
    },
  ];
}

/** POST /alarm: sends the properties of the body as a message to the node `node`. */
function inlet(): object[] {
  return [
    { id: 'in', type: 'http in', z: 'tab', url: '/alarm', method: 'post', wires: [['unpack']] },
    {
      ...{ id: 'unpack', type: 'function', z: 'tab', wires: [['answer'], ['node']] },
      ...{ outputs: 2, func: 'return [{ ...msg, payload: "taken" }, { ...msg.payload }];' },
    },
    { id: 'answer', type: 'http response', z: 'tab', wires: [] },
  ];
}
