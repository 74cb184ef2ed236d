// Copies one clip into an export and computes its hashes, second by second, in the same read.

import type { FileHandle } from 'node:fs/promises';
import type { Place } from '../recorder/below.js';
import { sharedThread, type DigestThread } from '../recorder/digest-thread.js';
import { readBoxes } from '../recorder/read-boxes.js';
import { byteSpans, type ByteSpan } from './byte-spans.js';
import type { HashedSpan } from './manifest.js';
import { OwnHashes, ThreadHashes, type PartHashes } from './part-hashes.js';

export interface CopiedClip {
  readonly bytes: number;
  readonly sha256: string;
  readonly spans: readonly HashedSpan[];
}

type Write = (piece: Uint8Array, at: number) => Promise<void>;

/** Bytes read at once; hashing them here takes about half a millisecond. */
const CHUNK = 128 * 1024;
/** A file of this size is hashed by a thread, which pays off early since an export has many files. */
const LONG = 1024 * 1024;

/**
 * Copies the first `size` bytes. `write` writes a piece at a position. Rejects with the error of `write`, or
 * of reading the source.
 */
export async function copyClip(
  source: FileHandle,
  size: number,
  write: Write,
  thread: DigestThread = sharedThread,
): Promise<CopiedClip> {
  const clip = await readBoxes(source).catch(() => undefined);
  const spans = byteSpans(clip, size);
  const byThread = size < LONG ? undefined : await copyByThread(source, spans, write, thread);
  const copied = byThread ?? (await copyWith(new OwnHashes(), source, spans, write))!;
  return { bytes: size, ...copied };
}

/** Returns undefined if the thread has ended, or none can be started. */
async function copyByThread(
  source: FileHandle,
  spans: readonly ByteSpan[],
  write: Write,
  thread: DigestThread,
): Promise<Omit<CopiedClip, 'bytes'> | undefined> {
  const file = thread.begin();
  if (file === undefined) return undefined;
  try {
    return await copyWith(new ThreadHashes(thread, file), source, spans, write);
  } finally {
    thread.end();
  }
}

/** Undefined if the hashes are lost. */
async function copyWith(
  hashes: PartHashes,
  source: FileHandle,
  spans: readonly ByteSpan[],
  write: Write,
): Promise<Omit<CopiedClip, 'bytes'> | undefined> {
  const hashed: HashedSpan[] = [];
  let memory = new ArrayBuffer(CHUNK);
  for (const span of spans) {
    const end = span.offset + span.bytes;
    let part: string | undefined;
    for (let at = span.offset; at < end;) {
      const { bytesRead } = await source.read(new Uint8Array(memory), 0, Math.min(CHUNK, end - at), at);
      if (bytesRead === 0) throw Object.assign(new Error('the file has become shorter'), { code: 'EIO' });
      const piece = new Uint8Array(memory, 0, bytesRead);
      // Before it goes to the thread, which takes its memory.
      await write(piece, at);
      at += bytesRead;
      const taken = await hashes.take(piece, at === end);
      if (taken === undefined) return undefined;
      ({ memory, part } = taken);
    }
    hashed.push({ ...span, sha256: part! });
  }
  const sha256 = await hashes.end();
  return sha256 === undefined ? undefined : { sha256, spans: hashed };
}

/** Creates the file and calls `copy` with the function that writes to it. */
export async function withCopy<T>(
  target: Place,
  mode: number,
  copy: (write: Write) => Promise<T>,
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
