// npm run test:fleet [-- --short]: mosquitto, three Node-REDs with the examples of many instances, and 24
// simulated cameras. Jobs go on while an instance and then the broker are killed; who did what is told, and
// what was lost or done twice.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { startSimulator } from '../../lib/simulator/index.js';
import { startNodeRed, type RunningNodeRed } from '../kit/node-red.js';
import { exampleFlows, type FlowNode } from '../examples/flows.js';
import { Asker, type Job } from './asker.js';
import { FleetBroker } from './broker.js';
import { Cameras } from './cameras.js';
import { measureLoad } from './load.js';

const { values } = parseArgs({ options: { short: { type: 'boolean', default: false } } });
const SNAPSHOTS = values.short ? 60 : 300;
const EXPORTS = values.short ? 12 : 60;
/** Jobs are asked over so many seconds. */
const ASKING_S = values.short ? 15 : 45;
const CAMERAS = 24;
/** Of each camera what is live and what may be recorded. */
const SESSIONS = 2 * CAMERAS;
/** Each camera is listed by two. */
const LISTS: Readonly<Record<string, string>> = { a: '1-16', b: '9-24', c: '1-8,17-24' };
const ACCOUNT = { username: 'demo', password: 'fleet-secret-password' };
const NVR = 'a1f0c0de000000aa';
const TAKE_OVER_MS = 15_000;
const SPAN_MS = 4_000;
/** Exports of one worker. */
const AT_ONCE = 2;

const problems: string[] = [];

function judge(isGood: boolean, words: string): void {
  console.log(`${isGood ? 'ok  ' : 'FAIL'} ${words}`);
  if (!isGood) problems.push(words);
}

function flows(simulator: { rtspPort: number; httpPort: number }, folder: string): FlowNode[] {
  const wanted = exampleFlows().filter(({ name }) => /^1[67] /.test(name));
  const nodes = new Map(wanted.flatMap((flow) => flow.nodes).map((node) => [node.id, node]));
  return [...nodes.values()].map((node) => {
    if (node.type === 'nvr-server')
      return {
        ...node,
        host: '127.0.0.1',
        rtspPort: String(simulator.rtspPort),
        httpPort: String(simulator.httpPort),
        channels: Array.from({ length: CAMERAS }, (_, i) => ({ channel: i + 1, name: `Camera ${i + 1}` })),
      };
    return node.type === 'nvr-playback' || node.type === 'nvr-record' ? { ...node, folder } : node;
  });
}

async function main(): Promise<void> {
  const ends: (() => unknown)[] = [];
  try {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-fleet-clips-'));
    ends.push(() => {
      fs.rmSync(folder, { recursive: true, force: true });
    });
    const broker = await FleetBroker.start();
    ends.push(() => broker.stop());
    const simulator = await startSimulator({ ...ACCOUNT, channels: CAMERAS, maxSessions: 500 });
    ends.push(() => simulator.stop());
    const instances = new Map<string, RunningNodeRed>();
    const begun = performance.now();
    for (const [name, list] of Object.entries(LISTS)) {
      const env = {
        ...{ NVR_INSTANCE: name, NVR_SITE: 'home', NVR_CHANNELS: list },
        ...{ MQTT_HOST: '127.0.0.1', MQTT_PORT: String(broker.port) },
      };
      const settings = { mqttReconnectTime: 2_000 };
      const red = await startNodeRed(flows(simulator, folder), { [NVR]: ACCOUNT }, settings, [], env);
      instances.set(name, red);
      ends.push(() => red.stop());
    }
    const cameras = new Cameras(broker.port);
    ends.push(() => {
      cameras.end();
    });
    const asker = new Asker(broker.port);
    ends.push(() => {
      asker.end();
    });
    await run({ broker, simulator, instances, cameras, asker, folder, begun });
  } finally {
    for (const end of ends.reverse()) await end();
  }
}

interface Fleet {
  readonly broker: FleetBroker;
  readonly simulator: { readonly sessionCount: number };
  readonly instances: ReadonlyMap<string, RunningNodeRed>;
  readonly cameras: Cameras;
  readonly asker: Asker;
  readonly folder: string;
  readonly begun: number;
}

