// A clip that is being written: named `name.mp4.part`, renamed when complete, and truncated to its last
// complete fragment after a crash.

import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { NvrError } from '../../errors.js';
import type { ClipSink } from '../../media/mp4-writer.js';
import { sha256Of } from './digest.js';
import { codeOf } from './disk.js';
import { makePlain } from './plain-mp4.js';
import { wholeBytes } from './read-boxes.js';
import { folderMode, makeFolders, openBelow, pathOf, type Place } from './below.js';
import type { RecorderFs } from './types.js';

export interface Finished {
  /** Path from the folder, with / as separator. */
  readonly file: string;
  readonly bytes: number;
  /** Undefined if the file could not be read back. */
  readonly sha256?: string;
  /** Time of the last write, in epoch ms, of a file that was cut short. */
  readonly modified?: number;
}

const MAX_SUFFIX = 9999;
/** Suffix of a file that is being written. */
export const PART = '.part';
/** Suffix of a plain MP4 that is being written. */
const PLAIN_PART = '.plain.part';

/** Files that this process is writing now: recovery leaves them alone. */
const writing = new Set<string>();

export class PartFile implements ClipSink {
  /** Counts pieces while the file is copied or read back. */
  copied = 0;
  private bytes = 0;

  private constructor(
    private readonly fs: RecorderFs,
    private readonly root: string,
    private readonly mode: number,
    private readonly handle: FileHandle,
    /** The planned path of the clip, from the folder. */
    readonly file: string,
  ) {}

  /**
   * Opens `levels` below the folder, with a number added if the name is taken. `announce` is called with the
   * path from the folder before the file is created, and `retract` if it could not be created. Rejects with
   * the file system's error, or EINPUT.
   */
  static async open(
    fs: RecorderFs,
    root: string,
    levels: readonly string[],
    extension: string,
    mode: number,
    announce: (file: string) => Promise<void>,
    retract: (file: string) => Promise<void>,
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
        await retract(file).catch(() => undefined);
        if (codeOf(error) !== 'EEXIST') throw error;
      }
    }
    throw namesTaken(name);
  }

  /**
   * Rejects with the file system's error, or with EDISK if the file is gone: if this process is suspended for
   * long, another Node-RED takes its file for abandoned and finishes it, and it must not be changed then.
   */
  async write(data: Uint8Array): Promise<void> {
    const part = await openBelow(this.fs, this.root, this.file + PART);
    if (!(await part.exists())) throw goneFrom(this.file);
    for (let at = 0; at < data.length;) {
      const { bytesWritten } = await this.handle.write(data, at, data.length - at, this.bytes);
      this.bytes += bytesWritten;
      at += bytesWritten;
    }
  }

  /** Converts the file to a plain MP4 if requested, and renames it. */
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
      this.unreserve();
    }
  }

  /**
   * Keeps what can be played after a failure. Rejects if the disk fails again; the next start then does it.
   */
  async rescue(): Promise<Finished | undefined> {
    await this.handle.close().catch(() => undefined);
    this.unreserve();
    return finishPart(this.fs, this.root, this.file);
  }

  /**
   * Replaces the file by the plain copy once that is complete, so that one of them always exists. Returns the
   * error if it failed.
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

  private unreserve(): void {
    writing.delete(pathOf(this.root, this.file));
  }
}

/**
 * Truncates the `.part` of `file` to its last complete fragment and renames it, or deletes it if it has none.
 * A file that already has its final name is returned as it is. Undefined if there is nothing.
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
    // If the file has another hard link, it is not ours alone, so it is not truncated.
    const { nlink, mtimeMs } = await handle.stat();
    modified = Math.round(mtimeMs);
    const isOurs = nlink === 1;
    if (isOurs && bytes < found.size) await handle.truncate(bytes);
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

/** The hash is left out if the file cannot be read; the clip exists all the same. */
async function hashOf(place: Place, onRead?: () => void): Promise<{ sha256?: string }> {
  try {
    const handle = await place.open('read');
    return { sha256: await sha256Of(handle, onRead).finally(() => handle.close()) };
  } catch {
    return {};
  }
}

/** Whether this process is writing the `.part` of `file` now. */
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
      // It is about to replace the file: after a power failure one of them must be whole.
      await target.sync();
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

/** Renames the file, with a number added if the name is taken; returns the name. */
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

function goneFrom(file: string): NvrError {
  const text = `${file}${PART} is gone from its folder: it was moved or deleted, or another Node-RED finished it, because this one stood still.`;
  return new NvrError('EDISK', text);
}

function namesTaken(name: string): NvrError {
  return new NvrError(
    'EDISK',
    `The names from ${name} to ${name}-${MAX_SUFFIX} are all in use; delete some of these files, or choose another file name.`,
  );
}
