import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';
import net from 'node:net';

import type { Node, NodeMessageInFlow, NodeStatus } from 'node-red';

import { jpegSize } from '../../lib/media/jpeg/size.js';
import { sharedSnapshotPool } from '../../lib/nvr/snapshot/snapshot-pool.js';
import { readTimeSei, startSimulator } from '../../lib/simulator/index.js';
import type { Simulator } from '../../lib/simulator/index.js';
import serverNode from '../../nodes/nvr-server.js';
import snapshotNode from '../../nodes/nvr-snapshot.js';

interface Answer extends NodeMessageInFlow {
  payload: Buffer;
  contentType: string;
  video: Record<string, number | string | boolean>;
  topic: string;
  mine?: string;
  filename?: string;
  headers?: Record<string, string>;
}

/** A message as a Catch node sends it. */
interface Fault {
  error: { message: string; code: string };
}

/** The part of node-red-node-test-helper that is used here; it comes without types. */
interface Helper {
  init(runtime: string): void;
  load(nodes: readonly unknown[], flow: readonly object[], credentials: object): Promise<void>;
  unload(): Promise<void>;
  startServer(done: () => void): void;
  stopServer(done: () => void): void;
  getNode(
    id: string,
  ): Node & EventEmitter & { status: { args: [NodeStatus][]; calledWithMatch(match: object): boolean } };
}

const load = createRequire(__filename);
const helper = load('node-red-node-test-helper') as Helper;
const coreNodes = ['24-complete', '25-catch'].map(
  (name) => load(`@node-red/nodes/core/common/${name}.js`) as unknown,
);
helper.init(require.resolve('node-red'));

