// A folder on a disk that is full, read-only, slow or missing: for this process only, by replacing functions
// of node:fs/promises.

import fs from 'node:fs';
import promises, { type FileHandle } from 'node:fs/promises';
import path from 'node:path';

const SLOW_MS = 300;
const WRITES = ['write', 'writev', 'appendFile', 'writeFile'] as const;

const sick: SickDisk[] = [];
const open = promises.open;

export class SickDisk {
  state: 'well' | 'full' | 'read-only' | 'slow' = 'well';

  constructor(readonly folder: string) {
    fs.mkdirSync(folder, { recursive: true });
    sick.push(this);
    promises.open = openSick;
  }

  remove(): void {
    fs.rmSync(this.folder, { recursive: true, force: true });
  }

  bringBack(): void {
    fs.mkdirSync(this.folder, { recursive: true });
  }

  /** The last instance restores the functions. */
  close(): void {
    sick.splice(sick.indexOf(this), 1);
    if (sick.length === 0) promises.open = open;
  }

  /** Call before a write. */
  async suffer(): Promise<void> {
    if (this.state === 'full') throw refusal('ENOSPC');
    if (this.state === 'slow') await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
  }
}

async function openSick(...given: Parameters<typeof open>): Promise<FileHandle> {
  const disk = sick.find(({ folder }) => String(given[0]).startsWith(folder + path.sep));
  const isForWriting = given[1] !== undefined && given[1] !== 'r' && given[1] !== fs.constants.O_RDONLY;
  if (disk?.state === 'read-only' && isForWriting) throw refusal('EROFS');
  const handle = await open(...given);
  if (disk === undefined) return handle;
  for (const name of WRITES) {
    const write = handle[name].bind(handle) as (...parts: unknown[]) => Promise<unknown>;
    Object.assign(handle, {
      [name]: async (...parts: unknown[]) => {
        await disk.suffer();
        if (disk.state === 'read-only') throw refusal('EROFS');
        return write(...parts);
      },
    });
  }
  return handle;
}

function refusal(code: string): Error {
  return Object.assign(new Error(code), { code });
}
