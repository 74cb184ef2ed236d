// Decodes keyframes to JPEG in a worker thread: one by default, started when needed, ended when idle, replaced when it hangs or dies.

import path from 'node:path';
import { Worker } from 'node:worker_threads';

import { NvrError } from '../errors.js';
import type { Jpeg } from '../media/jpeg/index.js';
import type { SnapshotJob } from '../media/snapshot-job.js';
import type { SnapshotReply } from '../media/snapshot-worker.js';
import { BoundedQueue } from './bounded-queue.js';

export interface SnapshotPoolOptions {
  /** Threads at most. */
  workers?: number;
  /** Keyframes that may wait for one. */
  queue?: number;
  /** Milliseconds one picture may take, the start of the thread included. */
  timeBound?: number;
  /** Milliseconds after which an idle thread ends and gives its memory back. */
  idle?: number;
  /** The thread's file. */
  script?: string;
}

export class SnapshotPool {
  readonly #queue: BoundedQueue;
  readonly #free: Lane[];
  readonly #lanes: readonly Lane[];

  constructor(options: SnapshotPoolOptions = {}) {
    const workers = options.workers ?? 1;
    const settings = {
      timeBound: options.timeBound ?? 10_000,
      idle: options.idle ?? 30_000,
      script: options.script ?? workerScript(),
    };
    this.#queue = new BoundedQueue(workers, options.queue ?? 16, 'snapshot decoder');
    this.#lanes = Array.from({ length: workers }, () => new Lane(settings));
    this.#free = [...this.#lanes];
  }

  /** Threads that live at this moment. */
  get threads(): number {
    return this.#lanes.filter((lane) => lane.alive).length;
  }

  /** `job.data` is copied. NvrError EBUSY (queue full), EUNSUPPORTED, or EDECODE: for a broken keyframe, one past the time bound, and one that ended its thread. */
  decode(job: SnapshotJob): Promise<Jpeg> {
    return this.#queue.run(async () => {
      const lane = this.#free.pop()!;
      try {
        return await lane.decode(job);
      } finally {
        this.#free.push(lane);
      }
    });
  }

  /** Ends the threads; a picture in the making is refused with EDECODE. The pool can be used again. */
  async close(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.end()));
  }
}

let shared: SnapshotPool | undefined;

/** The process's own pool: every NVR and node shares its one thread. */
export function sharedSnapshotPool(): SnapshotPool {
  return (shared ??= new SnapshotPool());
}

/** One thread and the one job it works on. */
class Lane {
  #worker: Worker | undefined;
  #settle: ((reply: SnapshotReply) => void) | undefined;
  #idleTimer: NodeJS.Timeout | undefined;

  constructor(private readonly settings: { timeBound: number; idle: number; script: string }) {}

  get alive(): boolean {
    return this.#worker !== undefined;
  }

  async decode(job: SnapshotJob): Promise<Jpeg> {
    clearTimeout(this.#idleTimer);
    const worker = (this.#worker ??= this.#start());
    // Alive while it works, so that a program that waits for nothing else still gets its picture.
    worker.ref();
    const { timeBound } = this.settings;
    const reply = await new Promise<SnapshotReply>((resolve) => {
      this.#settle = resolve;
      const timer = setTimeout(() => {
        this.#fail(`the keyframe took more than ${String(timeBound / 1000)} s to decode`);
      }, timeBound);
      this.#settle = (answer) => {
        clearTimeout(timer);
        this.#settle = undefined;
        resolve(answer);
      };
      // A buffer of its own: the camera's is shared with other readers and may be part of a larger one.
      const data = new Uint8Array(job.data);
      worker.postMessage({ ...job, data } satisfies SnapshotJob, [data.buffer]);
    });
    this.#rest();
    if ('code' in reply) throw new NvrError(reply.code, reply.message);
    return { data: reply.jpeg, width: reply.width, height: reply.height };
  }

  async end(): Promise<void> {
    const worker = this.#worker;
    clearTimeout(this.#idleTimer);
    this.#fail('the snapshot decoder was closed');
    await worker?.terminate();
  }

  #start(): Worker {
    // Its output is kept from the runtime's own (a wasm abort prints pages), and not read: a reader would keep the process alive.
    const worker = new Worker(this.settings.script, {
      stdout: true,
      stderr: true,
      resourceLimits: { maxOldGenerationSizeMb: 256 },
      ...(this.settings.script.endsWith('.ts')
        ? { execArgv: ['--require', require.resolve('tsx/cjs')] }
        : {}),
    });
    worker.on('message', (reply: SnapshotReply) => {
      if (worker === this.#worker) this.#settle?.(reply);
    });
    const died = (): void => {
      if (worker === this.#worker) this.#fail('the keyframe ended the decoder');
    };
    worker.on('error', died);
    worker.on('exit', died);
    return worker;
  }

  /** The thread is done for; so is the picture it worked on, if any. */
  #fail(message: string): void {
    const worker = this.#worker;
    this.#worker = undefined;
    void worker?.terminate();
    this.#settle?.({ code: 'EDECODE', message });
  }

  #rest(): void {
    this.#worker?.unref();
    this.#idleTimer = setTimeout(() => {
      this.#fail('idle');
    }, this.settings.idle).unref();
  }
}

/** Beside this file's own kind: `.js` once built, `.ts` under tsx. */
function workerScript(): string {
  return path.join(__dirname, '..', 'media', `snapshot-worker${path.extname(__filename)}`);
}
