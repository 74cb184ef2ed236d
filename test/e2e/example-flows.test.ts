import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { jpegSize } from '../../lib/media/jpeg/size.js';
import { startSimulator, type Simulator } from '../../lib/simulator/index.js';
import { exampleFlows, type FlowNode } from '../examples/flows.js';
import { startS3, startWebdav } from '../kit/clip-stores.js';
import { startMailSink, type MailSink } from '../kit/mail-sink.js';
import { startMosquitto, type Broker } from '../kit/mosquitto.js';
import { itLong } from '../kit/cases.js';
import { needs } from '../kit/tools.js';
import { startNodeRed, type RunningNodeRed } from '../kit/node-red.js';
import { SLOWLY, until as untilWithin } from '../kit/until.js';

const ACCOUNT = { username: 'demo', password: 'e2e-secret-password' };
const NVR = 'a1f0c0de000000aa';

function example(number: string): readonly FlowNode[] {
  return exampleFlows().find(({ name }) => name.startsWith(`${number} `))!.nodes;
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

  /** Of the Node-REDs that are started from now on. */
  function environment(variables: Readonly<Record<string, string>>): void {
    Object.assign(process.env, variables);
    ends.push(() => {
      for (const name of Object.keys(variables)) Reflect.deleteProperty(process.env, name);
      return Promise.resolve();
    });
  }

  afterEach(async () => {
    await nodeRed?.stop();
    nodeRed = undefined;
    for (const end of ends.splice(0)) await end();
  });

  after(() => simulator?.stop());

  function until<T>(look: () => T): ReturnType<typeof untilWithin<T>> {
    return untilWithin(look, { ...SLOWLY, log: () => nodeRed?.log() ?? 'Node-RED has ended.' });
  }

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

  itLong('09: Telegram is sent the clip as a video, and the chat’s number', async () => {
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

  itLong(
    '11: Home Assistant finds a picture, whether the camera is reachable, and motion, on a real mosquitto',
    async function () {
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
      assert.deepEqual(
        { reachable: reachable.device_class, motion: motion.device_class },
        { reachable: 'connectivity', motion: 'motion' },
      );

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
    },
  );

  itLong(
    '16: a worker does the jobs of a real mosquitto, each once, those of a dead worker too, and buries what fails three times',
    async function () {
      needs(this, 'mosquitto');
      const broker: Broker = await startMosquitto();
      ends.push(() => broker.stop());
      const { kept } = broker;
      // It waits less for others, and between its tries.
      const edit = (node: FlowNode): FlowNode => ({
        ...node,
        ...(node.type === 'function' && {
          func: String(node.func)
            .replace('GRACE_MS = 20000', 'GRACE_MS = 500')
            .replace('1000 * 2 ** tries', '100'),
        }),
      });
      environment({ NVR_INSTANCE: 'one', MQTT_HOST: '127.0.0.1', MQTT_PORT: String(broker.port) });
      const picture = { type: 'snapshot', nvr: 'NVR', channel: 1 };
      broker.publish('nvr/workers/dead', 'offline', true);
      broker.publish('nvr/taken/left', { worker: 'dead', job: picture }, true);
      await start(example('16'), edit);
      const at = (topic: string): Promise<Buffer> => until(() => kept.get(topic));
      const json = async (topic: string): Promise<Record<string, unknown>> =>
        JSON.parse((await at(topic)).toString()) as Record<string, unknown>;
      await until(() => (kept.get('nvr/workers/one')?.toString() === 'online' ? true : undefined));

      const clip = { type: 'export', nvr: 'nvr', channel: 1, from: '-10m', duration: '1s' };
      broker.publish('nvr/jobs/a', { ...picture, channel: 2, at: '-10m' }, true);
      broker.publish('nvr/jobs/b', clip, true);
      broker.publish('nvr/jobs/c', { ...picture, nvr: 'South' }, true);
      broker.publish('nvr/jobs/e', { type: 'dance' }, true);
      assert.notEqual(jpegSize(new Uint8Array(await at('nvr/results/a'))), undefined);
      assert.notEqual(jpegSize(new Uint8Array(await at('nvr/results/left'))), undefined);
      const made = await json('nvr/results/b');
      const [file] = made.files as { file: string }[];
      assert.deepEqual({ job: made.job, worker: made.worker }, { job: 'b', worker: 'one' });
      assert.ok(fs.existsSync(file!.file));
      const dead = await json('nvr/dead/c');
      assert.deepEqual(
        { id: dead.id, code: dead.code, worker: dead.worker },
        { id: 'c', code: 'EINPUT', worker: 'one' },
      );
      assert.equal((dead.job as { tries: number }).tries, 3);
      assert.match(String(dead.message), /it has "NVR"/);
      assert.match(String((await json('nvr/dead/e')).message), /snapshot or export/);

      // Asked twice is done once: the next job has its answer, and this one has no further.
      kept.delete('nvr/results/a');
      broker.publish('nvr/jobs/a', { ...picture, channel: 2 }, true);
      broker.publish('nvr/jobs/d', picture, true);
      await at('nvr/results/d');
      assert.equal(kept.has('nvr/results/a'), false);
      for (const id of ['a', 'b', 'c', 'd', 'left'])
        await until(() => (kept.get(`nvr/taken/${id}`)?.length === 0 ? true : undefined));
      await nodeRed!.stop();
      nodeRed = undefined;
      await until(() => (kept.get('nvr/workers/one')?.toString() === 'offline' ? true : undefined));
    },
  );

  for (const [tool, startStore] of [
    ['rclone', startWebdav],
    ['s3rver', startS3],
  ] as const)
    itLong(
      `16: a clip is put into a real store by ${tool}, and its job done when it is there; a store that refuses is a failure`,
      async function () {
        needs(this, 'mosquitto', tool);
        const broker: Broker = await startMosquitto();
        ends.push(() => broker.stop());
        const store = await startStore();
        ends.push(() => store.stop());
        const { kept } = broker;
        const edit = (node: FlowNode): FlowNode => ({
          ...node,
          ...(node.type === 'function' && { func: String(node.func).replace('1000 * 2 ** tries', '100') }),
        });
        const shared = { MQTT_HOST: '127.0.0.1', MQTT_PORT: String(broker.port), NVR_INSTANCE: 'one' };
        const answer = async (topic: string): Promise<Record<string, unknown>> =>
          JSON.parse((await until(() => kept.get(topic))).toString()) as Record<string, unknown>;
        const ready = (wanted: string): Promise<true> =>
          until(() => (kept.get('nvr/workers/one')?.toString() === wanted ? true : undefined));
        const stored = (): string[] =>
          fs
            .readdirSync(store.folder, { recursive: true, encoding: 'utf8' })
            .filter((name) => /clip 1-\d{6}\.mp4/.test(decodeURIComponent(name)));
        const clip = { type: 'export', nvr: 'NVR', channel: 1, from: '-10m', duration: '2s' };

        environment({ ...shared, ...store.env });
        await start(example('16'), edit);
        await ready('online');
        broker.publish('nvr/jobs/clip 1', clip, true);
        const { files } = await answer('nvr/results/clip 1');
        const [{ url, bytes, sha256, file } = {}] = files as Record<string, string>[];
        assert.equal(file, undefined);
        assert.match(url!, /\/clip%201-\d{6}\.mp4$/);
        const there = stored()
          .map((name) => fs.readFileSync(`${store.folder}/${name}`))
          .find((data) => data.length === Number(bytes));
        assert.equal(createHash('sha256').update(there!).digest('hex'), sha256);
        const left = fs
          .readdirSync(nodeRed!.folder, { recursive: true, encoding: 'utf8' })
          .filter((name) => name.endsWith('.mp4'));
        assert.deepEqual(left, [], 'the worker’s own copy');

        // Refused, three times; nothing counts as done.
        await nodeRed!.stop();
        await ready('offline');
        environment({ CLIPS_KEY: 'wrong' });
        await start(example('16'), edit);
        await ready('online');
        broker.publish('nvr/jobs/refused', clip, true);
        const { message, worker } = await answer('nvr/dead/refused');
        assert.match(String(message), /is not in the store: it answers 40[13]/);
        assert.equal(worker, 'one');
        assert.equal(kept.has('nvr/results/refused'), false);
        assert.doesNotMatch(nodeRed!.log(), /CLIPS_SECRET|store-secret-password/);
      },
    );

  itLong(
    '17: of two instances that claim the cameras the first watches them, and the second as the first is killed',
    async function () {
      needs(this, 'mosquitto');
      const broker: Broker = await startMosquitto();
      ends.push(() => broker.stop());
      const { kept } = broker;
      const json = (topic: string): Record<string, unknown> =>
        JSON.parse(kept.get(topic)?.toString() ?? '{}') as Record<string, unknown>;
      const state = (camera: number, wanted: string, instance: string): Promise<true> =>
        until(() => {
          const { state: is, by } = json(`nvr/home/${camera}/state`);
          return is === wanted && by === instance ? true : undefined;
        });
      const shared = { NVR_CHANNELS: '*', MQTT_HOST: '127.0.0.1', MQTT_PORT: String(broker.port) };
      environment({ ...shared, NVR_INSTANCE: 'one' });
      // What was being recorded is missed sooner.
      const edit = (node: FlowNode): FlowNode =>
        node.type === 'function' ? { ...node, func: String(node.func).replace('= 60000', '= 3000') } : node;
      await start(example('17'), edit);
      const first = nodeRed!;
      ends.push(() => {
        if (isAlive(first.pid)) process.kill(first.pid, 'SIGKILL');
        return fs.promises.rm(first.folder, { recursive: true, force: true });
      });
      for (const camera of [1, 2]) await state(camera, 'playing', 'one');
      const discovered = json('homeassistant/binary_sensor/nvr_home_1/reachable/config');
      assert.deepEqual(
        { state: discovered.state_topic, availability: discovered.availability_topic },
        { state: 'nvr/home/1/state', availability: 'nvr/instances/one' },
      );
      assert.notEqual(jpegSize(new Uint8Array(await until(() => kept.get('nvr/home/1/picture')))), undefined);

      // Two cameras of the first: what is live and what may be recorded.
      const sessions = 4;
      await until(() => (simulator!.sessionCount === sessions ? true : undefined));
      environment({ ...shared, NVR_INSTANCE: 'two' });
      await start(example('17'), edit);
      for (const camera of [1, 2]) {
        const topic = `nvr/instances/two/standby/${camera}`;
        await until(() => kept.get(topic));
        assert.deepEqual({ owner: json(topic).owner, by: json(topic).by }, { owner: 'one', by: 'two' });
        await state(camera, 'playing', 'one');
      }
      const page = async (wanted: RegExp): Promise<void> => {
        for (let tries = 0; tries < 100; tries++) {
          if (wanted.test(await (await fetch(`${nodeRed!.url}/nvr/status`)).text())) return;
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
        assert.fail(`the page never shows ${String(wanted)}`);
      };
      await page(/2 cameras, 2 instances online/);
      // The second stands by: it costs the NVR no session.
      await until(() => (simulator!.sessionCount === sessions ? true : undefined));
      const ringing = setInterval(() => {
        broker.publish('nvr/home/1/alarm', 'ON');
      }, 100);
      ends.push(() => {
        clearInterval(ringing);
        return Promise.resolve();
      });
      const { file } = await until(() =>
        json('nvr/home/1/recording').by === 'one' ? json('nvr/home/1/recording') : undefined,
      );
      process.kill(first.pid, 'SIGKILL');
      clearInterval(ringing);
      await until(() => (kept.get('nvr/instances/one')?.toString() === 'offline' ? true : undefined));
      for (const camera of [1, 2]) await state(camera, 'playing', 'two');
      await page(/2 cameras, 1 instances online[^]*<td>playing <td>two/);

      // It has another folder than the first, and says so; the first finishes the clip when it is back.
      await until(() => (json('nvr/home/1/missing').by === 'one' ? true : undefined));
      assert.equal(json('nvr/home/1/missing').file, file);
      assert.ok(nodeRed!.log().includes(`one was recording ${String(file)} since`));
    },
  );
});
