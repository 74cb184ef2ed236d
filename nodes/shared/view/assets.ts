// The static files of a view's page. `nvr-video.js` is assembled here from its parts, so that users load a
// single file.

import fs from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import zlib from 'node:zlib';

interface Asset {
  readonly type: string;
  readonly files: readonly string[];
}

interface Served {
  readonly type: string;
  readonly plain: Buffer;
  readonly gzipped: Buffer;
}

const SCRIPT = 'text/javascript; charset=utf-8';
const ELEMENT_PARTS = [
  'texts',
  'connection',
  'player',
  'direct-player',
  'replay',
  'clip-replay',
  'style',
  'element',
  'moving',
];
const ASSETS: Readonly<Record<string, Asset>> = {
  '/': { type: 'text/html; charset=utf-8', files: ['page.html'] },
  '/page.js': { type: SCRIPT, files: ['page.js'] },
  '/timeline.js': { type: SCRIPT, files: ['timeline.js'] },
  '/page.css': { type: 'text/css; charset=utf-8', files: ['page.css'] },
  '/nvr-video.js': { type: SCRIPT, files: ELEMENT_PARTS.map((part) => `nvr-video/${part}.js`) },
};

const gzip = promisify(zlib.gzip);
const loaded = new Map<string, Promise<Served>>();

/** Undefined if there is no such file. Rejects if it is missing from the package. */
export function asset(name: string): Promise<Served> | undefined {
  if (!Object.hasOwn(ASSETS, name)) return undefined;
  let served = loaded.get(name);
  if (served === undefined) {
    served = load(ASSETS[name]!);
    loaded.set(name, served);
    // Do not cache the failure; the file may exist next time.
    served.catch(() => loaded.delete(name));
  }
  return served;
}

async function load({ type, files }: Asset): Promise<Served> {
  const parts = await Promise.all(files.map((file) => fs.readFile(path.join(__dirname, file), 'utf8')));
  const text = parts.length === 1 ? parts[0]! : element(parts);
  const plain = Buffer.from(text);
  return { type, plain, gzipped: await gzip(plain) };
}

/** The parts share a scope that is hidden from the page. A page may load the file twice. */
function element(parts: readonly string[]): string {
  return [
    '// <nvr-video src="/nvr/view/gate/" channel="1">: a camera of a view node, moving, in any page.',
    '(() => {',
    "'use strict';",
    "if (customElements.get('nvr-video') !== undefined) return;",
    ...parts,
    "customElements.define('nvr-video', NvrVideo);",
    'window.nvrFlow = { connectionTo, move };',
    '})();',
    '',
  ].join('\n');
}
