// A broker in memory for the desks of the examples 16 and 17: what is retained, who listens to what, last
// wills.

import { FunctionNode, functionNode, nodesOf, type Msg } from './function-node.js';

interface Published {
  readonly topic: string;
  readonly payload: string;
  readonly retain?: boolean;
}

interface Client {
  readonly desk: FunctionNode;
  /** Filters of its MQTT nodes, shared ones apart. */
  readonly filters: readonly string[];
  readonly instance: string;
  /** Everything that the desk gave to its nodes, by output. */
  readonly given: Msg[][];
  isOnline: boolean;
}

/** What an example calls the topic of an instance, and the output that leads to the broker. */
const KINDS = { 16: { topic: 'nvr/workers/', output: 2 }, 17: { topic: 'nvr/instances/', output: 2 } } as const;
const SHARED = '$share/workers/';

export class DeskBroker {
  now = 1_800_000_000_000;
  /** What is shared reaches a worker that never takes it. */
  isLosing = false;
  readonly retained = new Map<string, string>();
  readonly clients = new Map<string, Client>();
  private readonly queue: Published[] = [];
  private isBusy = false;
  private turn = 0;

  constructor(private readonly example: 16 | 17) {}

  /** A Node-RED with the example; it reaches the broker at once. */
  start(instance: string, env: Readonly<Record<string, string>> = {}): Client {
    const node = functionNode(String(this.example), 'the desk');
    const desk = new FunctionNode(node, { env: { NVR_INSTANCE: instance, ...env }, now: () => this.now });
    const filters = nodesOf(String(this.example))
      .filter(({ type }) => type === 'mqtt in')
      .map(({ topic }) => String(topic))
      .filter((topic) => !topic.startsWith(SHARED));
    const given = Array.from({ length: Number(node.outputs) }, () => []);
    const client: Client = { desk, filters, instance, given, isOnline: false };
    this.clients.set(instance, client);
    return client;
  }

  connect(client: Client): void {
    client.isOnline = true;
    this.give(client, { status: { fill: 'green' } });
    for (const [topic, payload] of this.retained)
      if (client.filters.some((filter) => fits(filter, topic)))
        this.give(client, { topic, payload: parsed(payload), retain: true });
    this.publish({ topic: KINDS[this.example].topic + client.instance, payload: 'online', retain: true });
  }

  /** As its process is killed: the broker publishes its will. */
  kill(client: Client): void {
    client.isOnline = false;
    this.clients.delete(client.instance);
    this.publish({ topic: KINDS[this.example].topic + client.instance, payload: 'offline', retain: true });
  }

  /** The line between them is cut, and both go on. */
  cut(client: Client): void {
    client.isOnline = false;
    this.give(client, { status: { fill: 'yellow' } });
  }

  publish(message: Published): void {
    this.queue.push(message);
    if (this.isBusy) return;
    this.isBusy = true;
    for (let next = this.queue.shift(); next !== undefined; next = this.queue.shift()) this.spread(next);
    this.isBusy = false;
  }

  /** A message to the desk's function node, as another node sends it. */
  give(client: Client, msg: Msg): void {
    for (const [output, messages] of client.desk.take(msg).entries()) {
      client.given[output]!.push(...messages);
      if (output !== KINDS[this.example].output) continue;
      // What is said while the broker is away is lost.
      if (client.isOnline) for (const message of messages) this.publish(message as unknown as Published);
    }
  }

  /** Seconds go by. */
  pass(seconds: number): void {
    for (let second = 0; second < seconds; second++) {
      this.now += 1000;
      for (const client of [...this.clients.values()]) this.give(client, { topic: 'tick', payload: this.now });
    }
  }

  json(topic: string): Record<string, unknown> {
    return JSON.parse(this.retained.get(topic) ?? '{}') as Record<string, unknown>;
  }

  private spread({ topic, payload, retain = false }: Published): void {
    if (retain && payload === '') this.retained.delete(topic);
    else if (retain) this.retained.set(topic, payload);
    const online = [...this.clients.values()].filter(({ isOnline }) => isOnline);
    for (const client of online)
      if (client.filters.some((filter) => fits(filter, topic)))
        this.give(client, { topic, payload: parsed(payload), retain: false });
    if (this.example === 16 && topic.startsWith('nvr/jobs/') && online.length > 0 && !this.isLosing)
      this.give(online[this.turn++ % online.length]!, { topic, payload: parsed(payload), isMine: true });
  }
}

/** As Node-RED's MQTT node detects what a payload is. */
function parsed(payload: string): unknown {
  try {
    return JSON.parse(payload);
  } catch {
    return payload;
  }
}

function fits(filter: string, topic: string): boolean {
  const levels = topic.split('/');
  const wanted = filter.split('/');
  const isDeep = wanted.at(-1) === '#';
  if (isDeep ? levels.length < wanted.length - 1 : levels.length !== wanted.length) return false;
  return wanted.every((level, index) => level === '+' || level === '#' || level === levels[index]);
}
