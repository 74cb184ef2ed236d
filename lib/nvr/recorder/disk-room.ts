// Keeps a part of the disk free for the rest of the machine. The free space is read at most once a second for
// each folder, for all recordings of this process.

import { NvrError } from '../../errors.js';
import type { RecorderFs } from './types.js';

export const RESERVE_BYTES = 1024 ** 3;
const FRESH_MS = 1000;
/** After this many bytes were written, the free space is read again. */
const FRESH_BYTES = 64 * 1024 * 1024;
/** The most folders to remember. */
const MAX_ROOMS = 1000;

interface Room {
  free: number;
  at: number;
  written: number;
}

const rooms = new Map<string, Room>();

/**
 * Rejects with EDISK if writing `bytes` more would leave less than `reserve` free. `now` is in monotonic ms.
 */
export async function claimRoom(
  fs: RecorderFs,
  root: string,
  bytes: number,
  reserve: number,
  now: number,
): Promise<void> {
  if (reserve <= 0) return;
  let room = rooms.get(root);
  if (room === undefined || Math.abs(now - room.at) >= FRESH_MS || room.written > FRESH_BYTES) {
    if (rooms.size >= MAX_ROOMS) rooms.clear();
    room = { free: await freeBytes(fs, root), at: now, written: 0 };
    rooms.set(root, room);
  }
  room.written += bytes;
  if (room.free - room.written >= reserve) return;
  // The next attempt reads the free space again.
  rooms.delete(root);
  const mib = Math.max(0, Math.round((room.free - room.written) / 1024 ** 2));
  throw new NvrError(
    'EDISK',
    `The disk is full but for ${mib} MiB: recording stops while less than ${Math.round(reserve / 1024 ** 2)} MiB are free; free some space, or set "keepDays" or "keepGiB".`,
  );
}

/** If the file system does not report its free space, it counts as unlimited until a write fails. */
export async function freeBytes(fs: RecorderFs, root: string): Promise<number> {
  return fs.statfs(root).then(
    ({ bavail, bsize, blocks }) => (blocks > 0 ? bavail * bsize : Infinity),
    () => Infinity,
  );
}
