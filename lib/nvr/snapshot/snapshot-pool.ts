// Decodes keyframes to JPEG in a worker thread: one by default, started when needed, ended when idle,
// replaced when it hangs or dies.

import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { Worker } from 'node:worker_threads';

import { NvrError } from '../../errors.js';
import type { Jpeg } from '../../media/jpeg/index.js';
import type { SnapshotJob } from '../../media/snapshot-job.js';
import type { SnapshotReply } from '../../media/snapshot-worker.js';
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

/** How long a camera that cost a thread waits: whoever sends one such keyframe sends the next one too. */
const REST_MS = 30_000;

interface Camera {
  readonly id: number;
  restsUntil: number;
}

export class SnapshotPool {
  private readonly queue: BoundedQueue;
  private readonly free: Lane[];
  private readonly lanes: readonly Lane[];
  private readonly cameras = new WeakMap<object, Camera>();
  private known = 0;

  constructor(options: SnapshotPoolOptions = {}) {
    const workers = options.workers ?? 1;
    const settings = {
      timeBound: options.timeBound ?? 10_000,
      idle: options.idle ?? 30_000,
      script: options.script ?? workerScript(),
    };
    this.queue = new BoundedQueue(workers, options.queue ?? 64, 'snapshot decoder');
    this.lanes = Array.from({ length: workers }, () => new Lane(settings));
    this.free = [...this.lanes];
  }

  /** Threads that live at this moment. */
  get threads(): number {
    return this.lanes.filter((lane) => lane.alive).length;
  }

  /**
   * `job.data` may be used again at once. `camera`: whose picture it is, by identity; nothing of another's is
   * in the decoder's memory then, and whoever has used less time comes first. NvrError EBUSY (queue full),
   * EUNSUPPORTED, or EDECODE: for a broken keyframe, one past the time bound, one that ended its thread, and
   * for a while after those two.
   */
  decode(job: SnapshotJob, camera?: object): Promise<Jpeg> {
    const known = camera && this.cameraOf(camera);
    if (known && known.restsUntil > performance.now()) {
      const seconds = Math.ceil((known.restsUntil - performance.now()) / 1000);
      const message = `a keyframe of this camera took too long to decode or ended the decoder: the next one is tried in ${String(seconds)} s`;
      return Promise.reject(new NvrError('EDECODE', message));
    }
    return this.queue.run(async () => {
      const lane = this.free.pop()!;
      try {
        return await lane.decode({ ...job, camera: known?.id ?? 0 });
      } catch (error) {
        if (known && !lane.alive) known.restsUntil = performance.now() + REST_MS;
        throw error;
      } finally {
        this.free.push(lane);
      }
    }, camera);
  }

  private cameraOf(camera: object): Camera {
    let known = this.cameras.get(camera);
    if (!known) {
      known = { id: ++this.known, restsUntil: 0 };
      this.cameras.set(camera, known);
    }
    return known;
  }

  /** Ends the threads; a picture in the making is refused with EDECODE. The pool can be used again. */
  async close(): Promise<void> {
    await Promise.all(this.lanes.map((lane) => lane.end()));
  }
}

let shared: SnapshotPool | undefined;

/** The process's own pool: every NVR and node shares its one thread. */
export function sharedSnapshotPool(): SnapshotPool {
  return (shared ??= new SnapshotPool());
}

/** One thread and the one job it works on. */
class Lane {
  private worker: Worker | undefined;
  /**
   * Where a keyframe lies while the thread reads it, and a picture until it is copied: used over and over, as
   * what is transferred piles up until a full collection.
   */
  private keyframes = new SharedArrayBuffer(0);
  private pictures = new SharedArrayBuffer(0);
  private settle: ((reply: SnapshotReply) => void) | undefined;
  private idleTimer: NodeJS.Timeout | undefined;

  constructor(private readonly settings: { timeBound: number; idle: number; script: string }) {}

  get alive(): boolean {
    return this.worker !== undefined;
  }

  async decode(job: SnapshotJob): Promise<Jpeg> {
    clearTimeout(this.idleTimer);
    const worker = (this.worker ??= this.start());
    // Alive while it works, so that a program that waits for nothing else still gets its picture.
    worker.ref();
    const { timeBound } = this.settings;
    const reply = await new Promise<SnapshotReply>((resolve) => {
      const timer = setTimeout(() => {
        this.fail(`the keyframe took more than ${String(timeBound / 1000)} s to decode`);
      }, timeBound);
      this.settle = (answer) => {
        clearTimeout(timer);
        this.settle = undefined;
        resolve(answer);
      };
      worker.postMessage({ ...job, data: this.share(job.data) } satisfies SnapshotJob);
    });
    this.rest();
    if ('code' in reply) throw new NvrError(reply.code, reply.message);
    if (reply.memory) this.pictures = reply.memory;
    paceCollector(reply.length);
    return {
      data: new Uint8Array(new Uint8Array(this.pictures, 0, reply.length)),
      width: reply.width,
      height: reply.height,
    };
  }

  async end(): Promise<void> {
    const worker = this.worker;
    clearTimeout(this.idleTimer);
    this.fail('the snapshot decoder was closed');
    await worker?.terminate();
  }

  private share(keyframe: Uint8Array): Uint8Array {
    if (this.keyframes.byteLength < keyframe.length)
      this.keyframes = new SharedArrayBuffer(2 * keyframe.length);
    const shared = new Uint8Array(this.keyframes, 0, keyframe.length);
    shared.set(keyframe);
    return shared;
  }

  private start(): Worker {
    // Its output is kept from the runtime's own (a wasm abort prints pages), and not read: a reader would
    // keep the process alive.
    const worker = new Worker(this.settings.script, {
      stdout: true,
      stderr: true,
      resourceLimits: { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 8 },
      ...(this.settings.script.endsWith('.ts')
        ? { execArgv: ['--require', require.resolve('tsx/cjs')] }
        : {}),
    });
    worker.on('message', (reply: SnapshotReply) => {
      if (worker === this.worker) this.settle?.(reply);
    });
    const died = (): void => {
      if (worker === this.worker) this.fail('the keyframe ended the decoder');
    };
    worker.on('error', died);
    worker.on('exit', died);
    return worker;
  }

  /** The thread is done for; so is the picture it worked on, if any. */
  private fail(message: string): void {
    const worker = this.worker;
    this.worker = undefined;
    this.keyframes = new SharedArrayBuffer(0);
    this.pictures = new SharedArrayBuffer(0);
    void worker?.terminate();
    this.settle?.({ code: 'EDECODE', message });
  }

  private rest(): void {
    this.worker?.unref();
    this.idleTimer = setTimeout(() => {
      this.fail('idle');
    }, this.settings.idle).unref();
  }
}

const ballast: unknown[] = [];

/**
 * V8 collects young objects by what it allocated on its own heap; the memory of Buffers is not on it. Where
 * little else happens, pictures that nobody holds any more would pile up to 32 MB. So the collector is shown
 * about as much as was handed out.
 */
function paceCollector(bytes: number): void {
  for (let left = Math.min(bytes, 1024 * 1024); left > 0; left -= 65_536)
    ballast[0] = new Array<number>(8192).fill(0);
  ballast.length = 0;
}

/** Beside this file's own kind: `.js` once built, `.ts` under tsx. */
function workerScript(): string {
  return path.join(__dirname, '..', '..', 'media', `snapshot-worker${path.extname(__filename)}`);
}
