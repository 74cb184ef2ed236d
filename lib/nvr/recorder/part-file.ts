// A clip on its way: written as `name.mp4.part`, renamed when it is whole, cut back to its last whole
// fragment when it was cut short.

import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { NvrError } from '../../errors.js';
import type { ClipSink } from '../../media/mp4-writer.js';
import { sha256Of } from './digest.js';
import { codeOf } from './disk.js';
import { makePlain } from './plain-mp4.js';
import { folderMode, makeFolders, openBelow, pathOf, type Place } from './below.js';
import type { RecorderFs } from './types.js';

export interface Finished {
  /** Path from the folder, with / between its levels. */
  readonly file: string;
  readonly bytes: number;
  /** Absent: the disk did not let it be read back. */
  readonly sha256?: string;
  /** Epoch ms at which what was cut short had been written to. */
  readonly modified?: number;
}

const MAX_SUFFIX = 9999;
/** Behind the name of a file that is being written. */
export const PART = '.part';
/** A plain file on its way. */
const PLAIN_PART = '.plain.part';
/** Top-level boxes of one file. */
const MAX_BOXES = 1_000_000;

/** Parts that this process writes at the moment: a start leaves them alone. */
const writing = new Set<string>();

export class PartFile implements ClipSink {
  /** Changes while the file is copied, or read back. */
  copied = 0;
  private bytes = 0;

  private constructor(
    private readonly fs: RecorderFs,
    private readonly root: string,
    private readonly mode: number,
    private readonly handle: FileHandle,
    /** Path of the clip from the folder, as it is planned. */
    readonly file: string,
  ) {}

  /**
   * Opens `levels` below the folder, with a number behind the name where it is taken. `announce` is told the
   * path, from the folder, before a file is made. Rejects with what the file system says, or EINPUT.
   */
  static async open(
    fs: RecorderFs,
    root: string,
    levels: readonly string[],
    extension: string,
    mode: number,
    announce: (file: string) => Promise<void>,
  ): Promise<PartFile> {
    await makeFolders(fs, root, levels.slice(0, -1), folderMode(mode));
    const name = levels.join('/');
    for (let suffix = 1; suffix <= MAX_SUFFIX; suffix++) {
      const file = numbered(name, suffix, extension);
      const part = await openBelow(fs, root, file + PART);
      if ((await isTaken(fs, root, file)) || (await part.exists())) continue;
      const key = pathOf(root, file);
      writing.add(key);
      try {
        await announce(file);
        return new PartFile(fs, root, mode, await part.open('create', mode), file);
      } catch (error) {
        writing.delete(key);
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
    try {
      await this.handle.close();
      const part = await openBelow(this.fs, this.root, this.file + PART);
      const notPlain = plain ? await this.makePlain(part) : undefined;
      const { bytes } = this;
      const hashed = await hashOf(part, () => this.copied++);
      const file = await giveName(this.fs, this.root, this.file, part);
      return { file, bytes, ...hashed, ...(notPlain !== undefined && { notPlain }) };
    } finally {
      this.letGo();
    }
  }

  /**
   * After a failure: keeps what can be played, if there is anything. Rejects where the disk fails again: then
   * the next start does it.
   */
  async rescue(): Promise<Finished | undefined> {
    await this.handle.close().catch(() => undefined);
    this.letGo();
    return finishPart(this.fs, this.root, this.file);
  }

  /**
   * The part is replaced at once, when its like is whole: whatever happens, one of them is there. Answers why
   * it could not be done.
   */
  private async makePlain(part: Place): Promise<unknown> {
    const { fs, root, mode, file } = this;
    const like = await openBelow(fs, root, file + PLAIN_PART);
    try {
      await copyPlain(part, like, mode, file.endsWith('.mov'), () => this.copied++);
      const made = await like.file();
      await like.rename(path.basename(part.full));
      this.bytes = made?.size ?? this.bytes;
      return undefined;
    } catch (error) {
      await like.remove().catch(() => undefined);
      return error;
    }
  }

  private letGo(): void {
    writing.delete(pathOf(this.root, this.file));
  }
}

/**
 * Cuts the part of `file` back to its last whole fragment and gives it its name; deletes it if it holds none.
 * A file that has its name already is answered as it is. Undefined: there is nothing.
 */
export async function finishPart(fs: RecorderFs, root: string, file: string): Promise<Finished | undefined> {
  const part = await openBelow(fs, root, file + PART);
  await (await openBelow(fs, root, file + PLAIN_PART)).remove().catch(() => undefined);
  const found = await part.file();
  if (found === undefined) {
    const place = await openBelow(fs, root, file);
    const named = await place.file();
    return named === undefined ? undefined : { file, bytes: named.size, ...(await hashOf(place)) };
  }
  const handle = await part.open('change');
  let bytes: number;
  let modified: number;
  try {
    bytes = await wholeBytes(handle, found.size);
    // Another name of the file is somebody else's: nothing is cut off there.
    const { nlink, mtimeMs } = await handle.stat();
    modified = Math.round(mtimeMs);
    const isOurs = nlink === 1;
    if (isOurs && bytes > 0 && bytes < found.size) await handle.truncate(bytes);
  } finally {
    await handle.close();
  }
  if (bytes > 0) {
    const hashed = await hashOf(part);
    return { file: await giveName(fs, root, file, part), bytes, modified, ...hashed };
  }
  await part.remove();
  return undefined;
}

/** Nothing where it cannot be read: the clip is there all the same. */
async function hashOf(place: Place, onRead?: () => void): Promise<{ sha256?: string }> {
  try {
    const handle = await place.open('read');
    return { sha256: await sha256Of(handle, onRead).finally(() => handle.close()) };
  } catch {
    return {};
  }
}

/** Whether this process writes the part of `file` at the moment. */
export function isBeingWritten(root: string, file: string): boolean {
  return writing.has(pathOf(root, file));
}

async function copyPlain(
  part: Place,
  like: Place,
  mode: number,
  isMov: boolean,
  onCopied: () => void,
): Promise<void> {
  const source = await part.open('read');
  try {
    const target = await like.open('create', mode);
    try {
      await makePlain(source, target, isMov, onCopied);
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}
/**
 * Bytes up to the end of the last whole fragment (moof and mdat), or of what follows the fragments; 0 if
 * there is none (ISO 14496-12 8.8).
 */
export async function wholeBytes(handle: FileHandle, size: number): Promise<number> {
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

/** Answers the name that was free. */
async function giveName(fs: RecorderFs, root: string, file: string, part: Place): Promise<string> {
  const { dir, name, ext } = path.posix.parse(file);
  for (let suffix = 1; suffix <= MAX_SUFFIX; suffix++) {
    const free = numbered(path.posix.join(dir, name), suffix, ext);
    if (await isTaken(fs, root, free)) continue;
    await part.rename(path.posix.basename(free));
    return free;
  }
  throw namesTaken(name);
}

async function isTaken(fs: RecorderFs, root: string, file: string): Promise<boolean> {
  return (await openBelow(fs, root, file)).exists();
}

function numbered(name: string, suffix: number, extension: string): string {
  return `${name}${suffix === 1 ? '' : `-${suffix}`}${extension}`;
}

function namesTaken(name: string): NvrError {
  return new NvrError('EDISK', `All numbers behind the name ${name} are taken.`);
}
