// A folder that each test has anew, and that is gone after it.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** Call in `describe`. `use` gets the folder's path, without links, before each test. */
export function useFolder(use: (folder: string) => void): void {
  let folder: string;
  beforeEach(() => {
    folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-test-')));
    use(folder);
  });
  afterEach(() => {
    fs.rmSync(folder, { recursive: true, force: true });
  });
}
