// The name and version of this package, from its package.json.

import fs from 'node:fs';
import path from 'node:path';

let found: { name: string; version: string } | undefined;

export function ownPackage(): { name: string; version: string } {
  found ??= read(__dirname);
  return found;
}

/** In the sources and in the built package alike, it is the first package.json upwards. */
function read(folder: string): { name: string; version: string } {
  const file = path.join(folder, 'package.json');
  if (fs.existsSync(file)) {
    const { name, version } = JSON.parse(fs.readFileSync(file, 'utf8')) as Record<string, unknown>;
    if (typeof name === 'string' && typeof version === 'string') return { name, version };
  }
  const above = path.dirname(folder);
  return above === folder ? { name: 'unknown', version: 'unknown' } : read(above);
}
