// Runs one attack against a real Node-RED: a hostile server on one side, a web user and another camera on the
// other, and a measurement of what they experience.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { startSimulator } from '../../lib/simulator/index.js';
import { startNodeRed, type RunningNodeRed } from '../kit/node-red.js';
import { startScriptedServer, type Peer, type Script, type ScriptedServer } from '../kit/scripted-server.js';

export interface Attack {
  readonly name: string;
  /** Bytes sent repeatedly after PLAY. */
  readonly cycle?: () => Buffer;
  /** Bytes sent once before the cycle. */
  readonly before?: () => Buffer;
  /** Rate in Mbit/s; default 100. */
  readonly mbit?: number;
  readonly sdp?: string;
  /** Replaces the usual answers. */
  readonly script?: Script;
  /** Seconds that the recorder keeps before an alarm; default 10. */
  readonly preRoll?: number;
  readonly emit?: 'keyframes' | 'accessUnits' | 'nalUnits';
  /** Settings of the nvr-server node. */
  readonly server?: object;
  readonly credentials?: { readonly username: string; readonly password: string };
  /** Handler of the NVR's HTTP port. */
  readonly http?: http.RequestListener;
  /** Use the HTTP port also for RTSP. */
  readonly tunnel?: boolean;
  /** Further nodes of the flow, on the NVR `bad`. Messages wired to `seen` are counted. */
  readonly nodes?: readonly object[];
  /** Runs during the attack. */
  readonly also?: (stage: { url: string; stop: AbortSignal }) => Promise<void>;
  /** Checks of this attack beyond the general bounds; throws if one fails. */
  readonly judge?: (seen: Seen) => void;
}

/** What the flow counted. */
export interface Seen {
  /** Messages on the outputs of the attacked live-stream node. */
  readonly pictures: number;
  readonly events: number;
  readonly side: number;
  /** Pictures of the other camera. */
  readonly others: number;
  /** Events of all nodes, by word and code. */
  readonly words: Readonly<Record<string, number>>;
  /** The last event and the last error. */
  readonly texts: readonly unknown[];
  /** Errors that reached Catch, by code. */
  readonly caught: Readonly<Record<string, number>>;
}

export interface Outcome {
  readonly attack: string;
  readonly seconds: number;
  readonly sentBytes: number;
  /** Largest growth of the process's resident memory. */
  readonly grownBytes: number;
  /** Response times of the HTTP endpoint in ms. */
  readonly p50: number;
  readonly p99: number;
  /** Of these, what a server that does nothing else took at the same time: the machine's part. */
  readonly idleP99: number;
  readonly worst: number;
  /** Share of the other camera's pictures that arrived. */
  readonly others: number;
  readonly seen: Seen;
  readonly problems: readonly string[];
}

export const BOUNDS = { grownBytes: 150 * 1024 * 1024, p99: 250, others: 0.8 } as const;

const CHUNK = 64 * 1024;
/** How long the other camera is measured before the attack. */
const QUIET_MS = 1500;
const PLAY_MS = 20_000;

