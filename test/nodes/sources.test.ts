import assert from 'node:assert/strict';
import { startSimulator, type Simulator } from '../../lib/simulator/index.js';
import { flowWith, helper, load, serveNodes, statuses, type Message, type Sink } from '../kit/red.js';

const ACCOUNT = { username: 'admin', password: 'quelle-1' };

/** A Catch node's message. */
interface Fault {
  readonly error: { readonly message: string };
}

const faultOf = (message: Message): string =>
  (message as unknown as Fault).error.message.replace('NvrError: ', '');

describe('a setting that comes from a message or a variable', () => {
  let simulator: Simulator;
  let sink: (id: string) => Sink;

  before(async () => {
    simulator = await startSimulator({ ...ACCOUNT, channels: 4 });
    process.env.NVR_TEST_CHANNEL = 'Gate';
    process.env.NVR_TEST_TIME = '-5m';
  });

  after(async () => {
    delete process.env.NVR_TEST_CHANNEL;
    delete process.env.NVR_TEST_TIME;
    await simulator.stop();
  });

  serveNodes();

  async function deploy(type: string, settings: object): Promise<void> {
    const server = {
      rtspPort: String(simulator.rtspPort),
      httpPort: String(simulator.httpPort),
      requestTimeout: '2',
      channels: [{ channel: 3, name: 'Gate' }],
    };
    sink = await load(
      flowWith(server, [{ id: 'node', type, wires: [['out'], ['event']], ...settings }]),
      ACCOUNT,
    );
  }

  const send = (message: object): void => {
    (helper.getNode('node') as { receive(message: object): void }).receive(message);
  };
  const channelOf = (message: Message): unknown => (message.video as { channel: unknown }).channel;
  const twoFaults = async (): Promise<string[]> => {
    await sink('catch').first(() => sink('catch').messages.length === 2);
    return sink('catch').messages.map((message) => faultOf(message));
  };
  const fault = async (): Promise<string> => faultOf(await sink('catch').first(() => true));

  it('takes the camera of a snapshot from the message’s property, by number or name', async () => {
    await deploy('nvr-snapshot', { channel: 'payload.camera', channelType: 'msg', format: 'keyframe' });
    send({ payload: { camera: 2 } });
    assert.equal(channelOf(await sink('out').first(() => true)), 2);
    // The property that the dialog names is the one that counts.
    send({ payload: { camera: 'gate' }, channel: 1 });
    assert.equal(channelOf(await sink('out').first((message) => channelOf(message) !== 2)), 3);
  });

  it('refuses a message that lacks the property, rather than to show another camera', async () => {
    await deploy('nvr-snapshot', { channel: 'payload.camera', channelType: 'msg', format: 'keyframe' });
    send({ payload: 7, channel: 1 });
    assert.equal(await fault(), 'msg.payload.camera is missing, which the setting "channel" comes from.');
    assert.equal(sink('out').messages.length, 0);
  });

  it('refuses a message without the moment that its picture is of, rather than to show the present', async () => {
    await deploy('nvr-snapshot', { at: 'when', atType: 'msg', format: 'keyframe' });
    send({});
    assert.equal(await fault(), 'msg.when is missing, which the setting "at" comes from.');
  });

  it('takes a camera and a moment from environment variables', async () => {
    await deploy('nvr-snapshot', {
      ...{ channel: 'NVR_TEST_CHANNEL', channelType: 'env', format: 'keyframe' },
      ...{ at: 'NVR_TEST_TIME', atType: 'env' },
    });
    send({});
    const answer = await sink('out').first(() => true);
    assert.equal(channelOf(answer), 3);
    const { time } = answer.video as { time: number };
    assert.ok(Math.abs(Date.now() - 300_000 - time) < 60_000, String(time));
  });

  it('names the setting whose variable is not set', async () => {
    await deploy('nvr-live-stream', { channel: 'NVR_TEST_NONE', channelType: 'env' });
    assert.equal(
      await fault(),
      'The setting "channel" comes from the environment variable NVR_TEST_NONE, which is not set.',
    );
    assert.equal(statuses('node').at(-1)?.text, 'bad channel');
  });

  it('checks what a variable holds as it checks the field', async () => {
    process.env.NVR_TEST_CHANNEL = 'nowhere';
    await deploy('nvr-live-stream', { channel: 'NVR_TEST_CHANNEL', channelType: 'env' });
    assert.match(await fault(), /The setting "channel" must be channel numbers, ranges or names/);
    process.env.NVR_TEST_CHANNEL = 'Gate';
  });

  it('plays the span that the message’s properties tell', async () => {
    await deploy('nvr-playback', {
      ...{ channel: 'alarm.camera', channelType: 'msg', from: 'alarm.at', fromType: 'msg' },
      ...{ duration: 'alarm.seconds', durationType: 'msg', emit: 'keyframes' },
    });
    const at = Math.floor(Date.now() / 1000 - 300) * 1000;
    send({ alarm: { camera: 'Gate', at, seconds: 1 } });
    await sink('complete').first(() => true);
    assert.equal(channelOf(sink('out').messages[0]!), 3);
    assert.equal((sink('out').messages[0]!.video as { time: number }).time, at);
  });

  it('says which property a run’s beginning or end lacks', async () => {
    await deploy('nvr-playback', { from: 'alarm.at', fromType: 'msg', to: 'alarm.end', toType: 'msg' });
    send({ payload: 1 });
    assert.equal(await fault(), 'msg.alarm.at is missing, which the setting "from" comes from.');
    send({ alarm: { at: '-5m' } });
    const [, second] = await twoFaults();
    assert.equal(second, 'msg.alarm.end is missing, which the setting "to" comes from.');
  });

  it('checks the camera of each message, and none between them', async () => {
    await deploy('nvr-health-ping', {
      channel: 'topic',
      channelType: 'msg',
      depth: 'reach',
      interval: '0.01',
    });
    send({ topic: '2' });
    const check = await sink('out').first(() => true);
    assert.equal((check.health as { channel: unknown }).channel, 2);
    send({ topic: 'gate' });
    await sink('out').first((message) => (message.health as { channel: unknown }).channel === 3);
    assert.equal(sink('out').messages.length, 2);
  });
});
