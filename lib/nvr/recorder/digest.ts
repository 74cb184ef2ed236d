// The SHA-256 of a file: read once from its first byte to its last, in pieces small enough for whatever else
// waits for its turn.

import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';

/** A quarter of a millisecond of work. */
const CHUNK = 64 * 1024;

/** In hex. `onRead` is told of each piece. Rejects with what the file system says. */
export async function sha256Of(handle: FileHandle, onRead?: () => void): Promise<string> {
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
