// What the build is made of, as one hash: contents and not times, which a checkout changes.

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

const SOURCES = ['lib', 'nodes', 'icons', 'test/build', 'package.json', 'package-lock.json', 'tsconfig.json'];

export function sourceHash(root: string): string {
  const hash = createHash('sha256');
  for (const source of SOURCES) add(path.join(root, source), source);
  return hash.digest('hex');

  function add(file: string, name: string): void {
    if (fs.statSync(file).isDirectory()) {
      for (const entry of fs.readdirSync(file).sort()) add(path.join(file, entry), `${name}/${entry}`);
      return;
    }
    const content = fs.readFileSync(file);
    hash.update(`${name}\n${content.length}\n`).update(content);
  }
}
