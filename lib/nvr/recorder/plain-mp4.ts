// Converts a fragmented MP4 into a plain one, with its index before the media, for players and web pages that
// cannot play fragments.

import type { FileHandle } from 'node:fs/promises';
import { plainClip, type PlainClip } from '../../media/mp4/plain.js';
import { readBoxes } from './read-boxes.js';

/** Bytes copied at once. */
const CHUNK = 256 * 1024;

/**
 * Copies video and audio of `source`, bit by bit and with the same times, to the empty file `target`.
 * `onCopied` is called for each piece written. Rejects with the file system's error, or if `source` is no
 * clip.
 */
export async function makePlain(
  source: FileHandle,
  target: FileHandle,
  isMov: boolean,
  onCopied?: () => void,
): Promise<void> {
  const { tracks, fragments } = await readBoxes(source);
  await copyPieces(source, target, plainClip(tracks, fragments, isMov), onCopied);
}

/** Writes a plain clip, with its media from `source`, to the empty file `target`. */
export async function copyPieces(
  source: FileHandle,
  target: FileHandle,
  { header, pieces }: PlainClip,
  onCopied?: () => void,
): Promise<void> {
  let at = await writeAll(target, header, 0);
  onCopied?.();
  const chunk = Buffer.allocUnsafeSlow(CHUNK);
  for (const piece of pieces) {
    for (let done = 0; done < piece.bytes;) {
      const part = chunk.subarray(0, Math.min(CHUNK, piece.bytes - done));
      if ('fill' in piece) part.fill(piece.fill);
      else await readAll(source, part, piece.from + done);
      at = await writeAll(target, part, at);
      onCopied?.();
      done += part.length;
    }
  }
}

/** Returns the position after the data. */
async function writeAll(target: FileHandle, data: Buffer, at: number): Promise<number> {
  for (let done = 0; done < data.length;)
    done += (await target.write(data, done, data.length - done, at + done)).bytesWritten;
  return at + data.length;
}

async function readAll(source: FileHandle, into: Buffer, at: number): Promise<void> {
  for (let done = 0; done < into.length;) {
    const { bytesRead } = await source.read(into, done, into.length - done, at + done);
    if (bytesRead === 0) throw new Error('the file ends before its last sample');
    done += bytesRead;
  }
}
