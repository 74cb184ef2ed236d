import assert from 'node:assert/strict';
import type { Simulator, SimulatorOptions } from '../../lib/simulator/index.js';
import { startSimulator } from '../../lib/simulator/index.js';
import { flowWith, helper, load, statuses, type Message, type Sink } from '../kit/red.js';

const ACCOUNT = { username: 'admin', password: 'geheim-123' };

interface Health {
  state: string;
  stage: string;
  code?: string;
  rttMs?: number;
  since: number;
  checkedAt: number;
  up?: number;
  down?: number;
  cameras?: (Health & { channel: number; name: string })[];
}

const healthOf = (message: Message): Health => message.health as Health;

describe('nvr-health-ping', () => {
  let simulator: Simulator | undefined;

  beforeEach(function (done) {
    helper.startServer(done);
  });

  afterEach(async () => {
    await helper.unload();
    await simulator?.stop();
    simulator = undefined;
    await new Promise<void>((resolve) => {
      helper.stopServer(() => {
        resolve();
      });
    });
  });

  async function deploy(
    pings: object | object[],
    options: SimulatorOptions = {},
    server: object = {},
  ): Promise<(id: string) => Sink> {
    simulator = await startSimulator({ ...ACCOUNT, ...options });
    const nodes = [pings].flat().map((ping, index) => ({
      id: index === 0 ? 'ping' : `ping${index}`,
      type: 'nvr-health-ping',
      interval: '0',
      wires: [['out'], ['change']],
      ...ping,
    }));
    const { rtspPort, httpPort } = simulator;
    const flow = flowWith(
      { rtspPort: String(rtspPort), httpPort: String(httpPort), requestTimeout: '1', ...server },
      nodes,
      ['out', 'change'],
    );
    return load(flow, ACCOUNT);
  }

  const receive = (message: object): void => {
    (helper.getNode('ping') as { receive(message: object): void }).receive(message);
  };

  /** Sends a message to the node and answers what comes out. */
  async function ask(sink: (id: string) => Sink, message: object = {}): Promise<Message> {
    const next = sink('out').next(() => true);
    receive(message);
    return next;
  }

  it('answers a message with the round trip and a flat health, keeps the rest of it, and completes it', async () => {
    const sink = await deploy({});
    const answer = await ask(sink, { mine: 7 });
    assert.ok(typeof answer.payload === 'number' && answer.payload > 0);
    assert.deepEqual({ mine: answer.mine, topic: answer.topic }, { mine: 7, topic: 'nvr/Home/1/health' });
    const { state, stage, code, rttMs, since, checkedAt } = healthOf(answer);
    assert.deepEqual(
      { state, stage, code, rttMs },
      { state: 'up', stage: 'auth', code: undefined, rttMs: answer.payload },
    );
    assert.ok(since === checkedAt && Math.abs(checkedAt - Date.now()) < 2000);
    for (const value of Object.values(answer.health as object)) assert.notEqual(typeof value, 'object');
    await sink('complete').first(() => true);
    assert.deepEqual(statuses('ping').at(-1), { fill: 'green', shape: 'dot', text: 'up' });
    assert.equal(sink('change').messages.length, 0);
  });

  it('answers false and the code where the camera is gone, without a Catch, and takes a channel from the message', async () => {
    const sink = await deploy({ failures: '1' }, {}, { channels: [{ channel: 2, name: 'Gate' }] });
    simulator!.unplugCamera(2);
    const answer = await ask(sink, { channel: 'gate', topic: 'mine' });
    assert.deepEqual({ payload: answer.payload, topic: answer.topic }, { payload: false, topic: 'mine' });
    assert.deepEqual(
      { state: healthOf(answer).state, code: healthOf(answer).code },
      { state: 'down', code: 'ECHANNEL' },
    );
    const change = await sink('change').first(() => true);
    assert.deepEqual(
      { payload: change.payload, topic: change.topic, code: (change.event as { code: string }).code },
      { payload: 'down', topic: 'nvr/Home/Gate/health', code: 'ECHANNEL' },
    );
    assert.deepEqual(statuses('ping').at(-1), { fill: 'red', shape: 'ring', text: 'ECHANNEL' });
    assert.equal(sink('catch').messages.length, 0);
  });

  it('takes no host from a message, and refuses a channel that is none', async () => {
    const sink = await deploy({});
    const host = {
      host: 'nvr.invalid',
      rtspPort: 1,
      nvr: 'other',
      url: 'rtsp://nvr.invalid/',
      uri: 'rtsp://nvr.invalid/',
    };
    const answer = await ask(sink, { ...host, settings: host, payload: 'rtsp://nvr.invalid/live' });
    assert.equal(healthOf(answer).state, 'up');
    for (const channel of ['rtsp://nvr.invalid/', '../1', '1@nvr.invalid', 0, {}, ['1']]) {
      const fault = sink('catch').next(() => true);
      receive({ channel });
      assert.equal(((await fault).error as { code: string }).code, 'EINPUT');
    }
    assert.equal(simulator!.connectionCount, 1);
  });

  it('reports "down" within interval x failures and a time-out, and "up" once the camera is back', async () => {
    const interval = 0.4;
    const sink = await deploy({ interval: String(interval), failures: '2', successes: '1' });
    await sink('out').first(() => true);
    simulator!.unplugCamera(1);
    const pulled = performance.now();
    const down = await sink('change').word('down');
    const took = performance.now() - pulled;
    assert.ok(took <= (interval * 2 + 1) * 1000 && took > interval * 900, `${took} ms`);
    assert.deepEqual(
      { state: healthOf(down).state, code: healthOf(down).code },
      { state: 'down', code: 'ECHANNEL' },
    );
    simulator!.plugCamera(1);
    const up = await sink('change').word('up');
    assert.equal(healthOf(up).state, 'up');
    assert.equal(sink('change').messages.length, 2);
  });

  it('lets a dozen nodes on one camera share each probe', async () => {
    const sink = await deploy(Array.from({ length: 12 }, () => ({ interval: '0.5' })));
    await sink('out').first(() => sink('out').messages.length >= 36);
    assert.ok(simulator!.connectionCount <= 4, `${simulator!.connectionCount} connections for 36 checks`);
  });

  it('checks every camera of the table as one message with a row for each, and reports each change separately', async () => {
    const channels = [1, 2, 3].map((channel) => ({ channel, name: `Camera ${channel}` }));
    const sink = await deploy({ channel: '*', failures: '1' }, {}, { channels });
    const first = healthOf(await ask(sink));
    assert.deepEqual(
      first.cameras?.map(({ channel, name, state }) => `${channel} ${name} ${state}`),
      ['1 Camera 1 up', '2 Camera 2 up', '3 Camera 3 up'],
    );
    simulator!.unplugCamera(2);
    const second = await ask(sink);
    assert.deepEqual(
      { payload: second.payload, topic: second.topic },
      { payload: false, topic: 'nvr/Home/*/health' },
    );
    const health = healthOf(second);
    assert.deepEqual(
      { state: health.state, code: health.code, up: health.up, down: health.down },
      { state: 'down', code: 'ECHANNEL', up: 2, down: 1 },
    );
    assert.equal((await sink('change').first(() => true)).topic, 'nvr/Home/Camera 2/health');
    assert.equal(statuses('ping').at(-1)?.text, '2/3');
  });

  it('finds the channels of an NVR without a table once', async () => {
    const sink = await deploy({ channel: '*', depth: 'auth' }, { channels: 5 });
    assert.deepEqual(
      healthOf(await ask(sink)).cameras?.map(({ channel }) => channel),
      [1, 2, 3, 4, 5],
    );
    const before = simulator!.connectionCount;
    simulator!.unplugCamera(5);
    assert.equal(healthOf(await ask(sink)).down, 1);
    assert.equal(simulator!.connectionCount - before, 5);
  });

  it('has a status of its own for each cause, and answers for an NVR that is away', async () => {
    const sink = await deploy({ channel: '*' });
    const { rtspPort } = simulator!;
    await simulator!.stop();
    const answer = await ask(sink);
    assert.deepEqual(
      { payload: answer.payload, code: healthOf(answer).code, cameras: healthOf(answer).cameras },
      { payload: false, code: 'ECONNREFUSED', cameras: [] },
    );
    assert.equal(statuses('ping').at(-1)?.text, 'ECONNREFUSED');
    assert.ok(rtspPort > 0);
  });

  it('shows which setting cannot be used', async () => {
    const sink = await deploy({ depth: 'abyss' });
    const fault = await sink('catch').first(() => true);
    assert.equal((fault.error as { code: string }).code, 'EINPUT');
    assert.equal(statuses('ping').at(-1)?.text, 'bad depth');
  });
});
