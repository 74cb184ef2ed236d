// Who asks for jobs: retained messages, asked again where no answer comes, and each answer counted.

import { connect, type MqttClient, type Packet } from './mqtt.js';

export interface Job {
  readonly type: 'snapshot' | 'export';
  readonly nvr: string;
  readonly channel: number;
  readonly from?: number;
  readonly to?: number;
}

export interface Answer {
  readonly kind: 'results' | 'dead';
  readonly worker: string;
  readonly payload: Buffer;
  readonly afterMs: number;
}

/** Without an answer for so long, a job is asked again. */
const ASK_AGAIN_MS = 30_000;

export class Asker {
  readonly answers = new Map<string, Answer[]>();
  /** Jobs that were asked more than once. */
  readonly askedAgain = new Set<string>();
  private readonly asked = new Map<string, { job: Job; at: number; first: number }>();
  private readonly client: MqttClient;
  private readonly timer: NodeJS.Timeout;

  constructor(port: number) {
    this.client = connect(port, 'asker');
    this.client.on('connect', () => {
      this.client.subscribe(['nvr/results/+', 'nvr/dead/+'], { qos: 1 });
    });
    this.client.on('message', (topic, payload, packet) => {
      this.take(topic, payload, packet);
    });
    this.timer = setInterval(() => {
      this.askAgain();
    }, 1_000);
  }

  ask(id: string, job: Job): void {
    const now = Date.now();
    this.asked.set(id, { job, at: now, first: now });
    this.send(id, job);
  }

  get open(): number {
    return this.asked.size - this.answers.size;
  }

  async allAnswered(timeoutMs: number): Promise<void> {
    const end = Date.now() + timeoutMs;
    while (this.open > 0 && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 100));
  }

  end(): void {
    clearInterval(this.timer);
    this.client.end(true);
  }

  private take(topic: string, payload: Buffer, { properties, retain }: Packet): void {
    const [, kind, id = ''] = topic.split('/');
    const asked = this.asked.get(id);
    if (payload.length === 0 || asked === undefined) return;
    const known = this.answers.get(id) ?? [];
    const worker = properties?.userProperties?.worker ?? workerOf(payload);
    // What is retained is sent again to who comes back, and a worker sends an answer again that may have been
    // lost: the same answer, and no second one.
    if (known.some((one) => (retain || one.worker === worker) && one.payload.equals(payload))) return;
    known.push({ kind: kind as Answer['kind'], worker, payload, afterMs: Date.now() - asked.first });
    this.answers.set(id, known);
  }

  private send(id: string, job: Job): void {
    this.client.publish(`nvr/jobs/${id}`, JSON.stringify(job), { qos: 1, retain: true });
  }

  private askAgain(): void {
    const now = Date.now();
    if (!this.client.connected) return;
    for (const [id, asked] of this.asked) {
      if (this.answers.has(id) || now - asked.at < ASK_AGAIN_MS) continue;
      asked.at = now;
      this.askedAgain.add(id);
      this.send(id, asked.job);
    }
  }
}

function workerOf(payload: Buffer): string {
  try {
    return String((JSON.parse(payload.toString()) as { worker?: unknown }).worker);
  } catch {
    return '?';
  }
}
