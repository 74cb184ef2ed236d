// Who watches which camera, as the broker tells it.

import { connect, type MqttClient } from './mqtt.js';

interface State {
  readonly state: string;
  readonly by: string;
}

export class Cameras {
  readonly online = new Set<string>();
  readonly owners = new Map<string, string>();
  readonly states = new Map<string, State>();
  /** Cameras that a second instance claims: camera to its owner and who stands by. */
  readonly standing = new Map<string, { owner: string; by: string }>();
  private readonly client: MqttClient;

  constructor(port: number) {
    this.client = connect(port, 'cameras');
    this.client.on('connect', () => {
      this.client.subscribe(['nvr/instances/#', 'nvr/+/+/owner', 'nvr/+/+/state'], { qos: 1 });
    });
    this.client.on('message', (topic, payload) => {
      this.take(topic.split('/'), payload.toString());
    });
  }

  /** Played by an instance that is online, which is its owner. */
  get watched(): string[] {
    return [...this.states]
      .filter(
        ([camera, { state, by }]) =>
          state === 'playing' && this.online.has(by) && this.owners.get(camera) === by,
      )
      .map(([camera]) => camera);
  }

  /** By the instance that is online: how many cameras it watches. */
  get share(): Record<string, number> {
    const share: Record<string, number> = {};
    for (const camera of this.watched) {
      const by = this.owners.get(camera)!;
      share[by] = (share[by] ?? 0) + 1;
    }
    return share;
  }

  /** Answers after how many ms, or undefined if it is not so within the time. */
  async until(holds: () => boolean, timeoutMs: number): Promise<number | undefined> {
    const begun = performance.now();
    while (!holds()) {
      if (performance.now() - begun > timeoutMs) return undefined;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return performance.now() - begun;
  }

  end(): void {
    this.client.end(true);
  }

  private take(parts: readonly string[], text: string): void {
    const [, first = '', second = '', third = ''] = parts;
    if (first === 'instances' && parts.length === 3) {
      if (text === 'online') this.online.add(second);
      else this.online.delete(second);
    } else if (first === 'instances' && third === 'standby' && text !== '') {
      const { owner, by, channel } = JSON.parse(text) as { owner: string; by: string; channel: number };
      this.standing.set(`home/${channel}`, { owner, by });
    } else if (third === 'owner' && text !== '') {
      this.owners.set(`${first}/${second}`, (JSON.parse(text) as { by: string }).by);
    } else if (third === 'state' && text !== '') {
      this.states.set(`${first}/${second}`, JSON.parse(text) as State);
    }
  }
}