export async function runAttack(attack: Attack, seconds: number): Promise<Outcome> {
  const players = new Set<Peer>();
  const attackers: ((peer: Peer) => void)[] = [];
  let play: (peer: Peer) => void = () => undefined;
  const played = new Promise<Peer>((resolve, reject) => {
    play = resolve;
    setTimeout(() => {
      reject(new Error('the camera was never asked to play'));
    }, PLAY_MS).unref();
  });
  played.catch(() => undefined);
  const server = await startScriptedServer(
    (request, peer) => {
      if (request.method === 'PLAY') {
        players.add(peer);
        play(peer);
        for (const attackAlso of attackers) attackAlso(peer);
      }
      return attack.script?.(request, peer);
    },
    attack.sdp === undefined ? {} : { sdp: attack.sdp },
  );
  const other = await startSimulator({});
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-hostile-'));
  const web = attack.http === undefined ? undefined : http.createServer(attack.http);
  await new Promise<void>((resolve) => {
    if (web === undefined) resolve();
    else web.listen(0, '127.0.0.1', resolve);
  });
  const httpPort = web === undefined ? 80 : (web.address() as AddressInfo).port;
  const ports = {
    rtspPort: attack.tunnel === true ? httpPort : server.port,
    httpPort,
    other: other.rtspPort,
  };
  const { credentials } = attack;
  const red = await startNodeRed(
    flow(attack, ports, folder),
    credentials === undefined ? {} : { bad: credentials },
  );
  const stop = new AbortController();
  try {
    if (attack.cycle !== undefined) await played;
    return await measure(attack, seconds, red, server, { played, players, attackers }, stop);
  } finally {
    stop.abort();
    await red.stop();
    await server.close();
    web?.closeAllConnections();
    web?.close();
    await other.stop();
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

interface Players {
  readonly played: Promise<Peer>;
  readonly players: ReadonlySet<Peer>;
  /** Called with each connection that starts to play from now on. */
  readonly attackers: ((peer: Peer) => void)[];
}

async function measure(
  attack: Attack,
  seconds: number,
  red: RunningNodeRed,
  server: ScriptedServer,
  { played, players, attackers }: Players,
  stop: AbortController,
): Promise<Outcome> {
  const ask = new Asker(`${red.url}/seen`);
  const idle = await startIdleServer();
  stop.signal.addEventListener('abort', () => {
    idle.kill();
  });
  const askIdle = new Asker(`http://127.0.0.1:${idle.port}/`);
  const early = (await ask.once()) as Seen;
  await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
  const before = (await ask.once()) as Seen;
  const usual = (before.others - early.others) / QUIET_MS;
  const rss = new RssMeter(red.pid);
  if (attack.cycle !== undefined) await played;
  const sending =
    attack.cycle === undefined ? [] : [...players].map((peer) => send(peer, attack, stop.signal));
  // A client that reconnects is attacked again.
  if (attack.cycle !== undefined) attackers.push((peer) => sending.push(send(peer, attack, stop.signal)));
  const also = attack.also?.({ url: red.url, stop: stop.signal });
  const started = performance.now();
  const end = started + seconds * 1000;
  const [times, idleTimes] = await Promise.all([ask.until(end), askIdle.until(end)]);
  const took = (performance.now() - started) / 1000;
  const seen = (await ask.once().catch(() => undefined)) as Seen | undefined;
  stop.abort();
  const grownBytes = rss.stop();
  await Promise.all([...sending, also]);
  const sentBytes = server.peers.reduce(
    (sum, { socket }) => sum + socket.bytesWritten - socket.writableLength,
    0,
  );
  const outcome = {
    attack: attack.name,
    seconds: took,
    sentBytes,
    grownBytes,
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
    idleP99: quantile(idleTimes, 0.99),
    worst: quantile(times, 1),
    others: seen === undefined ? 0 : (seen.others - before.others) / (took * 1000 * usual),
    seen: seen ?? before,
  };
  const problems = problemsOf(attack, outcome, seen, ask.failures);
  return { ...outcome, problems: [...problems, ...leaksOf(attack, red.log() + JSON.stringify(seen))] };
}

function quantile(times: readonly number[], share: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Infinity;
}

function problemsOf(
  attack: Attack,
  { grownBytes, p99, idleP99, others }: Pick<Outcome, 'grownBytes' | 'p99' | 'idleP99' | 'others'>,
  seen: Seen | undefined,
  failures: number,
): string[] {
  const problems: string[] = [];
  if (seen === undefined || failures > 0) problems.push(`${failures} requests without an answer`);
  if (grownBytes > BOUNDS.grownBytes) problems.push(`grew by ${Math.round(grownBytes / 1048576)} MB`);
  if (p99 - idleP99 > BOUNDS.p99) {
    const machine = `${Math.round(idleP99)} ms of them the machine's`;
    problems.push(`p99 of the web page ${Math.round(p99)} ms, ${machine}`);
  }
  if (others < BOUNDS.others) problems.push(`the other camera gave ${Math.round(others * 100)} %`);
  try {
    if (seen !== undefined) attack.judge?.(seen);
  } catch (error) {
    problems.push((error as Error).message.split('\n')[0]!);
  }
  return problems;
}

/** Checks that the password appears nowhere, in any of its forms. */
function leaksOf({ credentials }: Attack, text: string): string[] {
  if (credentials === undefined) return [];
  const { username, password } = credentials;
  const forms = [
    password,
    encodeURIComponent(password),
    Buffer.from(`${username}:${password}`).toString('base64'),
  ];
  return forms.filter((form) => text.includes(form)).map((form) => `it tells "${form}"`);
}

/** Keeps the socket full, at the attack's rate. */
async function send(peer: Peer, attack: Attack, signal: AbortSignal): Promise<void> {
  const { socket } = peer;
  const bytes = attack.cycle!();
  const perMs = ((attack.mbit ?? 100) * 1e6) / 8 / 1000;
  if (attack.before !== undefined) socket.write(attack.before());
  const started = performance.now();
  let sent = 0;
  let at = 0;
  while (!signal.aborted && !socket.destroyed) {
    const due = (performance.now() - started) * perMs - sent;
    if (due < CHUNK || socket.writableLength > 4 * CHUNK) {
      await new Promise((resolve) => setTimeout(resolve, 2));
      // Data that the receiver did not accept is not sent later in one go.
      if (socket.writableLength > 4 * CHUNK) sent = (performance.now() - started) * perMs;
      continue;
    }
    const end = Math.min(at + CHUNK, bytes.length);
    socket.write(bytes.subarray(at, end));
    sent += end - at;
    at = end === bytes.length ? 0 : end;
  }
}

/** A web user who requests again shortly after each answer. */
async function startIdleServer(): Promise<{ readonly port: number; kill(): void }> {
  const child = fork(path.join(__dirname, 'idle-server.cjs'), { execArgv: [] });
  const [port] = (await once(child, 'message')) as [number];
  return { port, kill: () => void child.kill() };
}

class Asker {
  failures = 0;
  private readonly agent = new http.Agent({ keepAlive: true });

  constructor(private readonly url: string) {}

  once(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const request = http.get(this.url, { agent: this.agent, timeout: 20_000 }, (response) => {
        let text = '';
        response.on('data', (part: Buffer) => (text += part.toString()));
        response.on('end', () => {
          try {
            resolve(JSON.parse(text));
          } catch (error) {
            reject(error instanceof Error ? error : new Error(String(error)));
          }
        });
      });
      request.on('timeout', () => request.destroy(new Error('no answer within 20 s')));
      request.on('error', reject);
    });
  }

  async until(end: number): Promise<number[]> {
    const times: number[] = [];
    while (performance.now() < end) {
      const asked = performance.now();
      await this.once().catch(() => this.failures++);
      times.push(performance.now() - asked);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return times;
  }
}

class RssMeter {
  private readonly first: number;
  private peak: number;
  private readonly timer: NodeJS.Timeout;

  constructor(private readonly pid: number) {
    this.first = this.peak = this.read();
    this.timer = setInterval(() => {
      this.peak = Math.max(this.peak, this.read());
    }, 50);
  }

  stop(): number {
    clearInterval(this.timer);
    return Math.max(this.peak, this.read()) - this.first;
  }

  private read(): number {
    try {
      const status = fs.readFileSync(`/proc/${this.pid}/status`, 'utf8');
      return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
    } catch {
      return 0;
    }
  }
}

/** Each output of the attacked nodes is wired to a function node that counts. */
function flow(
  attack: Attack,
  ports: { rtspPort: number; httpPort: number; other: number },
  folder: string,
): object[] {
  const node = (id: string, type: string, more: object): object => ({
    id,
    type,
    z: 'tab',
    x: 100,
    y: 100,
    ...more,
  });
  const count = (id: string, name: string): object =>
    node(id, 'function', {
      func: `const seen = global.get('seen') ?? {}; seen.${name} = (seen.${name} ?? 0) + 1; global.set('seen', seen); return msg;`,
      wires: [[]],
    });
  return [
    { id: 'tab', type: 'tab', label: 'tab' },
    {
      id: 'bad',
      type: 'nvr-server',
      name: 'hostile',
      host: '127.0.0.1',
      rtspPort: ports.rtspPort,
      httpPort: ports.httpPort,
      audio: true,
      transport: 'tcp',
      ...attack.server,
    },
    { id: 'good', type: 'nvr-server', name: 'other NVR', host: '127.0.0.1', rtspPort: ports.other },
    node('live', 'nvr-live-stream', {
      nvr: 'bad',
      channel: '1',
      stream: 'main',
      emit: attack.emit ?? 'keyframes',
      wires: [['pictures'], ['events', 'words'], ['side']],
    }),
    node('record', 'nvr-record', {
      nvr: 'bad',
      channel: '1',
      preRoll: attack.preRoll ?? 10,
      folder,
      wires: [[], ['words']],
    }),
    node('other', 'nvr-live-stream', {
      nvr: 'good',
      channel: '1',
      emit: 'accessUnits',
      wires: [['others'], []],
    }),
    ...(attack.nodes ?? []).map((one) => ({ z: 'tab', x: 100, y: 100, nvr: 'bad', folder, ...one })),
    count('pictures', 'pictures'),
    count('events', 'events'),
    count('side', 'side'),
    count('others', 'others'),
    node('words', 'function', {
      func: `const words = global.get('words') ?? {}; const { code } = msg.event ?? {}; const key = msg.payload + (code === undefined ? '' : ' ' + code); words[key] = (words[key] ?? 0) + 1; global.set('words', words); global.set('last', JSON.stringify(msg)); return msg;`,
      wires: [[]],
    }),
    node('catch', 'catch', { scope: null, wires: [['caught']] }),
    node('caught', 'function', {
      func: `const caught = global.get('caught') ?? {}; const code = msg.error?.code ?? msg.error?.cause?.code ?? 'other'; caught[code] = (caught[code] ?? 0) + 1; global.set('caught', caught); global.set('lastError', JSON.stringify(msg.error)); return msg;`,
      wires: [[]],
    }),
    node('in', 'http in', { url: '/seen', method: 'get', wires: [['answer']] }),
    node('answer', 'function', {
      func: `msg.payload = { pictures: 0, events: 0, side: 0, others: 0, ...global.get('seen'), words: global.get('words') ?? {}, caught: global.get('caught') ?? {}, texts: [global.get('last'), global.get('lastError')] }; return msg;`,
      wires: [['out']],
    }),
    node('out', 'http response', { wires: [] }),
  ];
}