describe('the nvr-snapshot node', () => {
  let simulator: Simulator;
  const account = { username: 'admin', password: '123456' };

  before(async () => {
    simulator = await startSimulator({ ...account, channels: 4 });
  });

  after(async () => {
    await simulator.stop();
    await sharedSnapshotPool().close();
  });

  beforeEach(function (done) {
    helper.startServer(done);
  });

  afterEach(async () => {
    await helper.unload();
    await new Promise<void>((resolve) => {
      helper.stopServer(resolve);
    });
  });

  /** The node with an NVR, a Catch node, a Complete node and helpers behind each. */
  async function deploy(settings: object = {}, server: object = {}, credentials = account) {
    const port = String(simulator.rtspPort);
    const channels = [{ channel: 2, name: 'Yard/North' }];
    // Without a place on the tab a node counts as a config node.
    const onTab = { z: 'tab', x: 0, y: 0 };
    const flow = [
      { id: 'tab', type: 'tab', label: 'test' },
      {
        id: 'nvr',
        type: 'nvr-server',
        name: 'site',
        host: '127.0.0.1',
        rtspPort: port,
        channels,
        linger: '0',
        ...server,
      },
      {
        id: 'snapshot',
        ...onTab,
        type: 'nvr-snapshot',
        nvr: 'nvr',
        channel: '1',
        wires: [['out']],
        ...settings,
      },
      { id: 'catch', ...onTab, type: 'catch', scope: null, wires: [['fault']] },
      { id: 'complete', ...onTab, type: 'complete', scope: ['snapshot'], wires: [['completed']] },
      ...['out', 'fault', 'completed'].map((id) => ({ id, ...onTab, type: 'helper' })),
    ];
    await helper.load([serverNode, snapshotNode, ...coreNodes], flow, { nvr: credentials });
    return helper.getNode('snapshot');
  }

  const next = async <T>(id: string): Promise<T> => {
    const [message] = (await once(helper.getNode(id), 'input')) as [T];
    return message;
  };

  it('answers a message with a JPEG and keeps the rest of the message', async () => {
    const node = await deploy();
    const taken = next<Answer>('out');
    const completed = next('completed');
    node.receive({ payload: 'now', mine: 'kept', topic: 'own' });
    const answer = await taken;
    await completed;
    assert.deepEqual(jpegSize(answer.payload), { width: answer.video.width, height: answer.video.height });
    assert.ok(Buffer.isBuffer(answer.payload));
    assert.deepEqual(
      { contentType: answer.contentType, mine: answer.mine, topic: answer.topic },
      { contentType: 'image/jpeg', mine: 'kept', topic: 'own' },
    );
    const { codec, keyframe, channel, stream, sequence, damaged, ageMs, timeSource } = answer.video;
    assert.deepEqual(
      { codec, keyframe, channel, stream, sequence, damaged },
      { codec: 'h264', keyframe: true, channel: 1, stream: 'main', sequence: 1, damaged: false },
    );
    assert.ok(Number(ageMs) >= 0 && Number.isInteger(ageMs) && typeof timeSource === 'string');
  });

  it('answers a past moment with the recording’s keyframe at or before it, and says which', async () => {
    const node = await deploy({ at: '-1h' }, { httpPort: String(simulator.httpPort) });
    const at = Math.floor(Date.now() / 1000) * 1000 - 600_000 + 300;
    const keyframe = next<Answer>('out');
    node.receive({ at, format: 'keyframe', channel: 3 });
    const { payload, video } = await keyframe;
    assert.ok(Number(video.time) <= at && Number(video.time) > at - 3000, String(Number(video.time) - at));
    assert.ok(Math.abs(readTimeSei(payload)! - Number(video.time)) <= 2);
    assert.deepEqual({ keyframe: video.keyframe, channel: video.channel }, { keyframe: true, channel: 3 });
    assert.ok(Math.abs(Date.now() - Number(video.time) - Number(video.ageMs)) < 5000);
    // The field's own, as a JPEG.
    const jpeg = next<Answer>('out');
    node.receive({ payload: '' });
    const hourAgo = await jpeg;
    assert.ok(jpegSize(hourAgo.payload) !== undefined);
    assert.ok(Math.abs(Number(hourAgo.video.time) - (Date.now() - 3_600_000)) < 10_000);
    await simulator.idle();
  });

  for (const [what, at, code] of [
    ['in the future', '+1m', 'EINPUT'],
    ['that is none', 'yesterday', 'EINPUT'],
    ['of which nothing is recorded', 1_000_000_000_000, 'ENORECORDING'],
  ] as const) {
    it(`refuses a moment ${what} with ${code}`, async () => {
      const node = await deploy({}, { httpPort: String(simulator.httpPort) });
      const fault = next<Fault>('fault');
      node.receive({ at });
      assert.equal((await fault).error.code, code);
    });
  }

  it('has no past where the URI style knows no recordings', async () => {
    const node = await deploy({}, { uriStyle: 'custom', liveTemplate: '/live?ch={ch:4}&stype={stream}' });
    const fault = next<Fault>('fault');
    node.receive({ at: '-5m' });
    assert.equal((await fault).error.code, 'EUNSUPPORTED');
  });

  it('needs no ffmpeg', async () => {
    const { PATH } = process.env;
    process.env.PATH = '';
    try {
      const node = await deploy({ decoder: 'builtin', width: '100', quality: '60' });
      const taken = Promise.race([next<Answer>('out'), next<Fault>('fault')]);
      node.receive({});
      const answer = await taken;
      assert.ok('contentType' in answer, JSON.stringify(answer));
      assert.equal(jpegSize(answer.payload)?.width, 100);
    } finally {
      process.env.PATH = PATH;
    }
  });

  it('lets the message choose channel, stream and format', async () => {
    const node = await deploy();
    const taken = next<Answer>('out');
    // An inject node's empty topic is none, and no broker would take it.
    node.receive({ channel: 'yard/north', stream: 'dual', format: 'keyframe', topic: '' });
    const answer = await taken;
    assert.equal(answer.contentType, 'video/h264');
    assert.deepEqual([...answer.payload.subarray(0, 4)], [0, 0, 0, 1]);
    assert.deepEqual(
      { channel: answer.video.channel, stream: answer.video.stream },
      { channel: 2, stream: 'dual' },
    );
    assert.equal(answer.topic, 'nvr/site/Yard_North/snapshot');
  });

  it('counts its snapshots, and says when it is busy and when it is done', async () => {
    const node = await deploy({ format: 'keyframe' }, { linger: '5' });
    for (const sequence of [1, 2]) {
      const taken = next<Answer>('out');
      node.receive({});
      assert.equal((await taken).video.sequence, sequence);
    }
    assert.deepEqual(
      node.status.args.map(([{ text }]) => text),
      ['idle', 'busy', 'idle', 'busy', 'idle'],
    );
  });

  for (const [message, words] of [
    [{ channel: 'nowhere' }, /channel/],
    [{ channel: 0 }, /channel/],
    [{ stream: 'third' }, /stream must be one of main, dual/],
    [{ format: 'png' }, /format must be one of jpeg, keyframe/],
  ] as const) {
    it(`refuses ${JSON.stringify(message)} with EINPUT`, async () => {
      const node = await deploy();
      const caught = next<Fault>('fault');
      node.receive(message);
      const { error } = await caught;
      assert.equal(error.code, 'EINPUT');
      assert.match(error.message, words);
    });
  }

  for (const [property, value] of [
    ['quality', '101'],
    ['width', '-5'],
    ['maxAge', 'soon'],
    ['timeout', '0'],
    ['format', 'png'],
    ['decoder', 'vlc'],
    ['channel', '0'],
    ['nvr', 'missing'],
  ] as const) {
    it(`names the setting "${property}" when it cannot be used, on the badge and to Catch`, async () => {
      const node = await deploy({ [property]: value });
      const caught = next<Fault>('fault');
      node.receive({});
      const { error } = await caught;
      assert.equal(error.code, 'EINPUT');
      assert.ok(error.message.includes(property));
      assert.ok(node.status.calledWithMatch({ fill: 'red', text: `bad ${property}` }));
    });
  }

  it('reports a wrong password at once, as EAUTH', async () => {
    const node = await deploy({}, {}, { ...account, password: 'wrong' });
    const caught = next<Fault>('fault');
    node.receive({});
    assert.equal((await caught).error.code, 'EAUTH');
  });

  it('reports a camera that refuses connections at once, by its code and on the badge', async () => {
    const unused = net.createServer().listen(0, '127.0.0.1');
    await once(unused, 'listening');
    const { port } = unused.address() as net.AddressInfo;
    await new Promise((resolve) => unused.close(resolve));
    const node = await deploy({ timeout: '600' }, { rtspPort: String(port) });
    const caught = next<Fault>('fault');
    node.receive({});
    assert.equal((await caught).error.code, 'ECONNREFUSED');
    assert.equal(node.status.args.at(-1)![0].text, 'ECONNREFUSED');
  });

  it('names the picture as a file, if the message has no name, and in no way that leaves a folder', async () => {
    const node = await deploy({ format: 'keyframe' }, { name: '../site', timeZone: 'Asia/Tokyo' });
    const named = next<Answer>('out');
    node.receive({ channel: 'yard/north' });
    const { filename, video } = await named;
    const there = new Date(Number(video.time) + 9 * 3_600_000).toISOString();
    const time = `${there.slice(0, 10)}-${there.slice(11, 19).replace(/:/g, '')}`;
    assert.match(filename!, new RegExp(`^[^/\\\\]+-Yard.North-${time}\\.h264$`));
    assert.doesNotMatch(filename!, /^\./);
    const own = next<Answer>('out');
    node.receive({ filename: 'mine.bin' });
    assert.equal((await own).filename, 'mine.bin');
    const empty = next<Answer>('out');
    node.receive({ filename: '' });
    assert.match((await empty).filename!, /\.h264$/);
  });

  it('sets the content type for http response, and no headers if the message has no response', async () => {
    const node = await deploy();
    const asked = next<Answer>('out');
    node.receive({ res: { _res: {} }, headers: { 'Content-Type': 'text/plain', 'x-mine': 'kept' } });
    assert.deepEqual((await asked).headers, { 'x-mine': 'kept', 'content-type': 'image/jpeg' });
    const plain = next<Answer>('out');
    node.receive({ headers: { a: '1' } });
    assert.deepEqual((await plain).headers, { a: '1' });
  });

  it('ends with ETIMEDOUT when nothing answers in time', async () => {
    const unused = net.createServer().listen(0, '127.0.0.1');
    await once(unused, 'listening');
    const { port } = unused.address() as net.AddressInfo;
    const node = await deploy({ timeout: '0.2' }, { rtspPort: String(port) });
    const caught = next<Fault>('fault');
    node.receive({});
    assert.equal((await caught).error.code, 'ETIMEDOUT');
    unused.close();
  });

  it('lets go of the camera when it is closed while it waits', async () => {
    const silent = net.createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as net.AddressInfo;
    const node = await deploy({ timeout: '600' }, { rtspPort: String(port) });
    const arrived = once(silent, 'connection') as Promise<[net.Socket]>;
    node.receive({});
    const [socket] = await arrived;
    const left = once(socket, 'close');
    socket.resume();
    await helper.unload();
    await left;
    silent.close();
  });
});
