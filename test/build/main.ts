// Compiles lib/ and nodes/ into dist/ and puts what is read at run time beside the compiled files: the
// editor's pages, icons, the view's page, the page that checks exports, the simulator's clips and the demo's
// page. With --if-stale: only where anything has changed since.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { editorPages } from './pages.js';
import { sourceHash } from './source-hash.js';

const ROOT = path.join(__dirname, '..', '..');
const from = (...parts: string[]): string => path.join(ROOT, ...parts);
const to = (...parts: string[]): string => path.join(ROOT, 'dist', ...parts);

const STAMP = to('.built-from');
if (process.argv.includes('--if-stale') && fs.existsSync(STAMP)) {
  if (fs.readFileSync(STAMP, 'utf8') === sourceHash(ROOT)) process.exit();
}

fs.rmSync(to(), { recursive: true, force: true });
const compiler = createRequire(__filename).resolve('typescript/bin/tsc');
execFileSync(process.execPath, [compiler, '-p', ROOT], { stdio: 'inherit' });

for (const [page, text] of editorPages()) {
  fs.mkdirSync(path.dirname(to('nodes', page)), { recursive: true });
  fs.writeFileSync(to('nodes', page), text);
}
fs.cpSync(from('nodes', 'shared', 'view'), to('nodes', 'shared', 'view'), {
  recursive: true,
  filter: (name) => !name.endsWith('.ts'),
});
fs.cpSync(from('icons'), to('nodes', 'icons'), { recursive: true });
fs.cpSync(from('lib', 'nvr', 'evidence', 'verify.html'), to('lib', 'nvr', 'evidence', 'verify.html'));
fs.cpSync(from('lib', 'simulator', 'clips'), to('lib', 'simulator', 'clips'), {
  recursive: true,
  filter: (name) => !name.endsWith('.sh'),
});
fs.cpSync(from('lib', 'simulator', 'demo'), to('lib', 'simulator', 'demo'), { recursive: true });
for (const command of ['cli.js', 'demo-cli.js']) fs.chmodSync(to('lib', 'simulator', command), 0o755);
fs.writeFileSync(STAMP, sourceHash(ROOT));
