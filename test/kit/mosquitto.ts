// Debian's mosquitto on a free port, and a client that keeps the messages it receives.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { freePort } from '../../lib/simulator/ports.js';

interface MqttClient {
  subscribe(topic: string): void;
  publish(topic: string, payload: string, options: { qos: 1; retain: boolean }): void;
  on(event: 'message', take: (topic: string, payload: Buffer) => void): void;
  on(event: 'connect', take: () => void): void;
  end(force: boolean): void;
}

export interface Broker {
  readonly port: number;
  /** The last message of each topic. */
  readonly kept: Map<string, Buffer>;
  /** JSON, or text as it is; QoS 1. */
  publish(topic: string, payload: object | string, retain?: boolean): void;
  stop(): Promise<void>;
}

export async function startMosquitto(): Promise<Broker> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-mosquitto-'));
  const port = await freePort(0);
  const settings = path.join(folder, 'mosquitto.conf');
  fs.writeFileSync(
    settings,
    `listener ${port} 127.0.0.1\nallow_anonymous true\nuser ${os.userInfo().username}\n`,
  );
  const child = spawn('mosquitto', ['-c', settings], {
    env: { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin` },
    stdio: 'ignore',
  });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const nodes = createRequire(__filename).resolve('@node-red/nodes/package.json');
  const mqtt = createRequire(nodes)('mqtt') as { connect(url: string, options: object): MqttClient };
  const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 100 });
  const kept = new Map<string, Buffer>();
  client.on('message', (topic, payload) => kept.set(topic, payload));
  const connected = new Promise<void>((resolve) => {
    client.on('connect', () => {
      client.subscribe('#');
      resolve();
    });
  });
  await Promise.race([connected, exited.then(() => Promise.reject(new Error('mosquitto ended')))]);
  return {
    port,
    kept,
    publish: (topic, payload, retain = false) => {
      client.publish(topic, typeof payload === 'string' ? payload : JSON.stringify(payload), {
        qos: 1,
        retain,
      });
    },
    stop: async () => {
      client.end(true);
      child.kill();
      await exited;
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}
