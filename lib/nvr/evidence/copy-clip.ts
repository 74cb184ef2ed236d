// Copies one clip into an export and computes its hashes, second by second, in the same read.

import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import type { Place } from '../recorder/below.js';
import { readBoxes } from '../recorder/read-boxes.js';
import { byteSpans } from './byte-spans.js';
import type { HashedSpan } from './manifest.js';

export interface CopiedClip {
  readonly bytes: number;
  readonly sha256: string;
  readonly spans: readonly HashedSpan[];
}

/** Bytes read at once; hashing them takes about half a millisecond. */
const CHUNK = 128 * 1024;

/**
 * Copies the first `size` bytes. `write` writes a piece at a position. Rejects with the error of `write`, or
 * of reading the source.
 */
export async function copyClip(
  source: FileHandle,
  size: number,
  write: (piece: Buffer, at: number) => Promise<void>,
): Promise<CopiedClip> {
  const clip = await readBoxes(source).catch(() => undefined);
  const whole = createHash('sha256');
  const chunk = Buffer.allocUnsafeSlow(CHUNK);
  const spans: HashedSpan[] = [];
  for (const span of byteSpans(clip, size)) {
    const own = createHash('sha256');
    const end = span.offset + span.bytes;
    for (let at = span.offset; at < end;) {
      const { bytesRead } = await source.read(chunk, 0, Math.min(CHUNK, end - at), at);
      if (bytesRead === 0) throw Object.assign(new Error('the file has become shorter'), { code: 'EIO' });
      const piece = chunk.subarray(0, bytesRead);
      own.update(piece);
      whole.update(piece);
      await write(piece, at);
      at += bytesRead;
    }
    spans.push({ ...span, sha256: own.digest('hex') });
  }
  return { bytes: size, sha256: whole.digest('hex'), spans };
}

/** Creates the file and calls `copy` with the function that writes to it. */
export async function withCopy<T>(
  target: Place,
  mode: number,
  copy: (write: (piece: Buffer, at: number) => Promise<void>) => Promise<T>,
): Promise<T> {
  const handle = await target.open('create', mode);
  try {
    const copied = await copy(async (piece, at) => {
      for (let done = 0; done < piece.length;)
        done += (await handle.write(piece, done, piece.length - done, at + done)).bytesWritten;
    });
    await handle.sync();
    return copied;
  } finally {
    await handle.close();
  }
}
