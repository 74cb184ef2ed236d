// States and events of many cameras by a generator: what the broker and the instances that listen spend.

import fs from 'node:fs';
import { connect } from './mqtt.js';

export interface Load {
  readonly cameras: number;
  readonly messages: number;
  readonly seconds: number;
  /** Share of a core. */
  readonly broker: number;
  readonly instances: readonly number[];
}

/** A state of each camera every ten seconds, and an event of each every five. */
const STATE_S = 10;
const EVENT_S = 5;
const STEP_MS = 50;

export async function measureLoad(
  port: number,
  brokerPid: number,
  pids: readonly number[],
  cameras: number,
  seconds: number,
): Promise<Load> {
  const client = connect(port, 'generator');
  await new Promise<void>((resolve) => {
    client.on('connect', resolve);
  });
  const perSecond = cameras / STATE_S + cameras / EVENT_S;
  const before = [brokerPid, ...pids].map(cpuSeconds);
  const begun = performance.now();
  let messages = 0;
  while (performance.now() - begun < seconds * 1000) {
    const due = Math.floor(((performance.now() - begun) / 1000) * perSecond);
    for (; messages < due; messages++) {
      const camera = messages % cameras;
      const isState = messages % 3 === 0;
      const body = { state: 'playing', by: 'generator', name: `Camera ${camera}`, time: Date.now() };
      const topic = `nvr/far/${camera}/${isState ? 'state' : 'event'}`;
      client.publish(topic, JSON.stringify(body), { qos: 1, retain: isState });
    }
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
  }
  const took = (performance.now() - begun) / 1000;
  const [broker = 0, ...instances] = [brokerPid, ...pids].map(
    (pid, i) => (cpuSeconds(pid) - before[i]!) / took,
  );
  for (let camera = 0; camera < cameras; camera++)
    client.publish(`nvr/far/${camera}/state`, '', { qos: 1, retain: true });
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  client.end(false);
  return { cameras, messages, seconds: took, broker, instances };
}

/** User and system time of a process so far. */
export function cpuSeconds(pid: number): number {
  const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
