// The thread that hashes long files, shared by all recorders and exports. It starts with the first file and
// ends when it has been idle for a while after the last one.

import path from 'node:path';
import { Worker } from 'node:worker_threads';
import type { DigestJob, DigestReply } from './digest-worker.js';

const SCRIPT = path.join(__dirname, `digest-worker${path.extname(__filename)}`);
/** Files that follow each other within this time share a thread. */
const IDLE_MS = 10_000;

/** A file that is being hashed, and the thread that has its state. */
export interface ThreadFile {
  readonly worker: Worker;
  readonly file: number;
}

export class DigestThread {
  private worker: Worker | undefined;
  private readonly waiting = new Map<number, (reply: DigestReply | undefined) => void>();
  private files = 0;
  private lastFileNumber = 0;
  private idle: NodeJS.Timeout | undefined;

  constructor(private readonly script = SCRIPT) {}

  /** Undefined if no thread can be started; otherwise call `end` once, whatever happens to the file. */
  begin(): ThreadFile | undefined {
    clearTimeout(this.idle);
    try {
      const worker = (this.worker ??= this.start());
      worker.ref();
      this.files++;
      return { worker, file: ++this.lastFileNumber };
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
   * Sends the next piece of a file, or its end. Undefined if the thread has ended, and the file's state with
   * it. `part` is given with every piece of a file whose parts are hashed, too.
   */
  ask(
    { worker, file }: ThreadFile,
    piece?: Uint8Array<ArrayBuffer>,
    part?: DigestJob['part'],
  ): Promise<DigestReply | undefined> {
    if (worker !== this.worker) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.waiting.set(file, resolve);
      if (piece === undefined) worker.postMessage({ file } satisfies DigestJob);
      else worker.postMessage({ file, piece, ...(part && { part }) } satisfies DigestJob, [piece.buffer]);
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
      this.onEnded(worker);
    });
    worker.on('exit', () => {
      this.onEnded(worker);
    });
    return worker;
  }

  private onEnded(worker: Worker): void {
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

export const sharedThread = new DigestThread();
