// Nodes whose `channel` is a list, on the simulator: a camera each, as if it had a node of its own.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { startSimulator, type Simulator } from '../../lib/simulator/index.js';
import { itLong } from '../kit/cases.js';
import { flowWith, helper, load, statuses, type Message } from '../kit/red.js';
import { ACCOUNT, clipOf, codeOf, eventOf, send, type Sinks } from '../kit/record-node-rig.js';

const CHANNELS = [1, 2, 4];
const GATE = { channels: [{ channel: 2, name: 'Gate' }] };
const cameraOf = ({ channel, camera }: Message): string => `${String(channel)} ${String(camera)}`;

describe('a node of several cameras', function () {
  this.timeout(30_000);
  let simulator: Simulator;

  beforeEach(function (done) {
    helper.startServer(done);
  });

  beforeEach(async () => {
    simulator = await startSimulator({ ...ACCOUNT, channels: 4 });
  });

  afterEach(async () => {
    await helper.unload();
    await simulator.stop();
    delete process.env.NVR_CHANNELS;
    await new Promise<void>((resolve) => {
      helper.stopServer(() => {
        resolve();
      });
    });
  });

  const server = (): object => ({
    rtspPort: String(simulator.rtspPort),
    httpPort: String(simulator.httpPort),
    linger: '0',
    silence: '1',
    ...GATE,
  });

  const deploy = (node: object): Promise<Sinks> =>
    load(
      flowWith(server(), [{ id: 'node', channel: '1,Gate,4', wires: [['out'], ['event']], ...node }]),
      ACCOUNT,
    );

  /** A message of each of the cameras that fits. */
  async function each(sink: Sinks, id: string, fits: (message: Message) => boolean): Promise<Message[]> {
    return Promise.all(
      CHANNELS.map((channel) => sink(id).first((message) => message.channel === channel && fits(message))),
    );
  }

  const word =
    (payload: string) =>
    (message: Message): boolean =>
      message.payload === payload;

  describe('nvr-live-stream', () => {
    const live = (settings: object = {}): Promise<Sinks> =>
      deploy({ type: 'nvr-live-stream', inputs: 1, ...settings });

    it('plays each in a session of its own, and says on every message which it is of', async () => {
      const sink = await live();
      const pictures = await each(sink, 'out', () => true);
      const playing = await each(sink, 'event', word('playing'));
      for (const messages of [pictures, playing])
        assert.deepEqual(messages.map(cameraOf), ['1 1', '2 Gate', '4 4']);
      assert.deepEqual(
        pictures.map(({ topic, video }) => [topic, (video as { channel: number }).channel]),
        [
          ['nvr/Home/1/keyframe', 1],
          ['nvr/Home/Gate/keyframe', 2],
          ['nvr/Home/4/keyframe', 4],
        ],
      );
      // Each counts its own.
      assert.ok(pictures.every(({ video }) => (video as { sequence: number }).sequence === 1));
      assert.deepEqual(statuses('node').at(-1), { fill: 'green', shape: 'dot', text: '3/3 playing' });
    });

    for (const setting of [{ channel: '${NVR_CHANNELS}' }, { channel: 'NVR_CHANNELS', channelType: 'env' }])
      it(`takes its list from an environment variable: ${JSON.stringify(setting)}`, async () => {
        process.env.NVR_CHANNELS = '1-2,4';
        const sink = await live(setting);
        assert.deepEqual((await each(sink, 'event', word('playing'))).map(cameraOf), [
          '1 1',
          '2 Gate',
          '4 4',
        ]);
      });

    it('starts and stops those that a message names, or all', async () => {
      const sink = await live();
      await each(sink, 'event', word('playing'));
      send({ action: 'stop', channel: 'gate' }, 'node');
      const stopped = await sink('event').word('stopped');
      assert.deepEqual(
        { camera: cameraOf(stopped), channel: eventOf(stopped).channel },
        { camera: '2 Gate', channel: 2 },
      );
      assert.deepEqual(statuses('node').at(-1), { fill: 'green', shape: 'dot', text: '2/3 playing' });
      const again = sink('event').next(word('playing'));
      send({ action: 'start', channel: 2 }, 'node');
      assert.equal(cameraOf(await again), '2 Gate');
      send({ action: 'stop' }, 'node');
      await each(sink, 'event', word('stopped'));
      assert.deepEqual(statuses('node').at(-1), { fill: 'grey', shape: 'ring', text: 'stopped' });
      const all = sink('event').messages.length;
      send({ action: 'start', channel: '1,4' }, 'node');
      await sink('event').first(() => {
        const later = sink('event').messages.slice(all).filter(word('playing'));
        return later.length === 2;
      });
      assert.deepEqual(
        sink('event')
          .messages.slice(all)
          .filter(word('playing'))
          .map(({ channel }) => channel)
          .sort(),
        [1, 4],
      );
    });

    it('answers status with a message for each that is meant', async () => {
      const sink = await live();
      await each(sink, 'event', word('playing'));
      send({ action: 'status', mine: 'all' }, 'node');
      const answers = await each(sink, 'event', ({ mine }) => mine === 'all');
      assert.deepEqual(
        answers.map((answer) => [answer.payload, eventOf(answer).channel, eventOf(answer).state]),
        CHANNELS.map((channel) => ['status', channel, 'playing']),
      );
      send({ action: 'status', mine: 'one', channel: 'Gate' }, 'node');
      assert.equal(cameraOf(await sink('event').first(({ mine }) => mine === 'one')), '2 Gate');
      assert.equal(sink('event').messages.filter(({ mine }) => mine === 'one').length, 1);
    });

    it('refuses a message that names a camera of another node, and names its own', async () => {
      const sink = await live();
      send({ action: 'stop', channel: 3 }, 'node');
      const fault = await sink('catch').first(() => true);
      assert.equal(codeOf(fault), 'EINPUT');
      assert.match((fault.error as { message: string }).message, /it has 1, 2 \(Gate\), 4\./);
      assert.ok(!sink('event').messages.some(word('stopped')));
    });

    it('counts and reports the lost camera, and no other', async () => {
      const sink = await live();
      await each(sink, 'event', word('playing'));
      simulator.unplugCamera(4);
      const fault = await sink('catch').first(() => true);
      assert.equal(cameraOf(fault), '4 4');
      assert.deepEqual(statuses('node').at(-1), { fill: 'yellow', shape: 'ring', text: '2/3 playing' });
      assert.equal(cameraOf(await sink('event').word('reconnecting')), '4 4');
    });
  });

  describe('nvr-record', () => {
    let folder: string;
    const folders: string[] = [];

    beforeEach(() => {
      folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-several-'));
      folders.push(folder);
    });

    // Behind the hooks that end the nodes: they write there until then.
    after(() => {
      for (const one of folders) fs.rmSync(one, { recursive: true, force: true });
    });

    const record = (settings: object = {}): Promise<Sinks> =>
      deploy({ type: 'nvr-record', folder, preRoll: '0', postRoll: '0.3', ...settings });

    it('makes a clip of the camera that the alarm names, and keeps each in a journal of its own', async () => {
      const sink = await record();
      await each(sink, 'event', word('playing'));
      assert.deepEqual(statuses('node').at(-1), { fill: 'green', shape: 'dot', text: '3/3 armed' });
      send({ payload: 'motion', channel: 'Gate', topic: 'yard/motion' }, 'node');
      send({ payload: 'motion', channel: 4 }, 'node');
      const [gate, fourth] = await Promise.all(
        [2, 4].map((channel) => sink('out').first((message) => message.channel === channel)),
      );
      assert.deepEqual(
        { camera: cameraOf(gate!), topic: gate!.topic },
        { camera: '2 Gate', topic: 'yard/motion' },
      );
      assert.deepEqual(
        { camera: cameraOf(fourth!), topic: fourth!.topic },
        { camera: '4 4', topic: 'nvr/Home/4/clip' },
      );
      assert.match(path.relative(folder, clipOf(gate!).file), /^Home\/Gate\//);
      assert.match(path.relative(folder, clipOf(fourth!).file), /^Home\/4\//);
      for (const channel of [2, 4])
        await sink('event').first((message) => word('finished')(message) && message.channel === channel);
      assert.ok(statuses('node').some(({ fill, text }) => fill === 'blue' && text === '2/3 recording'));
      const journals = fs.readdirSync(folder).filter((name) => name.endsWith('.jsonl'));
      assert.deepEqual(journals.map((name) => name.replace(/@[0-9a-f]{16}/, '@owner')).sort(), [
        '.nvr-record-node-2@owner.jsonl',
        '.nvr-record-node-4@owner.jsonl',
      ]);

      send({ action: 'list', channel: 2, mine: 'list' }, 'node');
      const listed = await sink('out').first(({ mine }) => mine === 'list');
      assert.deepEqual(
        (listed.payload as { file: string }[]).map(({ file }) => file),
        [clipOf(gate!).file],
      );
      assert.equal(cameraOf(listed), '2 Gate');
    });

    it('refuses what does not say which camera it is about, and names its own', async () => {
      const sink = await record();
      await each(sink, 'event', word('armed'));
      const refused = [
        { payload: 1 },
        { payload: false },
        { payload: 1, channel: 3 },
        { payload: 1, channel: '1,4' },
        { action: 'start' },
        { action: 'list' },
        { action: 'export', from: '-1h' },
        { action: 'disarm', channel: 'Door' },
        { action: 'dance' },
      ];
      for (const [index, message] of refused.entries()) {
        send({ ...message, mine: index }, 'node');
        const fault = await sink('catch').first(({ mine }) => mine === index);
        assert.equal(codeOf(fault), 'EINPUT', JSON.stringify(message));
        assert.match((fault.error as { message: string }).message, /it has 1, 2 \(Gate\), 4\./);
      }
      assert.equal(sink('out').messages.length, 0);
    });

    it('arms and disarms those that a message names, or all', async () => {
      const sink = await record();
      await each(sink, 'event', word('playing'));
      send({ action: 'disarm', channel: [1, 'Gate'] }, 'node');
      await Promise.all(
        [1, 2].map((channel) =>
          sink('event').first((message) => word('stopped')(message) && message.channel === channel),
        ),
      );
      assert.deepEqual(statuses('node').at(-1), { fill: 'green', shape: 'dot', text: '1/3 armed' });
      // What is disarmed ignores alarms; the others do not.
      send({ payload: 1, channel: 1 }, 'node');
      send({ payload: 1, channel: 4 }, 'node');
      await sink('out').first(({ channel }) => channel === 4);
      assert.equal(sink('out').messages.length, 1);
      send({ action: 'arm' }, 'node');
      await sink('event').first(() => sink('event').messages.filter(word('armed')).length === 5);
      send({ action: 'status', mine: 'status' }, 'node');
      const answers = await each(sink, 'event', ({ mine }) => mine === 'status');
      assert.ok(answers.every((answer) => eventOf(answer).state === 'armed'));
      send({ action: 'disarm' }, 'node');
      await each(sink, 'event', word('stopped'));
      assert.deepEqual(statuses('node').at(-1), { fill: 'grey', shape: 'ring', text: 'disarmed' });
    });

    itLong('records all of them without end, and stops and starts one', async () => {
      const sink = await record({ mode: 'continuous', segment: '1' });
      await each(sink, 'out', ({ clip }) => clip !== undefined);
      send({ action: 'stop', channel: 4 }, 'node');
      const stopped = await sink('event').word('stopped');
      assert.equal(cameraOf(stopped), '4 4');
      const further = sink('out').next(({ channel, clip }) => channel === 2 && clip !== undefined);
      const again = sink('event').next((message) => word('armed')(message) && message.channel === 4);
      send({ action: 'start', channel: 4 }, 'node');
      await Promise.all([further, again]);
    });
  });

  describe('nvr-health-ping', () => {
    const ping = (settings: object = {}): Promise<Sinks> =>
      deploy({ type: 'nvr-health-ping', interval: '0', failures: '1', ...settings });

    it('checks the cameras of its list, with a row for each, and reports the changes of each', async () => {
      const sink = await ping();
      simulator.unplugCamera(4);
      send({ mine: 1 }, 'node');
      const answer = await sink('out').first(() => true);
      const { cameras, up, down } = answer.health as { cameras: Message[]; up: number; down: number };
      assert.deepEqual(
        { payload: answer.payload, up, down, topic: answer.topic },
        { payload: false, up: 2, down: 1, topic: 'nvr/Home/1,Gate,4/health' },
      );
      assert.deepEqual(
        cameras.map(({ channel, name, state }) => [channel, name, state]),
        [
          [1, '1', 'up'],
          [2, 'Gate', 'up'],
          [4, '4', 'down'],
        ],
      );
      const change = await sink('event').first(() => true);
      assert.deepEqual(
        { camera: cameraOf(change), payload: change.payload, topic: change.topic },
        { camera: '4 4', payload: 'down', topic: 'nvr/Home/4/health' },
      );
      assert.deepEqual(statuses('node').at(-1), { fill: 'red', shape: 'ring', text: '2/3' });
    });

    it('checks the list of a message', async () => {
      const sink = await ping({ channel: '1' });
      send({ channel: '2-3' }, 'node');
      const { cameras } = (await sink('out').first(() => true)).health as { cameras: Message[] };
      assert.deepEqual(
        cameras.map(({ channel }) => channel),
        [2, 3],
      );
      send({ channel: '3-2', mine: 'bad' }, 'node');
      assert.equal(codeOf(await sink('catch').first(({ mine }) => mine === 'bad')), 'EINPUT');
    });
  });
});
