// Hashes in a worker thread. The main thread reads the files and sends one piece at a time.

import { createHash, type Hash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';

/** A piece of a file, or (without one) its end. */
export interface DigestJob {
  readonly file: number;
  readonly piece?: Uint8Array<ArrayBuffer>;
  /** The file's parts are hashed, too: whether the present one ends with the piece. */
  readonly part?: 'goes on' | 'ends';
}

/** The piece comes back to be filled again; `sha256`, in hex, at the end of the file, or of its part. */
export interface DigestReply {
  readonly file: number;
  readonly piece?: Uint8Array<ArrayBuffer>;
  readonly sha256?: string;
}

const hashes = new Map<number, Hash>();
const parts = new Map<number, Hash>();

parentPort?.on('message', ({ file, piece, part }: DigestJob) => {
  const hash = hashes.get(file) ?? createHash('sha256');
  if (piece === undefined) {
    hashes.delete(file);
    parts.delete(file);
    parentPort?.postMessage({ file, sha256: hash.digest('hex') } satisfies DigestReply);
    return;
  }
  hashes.set(file, hash.update(piece));
  const sha256 = part && hashPart(file, piece, part);
  parentPort?.postMessage({ file, piece, ...(sha256 !== undefined && { sha256 }) } satisfies DigestReply, [
    piece.buffer,
  ]);
});

function hashPart(file: number, piece: Uint8Array, part: 'goes on' | 'ends'): string | undefined {
  const hash = (parts.get(file) ?? createHash('sha256')).update(piece);
  parts.set(file, hash);
  if (part === 'goes on') return undefined;
  parts.delete(file);
  return hash.digest('hex');
}
