import assert from 'node:assert/strict';
import fs from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { startSimulator, type SimulatorOptions } from '../../lib/simulator/index.js';
import type { NvrServerNode } from '../../nodes/shared/server-node.js';
import { startScriptedServer } from '../kit/scripted-server.js';
import { flowWith, helper, liveFlow, load, type Message, type Sink } from '../kit/red.js';

/** Long, and with characters that URIs, JSON and base64 spell differently. */
const CANARY = 'kanarie/vogel%&"+ ü 7Q';
const USER = 'canary-user';

/** Every spelling in which the secret could stand somewhere. */
const SPELLINGS = [
  CANARY,
  encodeURIComponent(CANARY),
  encodeURI(CANARY),
  JSON.stringify(CANARY).slice(1, -1),
  Buffer.from(CANARY).toString('base64'),
  Buffer.from(CANARY).toString('hex'),
];

function assertClean(where: string, text: string): void {
  for (const spelling of SPELLINGS) assert.ok(!text.includes(spelling), `${where} holds the password`);
}

/**
 * Everything of a value that a flow, a log or a debug node could show, non-enumerable error properties
 * included.
 */
function everything(value: unknown, seen = new Set<unknown>()): string {
  if (typeof value !== 'object' || value === null) return String(value);
  if (seen.has(value)) return '';
  seen.add(value);
  if (Buffer.isBuffer(value)) return value.toString('latin1');
  return Object.getOwnPropertyNames(value)
    .map((name) => `${name}=${everything((value as Record<string, unknown>)[name], seen)}`)
    .join('\n');
}

