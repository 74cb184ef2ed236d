// Paths below the folder for clips: none leads out of it, by dots or by links.

import path from 'node:path';
import { NvrError } from '../../errors.js';
import { codeOf } from './disk.js';
import type { RecorderFs } from './types.js';

/** A path from the folder, with / between its levels, as a path of this system. Throws EINPUT for one that leads out of it. */
export function pathOf(root: string, file: string): string {
  const full = path.join(root, ...file.split('/'));
  if (path.isAbsolute(file) || full === root || !isWithin(root, full))
    throw new NvrError('EINPUT', 'The path leads out of the folder for clips.');
  return full;
}

/** A path of this system as one from the folder. */
export function below(root: string, full: string): string {
  return path.relative(root, full).split(path.sep).join('/');
}

/** Makes the levels one by one, so that a link that leads out is found before anything is made behind it. Answers the last one's path. */
export async function makeFolders(fs: RecorderFs, root: string, levels: readonly string[]): Promise<string> {
  let parent = root;
  for (const level of levels) {
    const next = path.join(parent, level);
    await fs.mkdir(next).catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error;
    });
    parent = await fs.realpath(next);
    if (!isWithin(root, parent))
      throw new NvrError('EINPUT', 'A link leads out of the folder for clips; nothing is written there.');
  }
  return parent;
}

export async function exists(fs: RecorderFs, full: string): Promise<boolean> {
  return fs.lstat(full).then(
    () => true,
    (error: unknown) => {
      if (codeOf(error) === 'ENOENT') return false;
      throw error;
    },
  );
}

/** A file, and no link; undefined where there is none. */
export async function plainFile(fs: RecorderFs, full: string): Promise<{ size: number } | undefined> {
  try {
    const found = await fs.lstat(full);
    return found.isFile() ? found : undefined;
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

function isWithin(root: string, inner: string): boolean {
  const relative = path.relative(root, inner);
  return relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative);
}
