// The thread that hashes long files, one for all recorders: begun with the first file, ended after the last.

import path from 'node:path';
import { Worker } from 'node:worker_threads';
import type { DigestJob, DigestReply } from './digest-worker.js';

const SCRIPT = path.join(__dirname, `digest-worker${path.extname(__filename)}`);
/** Files that follow one another share a thread. */
const IDLE_MS = 10_000;

/** A file that is being hashed, by the thread that began it. */
export interface ThreadFile {
  readonly worker: Worker;
  readonly file: number;
}

export class DigestThread {
  private worker: Worker | undefined;
  private readonly waiting = new Map<number, (reply: DigestReply | undefined) => void>();
  private files = 0;
  private numbers = 0;
  private idle: NodeJS.Timeout | undefined;

  constructor(private readonly script = SCRIPT) {}

  /** Undefined: no thread is to be had. `end` once, whatever became of the file. */
  begin(): ThreadFile | undefined {
    clearTimeout(this.idle);
    try {
      const worker = (this.worker ??= this.start());
      worker.ref();
      this.files++;
      return { worker, file: ++this.numbers };
    } catch {
      return undefined;
    }
  }

  end(): void {
    if (--this.files > 0) return;
    this.worker?.unref();
    this.idle = setTimeout(() => {
      this.stop();
    }, IDLE_MS).unref();
  }

  /**
   * The next piece of a file, or its end. Undefined: the thread is gone, and what it knew of the file with
   * it.
   */
  ask({ worker, file }: ThreadFile, piece?: Uint8Array<ArrayBuffer>): Promise<DigestReply | undefined> {
    if (worker !== this.worker) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.waiting.set(file, resolve);
      if (piece === undefined) worker.postMessage({ file } satisfies DigestJob);
      else worker.postMessage({ file, piece } satisfies DigestJob, [piece.buffer]);
    });
  }

  private start(): Worker {
    const worker = new Worker(this.script, {
      ...(this.script.endsWith('.ts') && { execArgv: ['--require', require.resolve('tsx/cjs')] }),
    });
    worker.on('message', (reply: DigestReply) => {
      const resolve = this.waiting.get(reply.file);
      this.waiting.delete(reply.file);
      resolve?.(reply);
    });
    worker.on('error', () => {
      this.gone(worker);
    });
    worker.on('exit', () => {
      this.gone(worker);
    });
    return worker;
  }

  private gone(worker: Worker): void {
    if (worker !== this.worker) return;
    this.worker = undefined;
    for (const resolve of this.waiting.values()) resolve(undefined);
    this.waiting.clear();
  }

  private stop(): void {
    const { worker } = this;
    this.worker = undefined;
    void worker?.terminate();
  }
}
