// Which package this is, as its package.json says.

import fs from 'node:fs';
import path from 'node:path';

let found: { name: string; version: string } | undefined;

export function ownPackage(): { name: string; version: string } {
  found ??= read(__dirname);
  return found;
}

/** Compiled or not, it is the first package.json on the way up. */
function read(folder: string): { name: string; version: string } {
  const file = path.join(folder, 'package.json');
  if (fs.existsSync(file)) {
    const { name, version } = JSON.parse(fs.readFileSync(file, 'utf8')) as Record<string, unknown>;
    if (typeof name === 'string' && typeof version === 'string') return { name, version };
  }
  const above = path.dirname(folder);
  return above === folder ? { name: 'unknown', version: 'unknown' } : read(above);
}
