'use strict';
// `npm run test:unit`: all test files, four at a time, with more arguments for mocha. Those that open a
// browser are spread among the others, since four browsers at once slow each other down to their time-outs.
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

/** The files with a browser are begun within this share of the list, so that none is left for the end. */
const SPREAD = 0.8;

const root = path.join(__dirname, '..');
const files = fs
  .readdirSync(__dirname, { recursive: true })
  .map((name) => path.posix.join('test', name.split(path.sep).join('/')))
  .filter((name) => name.endsWith('.test.ts'))
  .sort();
const withBrowser = files.filter((name) => name.startsWith('test/e2e/'));
const list = files.filter((name) => !name.startsWith('test/e2e/'));
const step = Math.floor((list.length * SPREAD) / withBrowser.length) + 1;
for (const [index, name] of withBrowser.entries()) list.splice(index * step, 0, name);

const mocha = require.resolve('mocha/bin/mocha.js');
const args = [mocha, '--parallel', '--jobs', '4', ...process.argv.slice(2), ...list];
process.exitCode = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' }).status ?? 1;
