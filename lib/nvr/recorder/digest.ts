// The SHA-256 of a file. A short file is hashed in pieces that are small enough not to block the event loop,
// a long one by a thread.

import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { sharedThread, type DigestThread } from './digest-thread.js';

/** Hashing this much takes about a quarter of a millisecond. */
const CHUNK = 64 * 1024;
/** A file of this size is hashed by a thread. */
const LONG = 8 * 1024 * 1024;
const LONG_CHUNK = 1024 * 1024;

/** Returns the hash in hex. `onRead` is called for each piece. Rejects with the file system's error. */
export async function sha256Of(
  handle: FileHandle,
  onRead?: () => void,
  thread: DigestThread = sharedThread,
): Promise<string> {
  const { size } = await handle.stat();
  const hashed = size < LONG ? undefined : await byThread(handle, thread, onRead);
  if (hashed !== undefined) return hashed;
  const hash = createHash('sha256');
  const chunk = Buffer.allocUnsafeSlow(CHUNK);
  for (let at = 0; ;) {
    const { bytesRead } = await handle.read(chunk, 0, CHUNK, at);
    if (bytesRead === 0) return hash.digest('hex');
    hash.update(chunk.subarray(0, bytesRead));
    at += bytesRead;
    onRead?.();
  }
}

/** Returns undefined if the thread has ended, or none can be started. */
async function byThread(
  handle: FileHandle,
  thread: DigestThread,
  onRead?: () => void,
): Promise<string | undefined> {
  const file = thread.begin();
  if (file === undefined) return undefined;
  try {
    let memory = new ArrayBuffer(LONG_CHUNK);
    for (let at = 0; ;) {
      const { bytesRead } = await handle.read(new Uint8Array(memory), 0, LONG_CHUNK, at);
      if (bytesRead === 0) return (await thread.ask(file))?.sha256;
      const reply = await thread.ask(file, new Uint8Array(memory, 0, bytesRead));
      if (reply?.piece === undefined) return undefined;
      memory = reply.piece.buffer;
      at += bytesRead;
      onRead?.();
    }
  } finally {
    thread.end();
  }
}
