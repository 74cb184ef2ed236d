import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { jpegSize } from '../../lib/media/jpeg/size.js';
import { startSimulator, type Simulator } from '../../lib/simulator/index.js';
import { exampleFlows, type FlowNode } from '../examples/flows.js';
import { startMailSink, type MailSink } from '../support/mail-sink.js';
import { startMosquitto, type Broker } from '../support/mosquitto.js';
import { needs } from '../support/tools.js';
import { startNodeRed, type RunningNodeRed } from './node-red.js';

const ACCOUNT = { username: 'demo', password: 'e2e-secret-password' };
const NVR = 'a1f0c0de000000aa';

function example(number: string): readonly FlowNode[] {
  return exampleFlows().find(({ name }) => name.startsWith(`${number} `))!.nodes;
}

async function until<T>(look: () => T | undefined): Promise<T> {
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** As a person presses the example's button. */
async function ring(nodeRed: RunningNodeRed, nodes: readonly FlowNode[]): Promise<void> {
  const button = nodes.find(({ type }) => type === 'inject')!;
  const answer = await fetch(`${nodeRed.url}/inject/${button.id}`, { method: 'POST' });
  assert.equal(answer.status, 200);
}

describe('the examples with what they talk to', function () {
  this.timeout(60_000);
  let simulator: Simulator | undefined;
  let nodeRed: RunningNodeRed | undefined;
  const ends: (() => Promise<unknown>)[] = [];

  before(async () => {
    simulator = await startSimulator(ACCOUNT);
  });

  afterEach(async () => {
    await nodeRed?.stop();
    nodeRed = undefined;
    for (const end of ends.splice(0)) await end();
  });

  after(() => simulator?.stop());

  /**
   * The example with the edits that its comments ask for, and short clips. Answers how many nodes were
   * edited.
   */
  async function start(
    nodes: readonly FlowNode[],
    edit: (node: FlowNode) => FlowNode,
    packages: string[] = [],
  ): Promise<number> {
    const { rtspPort, httpPort } = simulator!;
    const edited = nodes.map((node) =>
      node.type === 'nvr-server'
        ? { ...node, rtspPort: String(rtspPort), httpPort: String(httpPort) }
        : edit(node),
    );
    const short = edited.map((node) =>
      node.type === 'nvr-record' ? { ...node, preRoll: '1', postRoll: '1' } : node,
    );
    nodeRed = await startNodeRed(short, { [NVR]: ACCOUNT }, {}, packages);
    return edited.filter((node, index) => node !== nodes[index]).length;
  }

  it('08: the e-mail of an alarm has its clip attached, by the real e-mail node', async () => {
    const sink: MailSink = await startMailSink();
    ends.push(() => sink.stop());
    const nodes = example('08');
    const edit = (node: FlowNode): FlowNode =>
      node.type === 'e-mail'
        ? {
            ...node,
            server: '127.0.0.1',
            port: String(sink.port),
            authtype: 'NONE',
            secure: false,
            tls: false,
          }
        : node;
    // Two edits from the example to the clip on a phone: the NVR, and the mail server.
    assert.equal(await start(nodes, edit, ['node-red-node-email']), 2);
    await ring(nodeRed!, nodes);
    const mail = await until(() => sink.mails[0]);
    assert.match(mail, /^To: you@example\.com/m);
    assert.match(mail, /^Subject: Alarm: alarm/m);
    assert.match(mail, /filename=.*\.mp4/);
    const body = mail.slice(mail.search(/filename=.*\.mp4/));
    const encoded = body.slice(body.indexOf('\r\n\r\n') + 4, body.indexOf('\r\n--', 20));
    assert.equal(Buffer.from(encoded, 'base64').toString('latin1', 4, 8), 'ftyp');
  });

  it('09: Telegram is sent the clip as a video, and the chat’s number', async () => {
    const asked: { url: string; type: string; body: Buffer }[] = [];
    const telegram = http.createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        const type = request.headers['content-type'] ?? '';
        asked.push({ url: request.url ?? '', type, body: Buffer.concat(parts) });
        response.setHeader('content-type', 'application/json').end('{"ok":true}');
      });
    });
    await new Promise<void>((resolve) => telegram.listen(0, '127.0.0.1', resolve));
    ends.push(() => new Promise((resolve) => telegram.close(resolve)));
    const { port } = telegram.address() as AddressInfo;
    const nodes = example('09');
    const values: Record<string, string> = {
      TELEGRAM_TOKEN: '123:abc',
      TELEGRAM_CHAT: '4711',
      TELEGRAM_API: `http://127.0.0.1:${port}`,
    };
    const env = Object.entries(values).map(([name, value]) => ({ name, value, type: 'str' }));
    assert.equal(await start(nodes, (node) => (node.type === 'tab' ? { ...node, env } : node)), 2);
    await ring(nodeRed!, nodes);
    const { url, type, body } = await until(() => asked[0]);
    assert.equal(url, '/bot123:abc/sendVideo');
    assert.match(type, /^multipart\/form-data; *boundary=/);
    const text = body.toString('latin1');
    assert.match(text, /name="chat_id"\r\n\r\n4711\r\n/);
    assert.match(text, /name="video"; filename="alarm\.mp4"\r\nContent-Type: video\/mp4\r\n\r\n[^]{4}ftyp/i);
  });

  it('11: Home Assistant finds a picture, whether the camera is reachable, and motion, on a real mosquitto', async function () {
    needs(this, 'mosquitto');
    const broker: Broker = await startMosquitto();
    ends.push(() => broker.stop());
    const { kept } = broker;
    const edit = (node: FlowNode): FlowNode => {
      if (node.type === 'mqtt-broker') return { ...node, broker: '127.0.0.1', port: String(broker.port) };
      // Motion ends sooner.
      return node.type === 'trigger' ? { ...node, duration: '1' } : node;
    };
    await start(example('11'), edit);
    const config = async (topic: string): Promise<Record<string, unknown>> =>
      JSON.parse((await until(() => kept.get(topic))).toString()) as Record<string, unknown>;
    const picture = await config('homeassistant/camera/nvr_gate/picture/config');
    const reachable = await config('homeassistant/binary_sensor/nvr_gate/reachable/config');
    const motion = await config('homeassistant/binary_sensor/nvr_gate/motion/config');
    assert.equal(new Set([picture, reachable, motion].map(({ unique_id: id }) => id)).size, 3);
    for (const entity of [picture, reachable, motion]) {
      assert.deepEqual(entity.device, picture.device);
      assert.equal((await until(() => kept.get(String(entity.availability_topic)))).toString(), 'online');
    }
    assert.deepEqual([reachable.device_class, motion.device_class], ['connectivity', 'motion']);

    const still = await until(() => kept.get(String(picture.topic)));
    assert.notEqual(jpegSize(new Uint8Array(still)), undefined);
    assert.equal((await until(() => kept.get(String(reachable.state_topic)))).toString(), 'ON');

    assert.equal((await fetch(`${nodeRed!.url}/nvr/motion`)).status, 200);
    const state = String(motion.state_topic);
    await until(() => (kept.get(state)?.toString() === 'ON' ? true : undefined));
    await until(() => (kept.get(state)?.toString() === 'OFF' ? true : undefined));
    await nodeRed!.stop();
    nodeRed = undefined;
    assert.equal((await until(() => kept.get('nvr/bridge'))).toString() === 'online', false);
  });

  it('16: a worker does the jobs of a real mosquitto, each once, those of a dead worker too, and buries what fails three times', async function () {
    needs(this, 'mosquitto');
    const broker: Broker = await startMosquitto();
    ends.push(() => broker.stop());
    const { kept } = broker;
    const edit = (node: FlowNode): FlowNode => {
      if (node.type === 'mqtt-broker') return { ...node, broker: '127.0.0.1', port: String(broker.port) };
      return node.type === 'delay' ? { ...node, timeout: '0.1' } : node;
    };
    process.env.NVR_INSTANCE = 'one';
    ends.push(() => Promise.resolve(delete process.env.NVR_INSTANCE));
    // The dead one's, who is told to be gone once the worker listens.
    broker.publish('nvr/running/left', { job: 'left', do: 'picture', worker: 'dead' }, true);
    await start(example('16'), edit);
    const at = (topic: string): Promise<Buffer> => until(() => kept.get(topic));
    const json = async (topic: string): Promise<Record<string, unknown>> =>
      JSON.parse((await at(topic)).toString()) as Record<string, unknown>;
    // The first job is in the flow itself.
    assert.notEqual(jpegSize(new Uint8Array(await at('nvr/results/first-picture'))), undefined);
    assert.equal((await at('nvr/here')).toString(), 'one');

    broker.publish('nvr/jobs/a', { job: 'a', do: 'picture', nvr: 'NVR', channel: 2, at: '-10m' });
    broker.publish('nvr/jobs/b', {
      job: 'b',
      do: 'clip',
      nvr: 'nvr',
      channel: 1,
      from: '-10m',
      duration: '1s',
    });
    broker.publish('nvr/jobs/c', { job: 'c', do: 'picture', nvr: 'South' });
    broker.publish('nvr/gone', 'dead');
    assert.notEqual(jpegSize(new Uint8Array(await at('nvr/results/a'))), undefined);
    assert.notEqual(jpegSize(new Uint8Array(await at('nvr/results/left'))), undefined);
    const clip = await json('nvr/results/b');
    const [file] = clip.files as { file: string; repeated: boolean }[];
    assert.deepEqual([clip.job, clip.worker, file!.repeated], ['b', 'one', false]);
    assert.ok(fs.existsSync(file!.file));
    const dead = await json('nvr/dead');
    assert.deepEqual([dead.job, dead.tries, dead.code, dead.worker], ['c', 3, 'EINPUT', 'one']);
    assert.match(String(dead.reason), /it has "NVR"/);

    // Done twice is done once: the next job has its result, and this one has no further.
    await json('nvr/done/a');
    kept.delete('nvr/results/a');
    broker.publish('nvr/jobs/a', { job: 'a', do: 'picture' });
    broker.publish('nvr/jobs/d', { job: 'd', do: 'picture' });
    await at('nvr/results/d');
    assert.equal(kept.has('nvr/results/a'), false);
    for (const id of ['a', 'b', 'c', 'd', 'left'])
      await until(() => (kept.get(`nvr/running/${id}`)?.length === 0 ? true : undefined));
    await nodeRed!.stop();
    nodeRed = undefined;
    await until(() => (kept.get('nvr/gone')?.toString() === 'one' ? true : undefined));
  });

  it('17: of two instances that claim the cameras the first plays them, and the second as the first is killed', async function () {
    needs(this, 'mosquitto');
    const broker: Broker = await startMosquitto();
    ends.push(() => broker.stop());
    const { kept } = broker;
    const edit = (node: FlowNode): FlowNode =>
      node.type === 'mqtt-broker' ? { ...node, broker: '127.0.0.1', port: String(broker.port) } : node;
    ends.push(() => Promise.resolve(delete process.env.NVR_INSTANCE));
    const state = (camera: string, wanted: string, instance: string): Promise<true> =>
      until(() => {
        const told = kept.get(`nvr/NVR/${camera}/state`)?.toString() ?? '{}';
        const { state: is, instance: by } = JSON.parse(told) as { state?: string; instance?: string };
        return is === wanted && by === instance ? true : undefined;
      });
    process.env.NVR_INSTANCE = 'one';
    await start(example('17'), edit);
    const first = nodeRed!;
    ends.push(() => {
      if (isAlive(first.pid)) process.kill(first.pid, 'SIGKILL');
      return fs.promises.rm(first.folder, { recursive: true, force: true });
    });
    for (const camera of ['Gate', 'Yard']) await state(camera, 'playing', 'one');
    process.env.NVR_INSTANCE = 'two';
    await start(example('17'), edit);
    for (const camera of ['Gate', 'Yard']) {
      const told = await until(() => kept.get(`nvr/NVR/${camera}/standby`));
      const { owner, standby } = JSON.parse(told.toString()) as Record<string, unknown>;
      assert.deepEqual([owner, standby], ['one', 'two']);
      await state(camera, 'playing', 'one');
    }
    process.kill(first.pid, 'SIGKILL');
    for (const camera of ['Gate', 'Yard']) await state(camera, 'playing', 'two');
    const page = await (await fetch(`${nodeRed!.url}/nvr/instances`)).text();
    assert.match(page, /<h1>2\/2 playing<\/h1>/);
  });
});
