import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { startSimulator } from '../lib/simulator/index.js';

const ROOT = path.join(__dirname, '..');

describe('the library’s README', () => {
  it('has an example that prints keyframes as it stands', async () => {
    const code = /```ts\n([\s\S]*?)```/.exec(
      fs.readFileSync(path.join(ROOT, 'lib', 'README.md'), 'utf8'),
    )![1]!;
    assert.ok(code.trim().split('\n').length <= 12);
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-readme-'));
    const file = path.join(folder, 'example.mts');
    const entry = path.join(ROOT, 'lib', 'index.ts').replaceAll('\\', '/');
    fs.writeFileSync(file, code.replace('@nvr-flow/node-red-mobotix-nvr/lib', entry));
    const simulator = await startSimulator();
    const child = spawn(process.execPath, ['--import', 'tsx', file, simulator.url(1)], { cwd: ROOT });
    try {
      const line = await new Promise<string>((resolve, reject) => {
        let errors = '';
        child.stdout.once('data', (text: Buffer) => {
          resolve(text.toString());
        });
        child.stderr.on('data', (text: Buffer) => (errors += text.toString()));
        child.once('exit', () => {
          reject(new Error(errors));
        });
      });
      assert.match(line, /^640 \d{3,}/);
    } finally {
      child.kill();
      await simulator.stop();
      fs.rmSync(folder, { recursive: true, force: true });
    }
  });

  it('names tests that exist', () => {
    const page = fs.readFileSync(path.join(ROOT, 'lib', 'README.md'), 'utf8');
    const table = page.split('## What real servers do wrong')[1]!;
    const rows = [...table.matchAll(/^\| `([a-z0-9-]+)`\s*\|.*\| ([^|]+?)\s*\|$/gm)];
    assert.equal(rows.length, table.match(/^\| `/gm)!.length, 'each row names a quirk and its tests');
    assert.ok(rows.length >= 28, `${rows.length} quirks`);
    for (const [, quirk, tests] of rows) {
      const files = [...tests!.matchAll(/`([^`]+)`/g)].map(([, name]) =>
        path.join(__dirname, `${name!}.test.ts`),
      );
      for (const file of files) assert.ok(fs.existsSync(file), `${quirk!}: ${file}`);
      const named = new RegExp(`quirk ${quirk!}:`);
      assert.ok(
        files.some((file) => named.test(fs.readFileSync(file, 'utf8'))),
        `no test is named after ${quirk!}`,
      );
    }
  });

  it('knows every quirk that the code names', () => {
    const table = fs.readFileSync(path.join(ROOT, 'lib', 'README.md'), 'utf8');
    for (const file of fs.readdirSync(path.join(ROOT, 'lib'), { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.ts')) continue;
      const code = fs.readFileSync(path.join(ROOT, 'lib', file), 'utf8');
      for (const [, quirk] of code.matchAll(/quirk: ([a-z0-9-]+)/g))
        assert.ok(table.includes(`\`${quirk!}\``), `${file}: ${quirk!}`);
    }
  });
});
