// The only way to open files in the clip folder: a path that leads out of it, by `..` or by a link, is
// refused.

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

/** A file name in an existing folder below the clip folder. */
export interface Place {
  /** The path in this system's notation, for messages and for libraries that read files. */
  readonly full: string;
  /**
   * Opens the file, but never follows a link. `create` fails if the name exists; `mode` is the permissions of
   * a new file.
   */
  open(how: keyof typeof FLAGS, mode?: number): Promise<FileHandle>;
  /** The size of a regular file; undefined if there is none, or if it is a link. */
  file(): Promise<{ size: number } | undefined>;
  /** Whether anything has this name, a link included. */
  exists(): Promise<boolean>;
  /** Renames the file within its folder. */
  rename(name: string): Promise<void>;
  /** Deletes the file; false if there was none. */
  remove(): Promise<boolean>;
}

/**
 * `file` is a path from `root`, with / as separator; `root` has no links. Rejects with EINPUT if the path
 * leads out of `root`, and with ENOENT if its folder does not exist.
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
      // The umask may have removed permissions. The error of a file system without permissions is ignored.
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
 * Creates the folders one by one, so that a link that leads out is noticed before anything is created behind
 * it. `mode` is the permissions of new folders.
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

/** Deletes the folders above a file that are empty: otherwise those of past days would pile up. */
export async function removeEmpty(fs: RecorderFs, root: string, file: string): Promise<void> {
  const top = pathOf(root, file);
  for (let level = path.dirname(top); level.length > root.length; level = path.dirname(level)) {
    try {
      // Links were not made by us, so they stay.
      if ((await fs.realpath(level)) !== level) return;
      await fs.rmdir(level);
    } catch {
      return;
    }
  }
}

/**
 * Turns a path from the folder, with / as separator, into a path of this system. Throws EINPUT if it leads
 * out of the folder.
 */
export function pathOf(root: string, file: string): string {
  const full = path.join(root, ...file.split('/'));
  if (path.isAbsolute(file) || full === root || !isWithin(root, full)) throw leadsOut();
  return full;
}

/** Turns a path of this system into one from the folder, with / as separator. */
export function below(root: string, full: string): string {
  return path.relative(root, full).split(path.sep).join('/');
}

/** The permissions of a folder: whoever may read the files may enter it. */
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
