// The only way to a file of the folder for clips: none leads out of it, by dots or by links.

import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { NvrError } from '../../errors.js';
import { codeOf } from './disk.js';
import type { RecorderFs } from './types.js';

/** Windows has no such flag. */
const NO_FOLLOW = (constants as Partial<typeof constants>).O_NOFOLLOW ?? 0;
const FLAGS = {
  read: constants.O_RDONLY,
  change: constants.O_RDWR,
  append: constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT,
  create: constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL,
} as const;

/** A name in a folder that is really there, below the folder for clips. */
export interface Place {
  /** Of this system, for messages and for libraries that read. */
  readonly full: string;
  /**
   * The file, and never what a link leads to. `create` fails where anything has the name; `mode` is that of a
   * file which is made.
   */
  open(how: keyof typeof FLAGS, mode?: number): Promise<FileHandle>;
  /** A file and no link; undefined where there is none. */
  file(): Promise<{ size: number } | undefined>;
  /** Whether anything has the name. */
  exists(): Promise<boolean>;
  /** Gives it another name in the same folder. */
  rename(name: string): Promise<void>;
  /** False: there was none. */
  remove(): Promise<boolean>;
}

/**
 * `file`: a path from `root`, with / between its levels; `root`: a real path. Rejects with EINPUT for one
 * that leads out of it, with ENOENT where its folder is not there.
 */
export async function openBelow(fs: RecorderFs, root: string, file: string): Promise<Place> {
  const asked = pathOf(root, file);
  const parent = await fs.realpath(path.dirname(asked));
  if (!isWithin(root, parent)) throw leadsOut();
  const full = path.join(parent, path.basename(asked));
  return {
    full,
    async open(how, mode) {
      const handle = await fs.open(full, FLAGS[how] | NO_FOLLOW, mode);
      // The umask has had its say; a file system without modes has none.
      if (how === 'create' && mode !== undefined) await handle.chmod(mode).catch(() => undefined);
      return handle;
    },
    async file() {
      const found = await lstat(fs, full);
      return found?.isFile() === true ? { size: found.size } : undefined;
    },
    async exists() {
      return (await lstat(fs, full)) !== undefined;
    },
    rename: (name) => fs.rename(full, path.join(parent, name)),
    async remove() {
      try {
        await fs.unlink(full);
        return true;
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return false;
        throw error;
      }
    },
  };
}

/**
 * Makes the levels one by one, so that a link that leads out is found before anything is made behind it.
 * `mode`: of those that are made.
 */
export async function makeFolders(
  fs: RecorderFs,
  root: string,
  levels: readonly string[],
  mode: number,
): Promise<void> {
  let parent = root;
  for (const level of levels) {
    const next = path.join(parent, level);
    const isNew = await fs.mkdir(next, { mode }).then(
      () => true,
      (error: unknown) => {
        if (codeOf(error) === 'EEXIST') return false;
        throw error;
      },
    );
    parent = await fs.realpath(next);
    if (!isWithin(root, parent)) throw leadsOut();
    if (isNew) await fs.chmod(parent, mode).catch(() => undefined);
  }
}

/** Folders of days long gone would pile up: deletes those above a file that are empty. */
export async function removeEmpty(fs: RecorderFs, root: string, file: string): Promise<void> {
  const top = pathOf(root, file);
  for (let level = path.dirname(top); level.length > root.length; level = path.dirname(level)) {
    try {
      // A link is no folder of ours.
      if ((await fs.realpath(level)) !== level) return;
      await fs.rmdir(level);
    } catch {
      return;
    }
  }
}

/**
 * A path from the folder, with / between its levels, as a path of this system. Throws EINPUT for one that
 * leads out of it.
 */
export function pathOf(root: string, file: string): string {
  const full = path.join(root, ...file.split('/'));
  if (path.isAbsolute(file) || full === root || !isWithin(root, full)) throw leadsOut();
  return full;
}

/** A path of this system as one from the folder. */
export function below(root: string, full: string): string {
  return path.relative(root, full).split(path.sep).join('/');
}

/** What may enter a folder for what may read the file. */
export function folderMode(fileMode: number): number {
  return fileMode | ((fileMode & 0o444) >> 2);
}

async function lstat(fs: RecorderFs, full: string): Promise<{ isFile(): boolean; size: number } | undefined> {
  try {
    return await fs.lstat(full);
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

function isWithin(root: string, inner: string): boolean {
  const relative = path.relative(root, inner);
  return relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative);
}

function leadsOut(): NvrError {
  return new NvrError('EINPUT', 'The path leads out of the folder for clips; nothing is done there.');
}