async function run({ broker, simulator, instances, cameras, asker, folder, begun }: Fleet): Promise<void> {
  const watched = (): boolean => cameras.watched.length === CAMERAS;
  const up = await cameras.until(watched, 60_000);
  const share = JSON.stringify(cameras.share);
  judge(
    up !== undefined,
    `${cameras.watched.length} of ${CAMERAS} cameras are watched ${Math.round((performance.now() - begun) / 1000)} s after the first start: ${share}`,
  );
  await cameras.until(() => cameras.standing.size === CAMERAS, 15_000);
  judge(
    cameras.standing.size === CAMERAS,
    `${cameras.standing.size} cameras are claimed twice, and told: the second stands by`,
  );
  const frugal = (): boolean => simulator.sessionCount <= SESSIONS;
  await cameras.until(frugal, 20_000);
  judge(frugal(), `${simulator.sessionCount} sessions of the NVR: those that stand by have none`);

  const all: [string, Job][] = Array.from({ length: SNAPSHOTS + EXPORTS }, (_, i) => jobOf(i));
  const stepMs = (ASKING_S * 1000) / all.length;
  let killed: Promise<number | undefined> | undefined;
  for (const [index, [id, job]] of all.entries()) {
    asker.ask(id, job);
    if (index === Math.floor(all.length / 3)) killed = kill(instances.get('b')!, cameras);
    if (index === Math.floor((all.length * 2) / 3)) {
      await killed;
      await broker.kill();
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      await broker.run();
    }
    await new Promise((resolve) => setTimeout(resolve, stepMs));
  }
  const takeOver = await killed;
  judge(
    takeOver !== undefined && takeOver <= TAKE_OVER_MS,
    `the cameras of a killed instance play on another after ${takeOver === undefined ? 'never' : `${(takeOver / 1000).toFixed(1)} s`}`,
  );
  await asker.allAnswered(120_000);
  judgeAnswers(asker, all, folder);
  await cameras.until(watched, 30_000);
  judge(
    watched(),
    `${cameras.watched.length} of ${CAMERAS} cameras are watched in the end: ${JSON.stringify(cameras.share)}`,
  );

  const left = [...instances].filter(([name]) => name !== 'b').map(([, { pid }]) => pid);
  const load = await measureLoad(broker.port, broker.pid, left, 1_000, values.short ? 5 : 20);
  const share100 = (value: number): string => `${(value * 100).toFixed(1)} %`;
  console.log(
    `     ${load.cameras} cameras' states and events: ${(load.messages / load.seconds).toFixed(0)} messages a second take ${share100(load.broker)} of a core of the broker, and ${load.instances.map(share100).join(' and ')} of each instance, its cameras included`,
  );
  for (const [name, red] of instances)
    judge(!red.log().includes(ACCOUNT.password), `${name} logs no password`);
}

function jobOf(index: number): [string, Job] {
  const channel = 1 + (index % CAMERAS);
  // Every sixth is a clip, of a span of its own.
  if (index % 6 !== 5) return [`snapshot-${index}`, { type: 'snapshot', nvr: 'NVR', channel }];
  const from = Math.floor(Date.now() / 1000) * 1000 - 600_000 + index * 1_000;
  return [`export-${index}`, { type: 'export', nvr: 'NVR', channel, from, to: from + SPAN_MS }];
}

/** Answers how long its cameras were not watched. */
async function kill(red: RunningNodeRed, cameras: Cameras): Promise<number | undefined> {
  const before = cameras.watched.length;
  process.kill(red.pid, 'SIGKILL');
  const begun = performance.now();
  const noticed = await cameras.until(() => cameras.watched.length < before, 15_000);
  if (noticed === undefined) return undefined;
  const back = await cameras.until(() => cameras.watched.length === CAMERAS, 30_000);
  return back === undefined ? undefined : performance.now() - begun;
}

function judgeAnswers(asker: Asker, all: readonly [string, Job][], folder: string): void {
  const answers = [...asker.answers.values()];
  const lost = all.filter(([id]) => !asker.answers.has(id)).map(([id]) => id);
  const twice = [...asker.answers]
    .filter(([, given]) => given.length > 1)
    .map(([id, given]) => `${id} by ${given.map(({ worker }) => worker).join(' and ')}`);
  const dead = answers.filter(([first]) => first?.kind === 'dead');
  const share: Record<string, number> = {};
  for (const [first] of answers) share[first!.worker] = (share[first!.worker] ?? 0) + 1;
  const waits = answers.map(([first]) => first!.afterMs).sort((a, b) => a - b);
  console.log(
    `     ${all.length} jobs, done by ${JSON.stringify(share)}; half of them within ${waits[Math.floor(waits.length / 2)] ?? 0} ms, the last after ${waits.at(-1) ?? 0} ms; asked again: ${asker.askedAgain.size}`,
  );
  judge(lost.length === 0, `jobs lost: ${lost.length} ${lost.slice(0, 5).join(' ')}`);
  judge(twice.length === 0, `jobs answered twice: ${twice.length} ${twice.slice(0, 5).join(' ')}`);
  judge(
    dead.length === 0,
    `jobs that failed: ${dead.length} ${dead
      .slice(0, 3)
      .map(([first]) => first!.payload.toString())
      .join(' ')}`,
  );
  const pictures = [...asker.answers].filter(([id]) => id.startsWith('snapshot'));
  const good = pictures.filter(([, [first]]) => first!.payload.readUInt16BE(0) === 0xffd8).length;
  judge(good === pictures.length, `${good} of ${pictures.length} pictures are JPEGs`);
  const told = [...asker.answers]
    .filter(([id, [first]]) => id.startsWith('export') && first!.kind === 'results')
    .flatMap(([, [first]]) => (JSON.parse(first!.payload.toString()) as { files: { file: string }[] }).files);
  const there = new Set(told.map(({ file }) => file).filter((file) => fs.existsSync(file)));
  judge(
    there.size >= EXPORTS && there.size === told.length,
    `${there.size} clips on disk for ${EXPORTS} jobs`,
  );
  const files = fs
    .readdirSync(folder, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith('.mp4'));
  // What the killed one was writing is finished with what it has; the job itself was done anew.
  const left = files.length - there.size;
  judge(left <= AT_ONCE, `${left} clips that the killed instance had begun`);
}

main().then(
  () => {
    console.log(problems.length === 0 ? 'The fleet holds.' : `${problems.length} problems.`);
    process.exitCode = problems.length === 0 ? 0 : 1;
  },
  (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  },
);
