// Hashes in a worker thread. The main thread reads the files and sends one piece at a time.

import { createHash, type Hash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';

/** A piece of a file, or (without one) its end. */
export interface DigestJob {
  readonly file: number;
  readonly piece?: Uint8Array<ArrayBuffer>;
}

/** The piece comes back to be filled again; `sha256`, in hex, at the end. */
export interface DigestReply {
  readonly file: number;
  readonly piece?: Uint8Array<ArrayBuffer>;
  readonly sha256?: string;
}

const hashes = new Map<number, Hash>();

parentPort?.on('message', ({ file, piece }: DigestJob) => {
  const hash = hashes.get(file) ?? createHash('sha256');
  if (piece === undefined) {
    hashes.delete(file);
    parentPort?.postMessage({ file, sha256: hash.digest('hex') } satisfies DigestReply);
    return;
  }
  hashes.set(file, hash.update(piece));
  parentPort?.postMessage({ file, piece } satisfies DigestReply, [piece.buffer]);
});
