import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import fs from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { startSimulator, type Simulator } from '../../lib/simulator/index.js';
import type { NvrServerNode } from '../../nodes/shared/server-node.js';
import { flowWith, helper, load, type Sink } from '../kit/red.js';

const ACCOUNT = { username: 'admin', password: 'geheim-123' };

/** Every name under which somebody might hope to say where to connect to. */
const ADDRESSES = [
  ...['host', 'hostname', 'server', 'address', 'ip', 'url', 'uri', 'href', 'target', 'proxy', 'location'],
  ...['endpoint', 'rtspUrl', 'rtspUri', 'streamUrl', 'camera', 'base', 'contentBase', 'redirect'],
  ...['liveTemplate', 'playbackTemplate', 'template', 'uriStyle', 'path', 'req', 'source', 'destination'],
];
const PORTS = ['port', 'rtspPort', 'httpPort', 'serverPort', 'clientPort'];
/** Properties that a node does read: here they hold a decoy's address. */
const READ = [
  'channel',
  'stream',
  'format',
  'from',
  'to',
  'duration',
  'speed',
  'group',
  'run',
  'action',
  'nvr',
];
const FOLDER = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-ssrf-'));
const NODES: Record<string, { node: object; ask: object; again?: object; until?: string }> = {
  'nvr-live-stream': {
    node: { inputs: 1, wires: [['out'], ['event']] },
    ask: { action: 'start' },
    again: { action: 'restart' },
    until: 'playing',
  },
  'nvr-playback': {
    node: { from: '-20s', duration: '0.3s', doneWhen: 'playing', wires: [['out'], ['event']] },
    ask: { action: 'play' },
    until: 'playing',
  },
  'nvr-snapshot': { node: { timeout: '5', wires: [['out']] }, ask: {} },
  'nvr-record': {
    node: { preRoll: '0', postRoll: '0', folder: FOLDER, wires: [['out'], ['event']] },
    ask: {},
    until: 'playing',
  },
  'nvr-health-ping': { node: { depth: 'session', interval: '0', wires: [['out'], ['event']] }, ask: {} },
};

describe('no property of a message changes where a connection goes:', () => {
  let simulator: Simulator;
  /** TCP connections and UDP packets that a decoy has seen. */
  let visits = 0;
  let port = 0;
  const decoys: { close(): unknown }[] = [];

  beforeEach(function (done) {
    helper.startServer(done);
  });

  beforeEach(async () => {
    visits = 0;
    simulator = await startSimulator({ ...ACCOUNT, channels: 4 });
    const tcp = net.createServer((socket) => {
      visits++;
      socket.destroy();
    });
    await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve));
    ({ port } = tcp.address() as AddressInfo);
    const udp = dgram.createSocket('udp4').on('message', () => visits++);
    await new Promise<void>((resolve) => {
      udp.bind(port, '127.0.0.1', resolve);
    });
    decoys.push(tcp, udp);
  });

  afterEach(async () => {
    await helper.unload();
    for (const decoy of decoys.splice(0)) decoy.close();
    await simulator.stop();
    await new Promise<void>((resolve) => {
      helper.stopServer(() => {
        resolve();
      });
    });
  });

  after(() => {
    fs.rmSync(FOLDER, { recursive: true, force: true });
  });

  /** A message all of whose other properties name the decoy, in one form of an address. */
  function hostile(form: () => unknown): Record<string, unknown> {
    const properties = Object.fromEntries([
      ...ADDRESSES.map((name) => [name, form()] as const),
      ...PORTS.map((name) => [name, port] as const),
    ]);
    return { ...properties, settings: properties, config: properties, options: properties };
  }

  const forms: (() => unknown)[] = [
    () => '127.0.0.1',
    () => `127.0.0.1:${port}`,
    () => `rtsp://127.0.0.1:${port}/live?ch=0000&stype=M`,
    () => `http://127.0.0.1:${port}/cgi-bin/getplaybackkey.cgi`,
    () => ({ host: '127.0.0.1', port, hostname: '127.0.0.1' }),
  ];

  for (const [type, { node, ask, again, until }] of Object.entries(NODES)) {
    it(type, async () => {
      const { rtspPort, httpPort } = simulator;
      const flow = flowWith(
        { rtspPort: String(rtspPort), httpPort: String(httpPort), requestTimeout: '2', linger: '0' },
        [{ id: 'node', type, ...node }],
      );
      const sink = await load(flow, ACCOUNT);
      const send = async (message: object): Promise<void> => {
        const settled = ['complete', 'catch'].map((id) => wait(sink(id)));
        (helper.getNode('node') as { receive(message: object): void }).receive(message);
        await Promise.race(settled);
      };
      for (const form of forms) {
        const extra = hostile(form);
        await send({ ...extra, payload: form(), ...ask });
        if (again !== undefined) await send({ ...extra, ...again });
      }
      if (until !== undefined) await sink('event').word(until);
      assert.ok(simulator.connectionCount > 0, 'the NVR of the settings was asked');
      // What a node does read is refused, or is but a part of the path.
      for (const name of READ)
        for (const form of forms) await send({ ...ask, [name]: form(), host: '127.0.0.1', port });
      for (const channel of ['1@127.0.0.1', `1:${port}`, `//127.0.0.1:${port}/`, '../..', '1\r\nHost: x'])
        await send({ ...ask, channel });
      assert.equal(visits, 0);
      assert.equal((helper.getNode('nvr') as NvrServerNode).settings.host, '127.0.0.1');
    });
  }

  it('the decoy does count who comes', async () => {
    await new Promise<void>((resolve) => {
      net.connect(port, '127.0.0.1').on('close', () => {
        resolve();
      });
    });
    const socket = dgram.createSocket('udp4');
    await new Promise<void>((resolve) => {
      socket.send('x', port, '127.0.0.1', () => {
        resolve();
      });
    });
    while (visits < 2) await new Promise((resolve) => setImmediate(resolve));
    socket.close();
    assert.equal(visits, 2);
  });
});

const wait = (sink: Sink): Promise<unknown> => sink.next(() => true);
