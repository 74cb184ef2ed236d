// The folder of an export: named `….part` until it is complete, and removed again if it cannot be finished.

import path from 'node:path';
import { NvrError } from '../../errors.js';
import { folderMode, makeFolders, openBelow, type Place } from '../recorder/below.js';
import { safeName } from '../recorder/file-name.js';
import type { RecorderFs } from '../recorder/types.js';

/** Subfolder of the clip folder. */
const EXPORTS = 'exports';
const PART = '.part';
const MAX_SUFFIX = 9999;

/** Full paths of the exports that this process is writing: any other `.part` was left by a crash. */
const writing = new Set<string>();

export class ExportFolder {
  private constructor(
    private readonly fs: RecorderFs,
    private readonly root: string,
    private readonly name: string,
    private readonly mode: number,
    private readonly owner: string | undefined,
  ) {}

  /**
   * Rejects with EBUSY if an export of this name is being written, or with the file system's error. `mode` is
   * that of its files; `owner` is the writer, if others may use the folder.
   */
  static async open(
    fs: RecorderFs,
    root: string,
    asked: string,
    mode: number,
    owner?: string,
  ): Promise<ExportFolder> {
    const name = safeName(asked);
    const key = path.join(root, EXPORTS, name);
    if (writing.has(key))
      throw new NvrError('EBUSY', `An export of the name "${name}" is being written; wait for its end.`);
    writing.add(key);
    try {
      await removeParts(fs, root, owner, new Set([name]));
      await makeFolders(fs, root, [EXPORTS, name + endingOf(owner)], folderMode(mode));
      return new ExportFolder(fs, root, name, mode, owner);
    } catch (error) {
      writing.delete(key);
      throw error;
    }
  }

  place(file: string): Promise<Place> {
    return openBelow(this.fs, this.root, `${this.part}/${file}`);
  }

  async write(file: string, text: string | Buffer): Promise<void> {
    const handle = await (await this.place(file)).open('create', this.mode);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  /** Renames the folder, with a number added if the name is taken. Returns its path from the clip folder. */
  async finish(): Promise<string> {
    const part = await openBelow(this.fs, this.root, this.part);
    for (let suffix = 1; suffix <= MAX_SUFFIX; suffix++) {
      const name = suffix === 1 ? this.name : `${this.name}-${suffix}`;
      if (await (await openBelow(this.fs, this.root, `${EXPORTS}/${name}`)).exists()) continue;
      await part.rename(name);
      this.unreserve();
      return `${EXPORTS}/${name}`;
    }
    throw new NvrError(
      'EDISK',
      `The names from ${this.name} to ${this.name}-${MAX_SUFFIX} are all in use; delete some of these exports, or choose another name.`,
    );
  }

  /** Removes the folder, as far as the disk permits. Never rejects. */
  async giveUp(): Promise<void> {
    this.unreserve();
    await removePart(this.fs, this.root, this.name + endingOf(this.owner)).catch(() => undefined);
  }

  private get part(): string {
    return `${EXPORTS}/${this.name}${endingOf(this.owner)}`;
  }

  private unreserve(): void {
    writing.delete(path.join(this.root, EXPORTS, this.name));
  }
}

/**
 * Removes what a crash left of the owner's exports, and the exports named in `but` even though this process
 * has reserved them. Never rejects.
 */
export async function removeParts(
  fs: RecorderFs,
  root: string,
  owner?: string,
  but: ReadonlySet<string> = new Set(),
): Promise<void> {
  const ending = endingOf(owner);
  const names = await fs.readdir(path.join(root, EXPORTS)).catch((): string[] => []);
  for (const part of names.filter((one) => one.endsWith(ending))) {
    const name = part.slice(0, -ending.length);
    if (writing.has(path.join(root, EXPORTS, name)) && !but.has(name)) continue;
    await removePart(fs, root, part).catch(() => undefined);
  }
}

function endingOf(owner: string | undefined): string {
  return owner === undefined ? PART : `@${owner}${PART}`;
}

/** Exports have no subfolders: anything deeper was not made by us and stays. */
async function removePart(fs: RecorderFs, root: string, part: string): Promise<void> {
  const full = path.join(root, EXPORTS, part);
  // Links were not made by us, so they stay.
  if ((await fs.realpath(full)) !== full) return;
  for (const name of await fs.readdir(full))
    await (await openBelow(fs, root, `${EXPORTS}/${part}/${name}`)).remove();
  await fs.rmdir(full);
}
