// ffmpeg as the judge of what was received: hashes of decoded frames, and of coded packets.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const known = new Map<string, Promise<string[]>>();

/** Runs ffmpeg; rejects with what it said. */
export async function ffmpeg(...args: string[]): Promise<string> {
  const { stdout } = await run('ffmpeg', ['-v', 'error', '-nostdin', ...args], { maxBuffer: 64 << 20 });
  return stdout;
}

/** What ffmpeg writes to its standard output. */
export async function ffmpegBytes(...args: string[]): Promise<Buffer> {
  const options = { maxBuffer: 64 << 20, encoding: 'buffer' } as const;
  const { stdout } = await run('ffmpeg', ['-v', 'error', '-nostdin', ...args], options);
  return stdout;
}

/** One hash per decoded frame of a file's video. */
export function frameHashes(file: string): Promise<string[]> {
  return hashes('-i', file, '-map', '0:v:0', '-fps_mode', 'passthrough');
}

/** One hash per coded packet. */
export function packetHashes(...input: string[]): Promise<string[]> {
  return hashes(...input, '-c', 'copy');
}

/**
 * The frame hashes of received video; `extension` tells ffmpeg what it is. The same bytes are decoded once.
 */
export function receivedHashes(data: Buffer, extension: string, folder: string): Promise<string[]> {
  const name = `${createHash('sha1').update(data).digest('hex')}.${extension}`;
  let result = known.get(name);
  if (result === undefined) {
    const file = path.join(folder, name);
    result = fs.writeFile(file, data).then(() => frameHashes(file));
    known.set(name, result);
  }
  return result;
}

async function hashes(...input: string[]): Promise<string[]> {
  const text = await ffmpeg(...input, '-f', 'framemd5', '-');
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(',')[5]!.trim());
}
