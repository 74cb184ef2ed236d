// A clip on its way: written as `name.mp4.part`, renamed when it is whole, cut back to its last whole fragment when it was cut short.

import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { NvrError } from '../../errors.js';
import type { ClipSink } from '../../media/mp4-writer.js';
import { codeOf } from './disk.js';
import { makePlain } from './plain-mp4.js';
import { below, exists, makeFolders, pathOf, plainFile } from './paths.js';
import type { RecorderFs } from './types.js';

export interface Finished {
  /** Path from the folder, with / between its levels. */
  readonly file: string;
  readonly bytes: number;
}

const MAX_SUFFIX = 9999;
const PART = '.part';
/** A plain file on its way. */
const PLAIN_PART = '.plain.part';
/** Top-level boxes of one file. */
const MAX_BOXES = 1_000_000;

/** Parts that this process writes at the moment: a start leaves them alone. */
const writing = new Set<string>();

export class PartFile implements ClipSink {
  private bytes = 0;

  private constructor(
    private readonly fs: RecorderFs,
    private readonly root: string,
    private readonly handle: FileHandle,
    /** Path of the clip from the folder, as it is planned. */
    readonly file: string,
  ) {}

  /**
   * Opens `levels` below the folder, with a number behind the name where it is taken. `announce` is told the path, from the folder, before a file is made.
   * Rejects with what the file system says, or EINPUT.
   */
  static async open(
    fs: RecorderFs,
    root: string,
    levels: readonly string[],
    extension: string,
    announce: (file: string) => Promise<void>,
  ): Promise<PartFile> {
    const parent = await makeFolders(fs, root, levels.slice(0, -1));
    const name = levels.at(-1)!;
    for (let suffix = 1; suffix <= MAX_SUFFIX; suffix++) {
      const full = path.join(parent, `${name}${suffix === 1 ? '' : `-${suffix}`}${extension}`);
      if ((await exists(fs, full)) || (await exists(fs, full + PART))) continue;
      const file = below(root, full);
      writing.add(full + PART);
      try {
        await announce(file);
        return new PartFile(fs, root, await fs.open(full + PART, 'wx'), file);
      } catch (error) {
        writing.delete(full + PART);
        if (codeOf(error) !== 'EEXIST') throw error;
      }
    }
    throw namesTaken(name);
  }

  async write(data: Uint8Array): Promise<void> {
    for (let at = 0; at < data.length;) {
      const { bytesWritten } = await this.handle.write(data, at, data.length - at, this.bytes);
      this.bytes += bytesWritten;
      at += bytesWritten;
    }
  }

  /** Makes the file a plain one if that is asked for, and gives it its name. */
  async finish(plain: boolean): Promise<Finished & { notPlain?: unknown }> {
    const full = pathOf(this.root, this.file);
    try {
      await this.handle.close();
      const notPlain = plain ? await this.makePlain(full) : undefined;
      const { bytes } = this;
      const file = below(this.root, await giveName(this.fs, full));
      return { file, bytes, ...(notPlain !== undefined && { notPlain }) };
    } finally {
      writing.delete(full + PART);
    }
  }

  /** The part is replaced at once, when its like is whole: whatever happens, one of them is there. Answers why it could not be done. */
  private async makePlain(full: string): Promise<unknown> {
    const { fs } = this;
    try {
      await makePlain(fs, full + PART, full + PLAIN_PART);
      const { size } = await fs.stat(full + PLAIN_PART);
      await fs.rename(full + PLAIN_PART, full + PART);
      this.bytes = size;
      return undefined;
    } catch (error) {
      await fs.unlink(full + PLAIN_PART).catch(() => undefined);
      return error;
    }
  }

  /** After a failure: keeps what can be played, if there is anything. Rejects where the disk fails again: then the next start does it. */
  async rescue(): Promise<Finished | undefined> {
    await this.handle.close().catch(() => undefined);
    writing.delete(pathOf(this.root, this.file) + PART);
    return finishPart(this.fs, this.root, this.file);
  }
}

/**
 * Cuts the part of `file` back to its last whole fragment and gives it its name; deletes it if it holds none. A file that has its name already is answered as it is.
 * Undefined: there is nothing.
 */
export async function finishPart(fs: RecorderFs, root: string, file: string): Promise<Finished | undefined> {
  const full = pathOf(root, file);
  const part = full + PART;
  await fs.unlink(full + PLAIN_PART).catch(() => undefined);
  const found = await plainFile(fs, part);
  if (found === undefined) {
    const named = await plainFile(fs, full);
    return named === undefined ? undefined : { file, bytes: named.size };
  }
  const handle = await fs.open(part, 'r+');
  let bytes: number;
  try {
    bytes = await wholeBytes(handle, found.size);
    if (bytes > 0 && bytes < found.size) await handle.truncate(bytes);
  } finally {
    await handle.close();
  }
  if (bytes > 0) return { file: below(root, await giveName(fs, full)), bytes };
  await fs.unlink(part);
  return undefined;
}

/** Whether this process writes the part of `file` at the moment. */
export function isBeingWritten(root: string, file: string): boolean {
  return writing.has(pathOf(root, file) + PART);
}

/** Bytes up to the end of the last whole fragment (moof and mdat), or of what follows the fragments; 0 if there is none (ISO 14496-12 8.8). */
async function wholeBytes(handle: FileHandle, size: number): Promise<number> {
  const header = Buffer.alloc(16);
  let whole = 0;
  let hasFragment = false;
  for (let at = 0, boxes = 0; at + 8 <= size && boxes < MAX_BOXES; boxes++) {
    const { bytesRead } = await handle.read(header, 0, 16, at);
    if (bytesRead < 8) break;
    const type = header.toString('latin1', 4, 8);
    const short = header.readUInt32BE(0);
    const length = short === 1 && bytesRead === 16 ? Number(header.readBigUInt64BE(8)) : short;
    if (length < 8 || at + length > size) break;
    at += length;
    hasFragment ||= type === 'mdat';
    if (hasFragment && type !== 'moof') whole = at;
  }
  return whole;
}

async function giveName(fs: RecorderFs, full: string): Promise<string> {
  const { dir, name, ext } = path.parse(full);
  for (let suffix = 1; suffix <= MAX_SUFFIX; suffix++) {
    const free = suffix === 1 ? full : path.join(dir, `${name}-${suffix}${ext}`);
    if (await exists(fs, free)) continue;
    await fs.rename(full + PART, free);
    return free;
  }
  throw namesTaken(name);
}

function namesTaken(name: string): NvrError {
  return new NvrError('EDISK', `All numbers behind the name ${name} are taken.`);
}
