// Decodes keyframes to JPEG in worker threads: one by default, started when needed, ended when idle, and
// replaced if it hangs or crashes.

import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { Worker } from 'node:worker_threads';

import { NvrError } from '../../errors.js';
import type { Jpeg } from '../../media/jpeg/index.js';
import type { SnapshotJob } from '../../media/snapshot-job.js';
import type { SnapshotReply } from '../../media/snapshot-worker.js';
import { BoundedQueue } from './bounded-queue.js';

export interface SnapshotPoolOptions {
  /** The most threads. */
  workers?: number;
  /** The most keyframes that may wait for a thread. */
  queue?: number;
  /** The most ms for one picture, including the start of the thread. */
  timeBound?: number;
  /** An idle thread ends after this many ms, to free its memory. */
  idle?: number;
  /** The worker's script. */
  script?: string;
}

/**
 * How long (ms) a camera whose keyframe made the thread hang or crash is refused: its next keyframe is likely
 * to do the same.
 */
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
  private cameraCount = 0;

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

  /** The number of threads that are running. */
  get threads(): number {
    return this.lanes.filter((lane) => lane.alive).length;
  }

  /**
   * `job.data` may be reused as soon as this returns. `camera` is an identity: the decoder's memory is
   * cleared between cameras, and the camera that has used less time goes first. Rejects with EBUSY (queue
   * full), EUNSUPPORTED, or EDECODE: a broken keyframe, one past the time limit, one that crashed the thread,
   * and any keyframe of that camera for a while after the latter two.
   */
  decode(job: SnapshotJob, camera?: object): Promise<Jpeg> {
    const state = camera && this.cameraOf(camera);
    if (state && state.restsUntil > performance.now()) {
      const seconds = Math.ceil((state.restsUntil - performance.now()) / 1000);
      const message = `a keyframe of this camera took too long to decode or crashed the decoder: the next one is tried in ${String(seconds)} s`;
      return Promise.reject(new NvrError('EDECODE', message));
    }
    return this.queue.run(async () => {
      const lane = this.free.pop()!;
      try {
        return await lane.decode({ ...job, camera: state?.id ?? 0 });
      } catch (error) {
        if (state && lane.isBroken) state.restsUntil = performance.now() + REST_MS;
        throw error;
      } finally {
        this.free.push(lane);
      }
    }, camera);
  }

  private cameraOf(camera: object): Camera {
    let state = this.cameras.get(camera);
    if (!state) {
      state = { id: ++this.cameraCount, restsUntil: 0 };
      this.cameras.set(camera, state);
    }
    return state;
  }

  /**
   * Ends the threads; the picture being decoded is refused with EDECODE. The pool can be used again
   * afterwards.
   */
  async close(): Promise<void> {
    await Promise.all(this.lanes.map((lane) => lane.end()));
  }
}

let shared: SnapshotPool | undefined;

/** The pool of this process: all NVRs and nodes share its one thread. */
export function sharedSnapshotPool(): SnapshotPool {
  return (shared ??= new SnapshotPool());
}

/** One thread and the one job it works on. */
class Lane {
  private worker: Worker | undefined;
  /**
   * Shared memory for the keyframe that the thread reads and for the picture until it is copied. It is
   * reused, since transferred buffers would pile up until a full garbage collection.
   */
  private keyframes = new SharedArrayBuffer(0);
  private pictures = new SharedArrayBuffer(0);
  /** The last keyframe made the thread hang or crash. */
  isBroken = false;
  private onReply: ((reply: SnapshotReply) => void) | undefined;
  private idleTimer: NodeJS.Timeout | undefined;

  constructor(private readonly settings: { timeBound: number; idle: number; script: string }) {}

  get alive(): boolean {
    return this.worker !== undefined;
  }

  async decode(job: SnapshotJob): Promise<Jpeg> {
    clearTimeout(this.idleTimer);
    this.isBroken = false;
    const worker = (this.worker ??= this.start());
    const { timeBound } = this.settings;
    const reply = await new Promise<SnapshotReply>((resolve) => {
      // It also keeps the process alive during the work, so that a program that waits for nothing else still
      // gets its picture.
      const timer = setTimeout(() => {
        this.breakOff(`the keyframe took more than ${String(timeBound / 1000)} s to decode`);
      }, timeBound);
      this.onReply = (answer) => {
        clearTimeout(timer);
        this.onReply = undefined;
        resolve(answer);
      };
      worker.postMessage({ ...job, data: this.share(job.data) } satisfies SnapshotJob);
    });
    this.startIdleTimer();
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
    // The worker's output, such as a warning of Node, is kept out of the process's own.
    const worker = new Worker(this.settings.script, {
      stdout: true,
      stderr: true,
      resourceLimits: { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 8 },
      ...(this.settings.script.endsWith('.ts')
        ? { execArgv: ['--require', require.resolve('tsx/cjs')] }
        : {}),
    });
    // Streams that hold output would keep the process alive until someone reads it.
    for (const output of [worker.stdout, worker.stderr]) output.destroy();
    worker.on('message', (reply: SnapshotReply) => {
      if (worker === this.worker) this.onReply?.(reply);
    });
    const died = (): void => {
      if (worker === this.worker) this.breakOff('the decoder crashed at the keyframe');
    };
    worker.on('error', died);
    worker.on('exit', died);
    return worker;
  }

  private breakOff(message: string): void {
    this.isBroken = true;
    this.fail(message);
  }

  /** Ends the thread, and fails the job that it was working on. */
  private fail(message: string): void {
    const worker = this.worker;
    this.worker = undefined;
    this.keyframes = new SharedArrayBuffer(0);
    this.pictures = new SharedArrayBuffer(0);
    void worker?.terminate();
    this.onReply?.({ code: 'EDECODE', message });
  }

  /** The thread no longer keeps the process alive, and ends unless another keyframe comes. */
  private startIdleTimer(): void {
    if (this.worker === undefined) return;
    this.worker.unref();
    this.idleTimer = setTimeout(() => {
      this.fail('idle');
    }, this.settings.idle).unref();
  }
}

const ballast: unknown[] = [];

/**
 * V8 starts a collection after a certain amount of allocation on its own heap, which does not count the
 * memory of Buffers. In an otherwise idle process, up to 32 MB of unused pictures would pile up. So this
 * allocates about as much on the heap as the pictures take.
 */
function paceCollector(bytes: number): void {
  for (let left = Math.min(bytes, 1024 * 1024); left > 0; left -= 65_536)
    ballast[0] = new Array<number>(8192).fill(0);
  ballast.length = 0;
}

/** `.js` in the built package, `.ts` under tsx. */
function workerScript(): string {
  return path.join(__dirname, '..', '..', 'media', `snapshot-worker${path.extname(__filename)}`);
}
