// The MQTT client that Node-RED brings, for the tests' own side of the broker.

import { createRequire } from 'node:module';

export interface Packet {
  readonly retain: boolean;
  readonly properties?: {
    readonly userProperties?: Readonly<Record<string, string>>;
    readonly contentType?: string;
  };
}

export interface PublishOptions {
  readonly qos: 0 | 1;
  readonly retain: boolean;
}

export interface MqttClient {
  readonly connected: boolean;
  subscribe(topics: readonly string[], options: { qos: 0 | 1 }): void;
  publish(topic: string, payload: string | Buffer, options: PublishOptions): void;
  on(event: 'message', take: (topic: string, payload: Buffer, packet: Packet) => void): void;
  on(event: 'connect', take: () => void): void;
  on(event: 'error', take: (error: Error) => void): void;
  end(force: boolean): void;
}

/** Of MQTT 5; it comes back by itself after the broker was gone. */
export function connect(port: number, clientId: string): MqttClient {
  const nodes = createRequire(__filename).resolve('@node-red/nodes/package.json');
  const mqtt = createRequire(nodes)('mqtt') as { connect(url: string, options: object): MqttClient };
  const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, {
    clientId,
    protocolVersion: 5,
    reconnectPeriod: 200,
    clean: false,
    properties: { sessionExpiryInterval: 300 },
  });
  // It tries again.
  client.on('error', () => undefined);
  return client;
}