/** A loopback relay that keeps all bytes both ways. */
async function startTap(port: number): Promise<{ port: number; bytes(): string; close(): void }> {
  const chunks: Buffer[] = [];
  const sockets = new Set<net.Socket>();
  const server = net.createServer((client) => {
    const upstream = net.connect(port, '127.0.0.1');
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
      from.on('data', (chunk) => {
        chunks.push(chunk);
        to.write(chunk);
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    bytes: () => Buffer.concat(chunks).toString('latin1'),
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** What all files below a folder hold, with their names. */
function filesBelow(folder: string): string {
  const entries = fs.readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => path.join(parentPath, name));
  return files.map((file) => `${file} ${fs.readFileSync(file, 'latin1')}`).join('\n');
}

describe('the password', () => {
  const written: string[] = [];
  const writers = [process.stdout, process.stderr] as const;
  const originals = writers.map((stream) => stream.write.bind(stream));

  beforeEach(function (done) {
    written.length = 0;
    for (const [index, stream] of writers.entries()) {
      stream.write = (chunk: string | Uint8Array, ...rest: never[]) => {
        written.push(String(chunk));
        return originals[index]!(chunk, ...rest);
      };
    }
    helper.startServer(done);
  });

  afterEach(async () => {
    for (const [index, stream] of writers.entries()) stream.write = originals[index]!;
    await helper.unload();
    await new Promise<void>((resolve) => {
      helper.stopServer(() => {
        resolve();
      });
    });
  });

  /** Runs a flow on a tapped server until `done`, then looks everywhere. */
  async function watch(
    port: number,
    until: (event: Message) => boolean,
    settings: object = {},
    password = CANARY,
  ): Promise<void> {
    const tap = await startTap(port);
    const flow = liveFlow(
      { rtspPort: String(tap.port), requestTimeout: '0.5', ...settings },
      { emit: 'accessUnits', inputs: 1 },
    );
    try {
      const sink = await load(flow, { username: USER, password });
      await sink('event').first(until);
      (helper.getNode('live') as { receive(message: object): void }).receive({ action: 'status' });
      await sink('event').word('status');
      for (const id of ['out', 'event', 'catch', 'status', 'complete'])
        assertClean(`a message of ${id}`, everything(sink(id).messages));
      assertClean(
        'the log',
        JSON.stringify(helper.log().args.map((args) => args.map((arg) => everything(arg)))),
      );
      assertClean('standard output', written.join(''));
      assertClean('the wire', tap.bytes());
      assertClean('the exported flow', JSON.stringify(flow));
    } finally {
      tap.close();
    }
  }

  async function withSimulator(
    options: SimulatorOptions,
    run: (port: number) => Promise<void>,
  ): Promise<void> {
    const simulator = await startSimulator({ username: USER, password: CANARY, ...options });
    try {
      await run(simulator.rtspPort);
    } finally {
      await simulator.stop();
    }
  }

  const isFormat = ({ payload }: Message): boolean => payload === 'format';
  const isOver = ({ payload }: Message): boolean => payload === 'error' || payload === 'reconnecting';

  for (const auth of ['digest', 'digest-qop', 'digest-sha256'] as const) {
    it(`shows nowhere while a stream plays, with ${auth}`, () =>
      withSimulator({ auth }, (port) => watch(port, isFormat)));
  }

  it('shows nowhere when it is refused', () =>
    withSimulator({ password: 'something else' }, (port) => watch(port, isOver)));
  it('shows nowhere when the account has no privilege', () =>
    withSimulator({ withoutPrivilege: true }, (port) => watch(port, isOver)));
  it('shows nowhere when there is no such channel', () =>
    withSimulator({ channels: 0 }, (port) => watch(port, isOver)));
  it('shows nowhere when there are too many sessions', () =>
    withSimulator({ maxSessions: 0 }, (port) => watch(port, isOver)));
  it('shows nowhere when the host is unknown', () =>
    withSimulator({}, (port) => watch(port, isOver, { host: 'nvr.invalid' })));
  it('shows nowhere when the transport is refused', () =>
    withSimulator({ refuse: ['tcp', 'udp'] }, (port) => watch(port, isOver)));

  for (const [what, status] of [
    ['a server error', 500],
    ['a redirect to nowhere', 302],
  ] as const) {
    it(`shows nowhere after ${what}`, async () => {
      const server = await startScriptedServer(({ method, headers }) => {
        if (method !== 'DESCRIBE') return undefined;
        if (!headers.has('Authorization'))
          return { status: 401, headers: { 'WWW-Authenticate': 'Digest realm="x", nonce="n"' } };
        return { status, headers: { Location: 'rtsp://127.0.0.1:1/' } };
      });
      try {
        await watch(server.port, isOver);
      } finally {
        await server.close();
      }
    });
  }

  /**
   * Live, health, snapshot, recording and playback at once, with a trace on and an ffmpeg that tells how it
   * was called.
   */
  async function watchAll(options: SimulatorOptions, server: object = {}): Promise<string> {
    const simulator = await startSimulator({ username: USER, password: CANARY, ...options });
    const taps = await Promise.all([startTap(simulator.rtspPort), startTap(simulator.httpPort)]);
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-canary-'));
    const told = path.join(folder, 'called');
    const program = path.join(folder, 'ffmpeg.cjs');
    fs.writeFileSync(
      program,
      `#!${process.execPath}\nrequire('fs').appendFileSync(${JSON.stringify(told)}, JSON.stringify([process.argv, process.env]));process.exit(1);`,
      { mode: 0o755 },
    );
    const [rtspPort, httpPort] = taps.map(({ port }) => String(port));
    const flow = flowWith({ rtspPort, httpPort, requestTimeout: '0.5', ...server }, [
      { id: 'live', type: 'nvr-live-stream', channel: '1', wires: [['out'], ['event']] },
      {
        id: 'health',
        type: 'nvr-health-ping',
        channel: '2',
        depth: 'session',
        interval: '0',
        failures: '1',
        wires: [['out'], ['event']],
      },
      {
        id: 'all',
        type: 'nvr-health-ping',
        channel: '*',
        interval: '0',
        failures: '1',
        wires: [['out'], ['event']],
      },
      {
        id: 'snapshot',
        type: 'nvr-snapshot',
        channel: '3',
        timeout: '2',
        decoder: 'ffmpeg',
        ffmpegPath: program,
        wires: [['out']],
      },
      {
        id: 'record',
        type: 'nvr-record',
        channel: '4',
        preRoll: '0',
        postRoll: '0.2',
        folder: path.join(folder, 'clips'),
        wires: [['out'], ['event']],
      },
      {
        id: 'playback',
        type: 'nvr-playback',
        from: '-10s',
        duration: '1s',
        speed: '0',
        wires: [['out'], ['event']],
      },
    ]);
    try {
      const sink = await load(flow, { username: USER, password: CANARY });
      const { exchanges } = helper.getNode('nvr') as NvrServerNode;
      exchanges.start(60_000);
      const settled = (id: string): Promise<Message> =>
        Promise.race(['complete', 'catch'].map((name) => sink(name).first((message) => message.who === id)));
      for (const id of ['health', 'all', 'snapshot', 'record', 'playback']) {
        const action = id === 'playback' ? { action: 'play' } : {};
        (helper.getNode(id) as { receive(message: object): void }).receive({ who: id, ...action });
        await settled(id);
      }
      const shown = (id: string): string => everything((sink(id) satisfies Sink).messages);
      const log = JSON.stringify(helper.log().args.map((args) => args.map((arg) => everything(arg))));
      const places: Record<string, string> = {
        ...Object.fromEntries(['out', 'event', 'catch', 'status', 'complete'].map((id) => [id, shown(id)])),
        log,
        trace: exchanges.text(),
        'standard output': written.join(''),
        'a clip or its journal': filesBelow(path.join(folder, 'clips')),
        'a child process': fs.existsSync(told) ? fs.readFileSync(told, 'utf8') : '',
      };
      const wire = taps.map((tap) => tap.bytes()).join('');
      const keys = new Set([...wire.matchAll(/[?&]pbkey=([^&\s"]{6,})/g)].map(([, key]) => key!));
      for (const [where, text] of Object.entries(places)) {
        assertClean(where, text);
        for (const key of keys) assert.ok(!text.includes(key), `${where} holds a playback key`);
      }
      assertClean('the wire', wire);
      assert.ok(!/Authorization: (?!\*\*\*)/i.test(places.trace!), 'the trace holds an Authorization');
      return `${places.trace!}\n${places['a child process']!}\n${keys.size} keys`;
    } finally {
      for (const tap of taps) tap.close();
      await helper.unload();
      await simulator.stop();
      fs.rmSync(folder, { recursive: true, force: true });
    }
  }

  it('shows nowhere while health, snapshot and playback work, in no trace and in no child’s argv', async () => {
    const seen = await watchAll({});
    assert.match(seen, /> DESCRIBE /);
    assert.match(seen, /Authorization: \*\*\*/);
    assert.match(seen, /pbkey=\*\*\*/);
    assert.match(seen, /"-f","h264"|ffmpeg\.cjs/);
    assert.match(seen, /[1-9]\d* keys$/);
  });

  for (const [what, options, server] of [
    ['the account is refused', { password: 'something else' }],
    ['the account has no privilege', { withoutPrivilege: true }],
    ['there are no channels', { channels: 0 }],
    ['the NVR is full', { maxSessions: 0 }],
    ['the transports are refused', { refuse: ['tcp', 'udp'] }],
    ['the key service answers with a web page', { keyService: { form: 'html' } }],
    ['the NVR’s clock is off', { clockSkewMs: 3_600_000 }],
    ['the host is unknown', {}, { host: 'nvr.invalid' }],
    ['TLS is spoken to a plain port', {}, { tls: true, httpTls: true }],
  ] as [string, SimulatorOptions, object?][]) {
    it(`shows nowhere, for health, snapshot and playback, when ${what}`, async () => {
      await watchAll(options, server);
    });
  }

  it('is in no file that the simulator or a flow leaves behind', async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-canary-'));
    const before = process.cwd();
    process.chdir(folder);
    try {
      await withSimulator({}, (port) => watch(port, isFormat));
    } finally {
      process.chdir(before);
    }
    for (const name of fs.readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      const file = path.join(folder, name);
      if (fs.statSync(file).isFile()) assertClean(name, fs.readFileSync(file, 'latin1'));
    }
    fs.rmSync(folder, { recursive: true, force: true });
  });

  it('would be found if it showed', () => {
    assert.throws(() => {
      assertClean('this', everything({ error: new Error(`failed with ${CANARY}`) }));
    });
  });
});
