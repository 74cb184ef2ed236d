'use strict';
// `npm run checks`: build and lint side by side, each told as it ends. `npm test` (with `--test`): the build,
// and then the tests, with the lint beside them at a lower priority. Exit code 1 where one of them fails. The
// lint looks at the types too.
const { spawn } = require('node:child_process');
const os = require('node:os');

function npm(args, options) {
  return spawn('npm', ['run', '--silent', ...args], { shell: process.platform === 'win32', ...options });
}

/** Resolves to the sentence and the output to print, and whether the script succeeded. */
function check(script, priority = os.constants.priority.PRIORITY_NORMAL) {
  return new Promise((resolve) => {
    const child = npm([script], { stdio: ['ignore', 'pipe', 'pipe'] });
    const parts = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => parts.push(part));
    child.on('error', (error) => parts.push(Buffer.from(String(error))));
    child.on('close', (code) => {
      resolve({ script, isOk: code === 0, output: Buffer.concat(parts) });
    });
    // What it starts has its priority.
    if (child.pid !== undefined) os.setPriority(child.pid, priority);
  });
}

function tell({ script, isOk, output }) {
  console.log(`${script}: ${isOk ? 'ok' : 'failed'}`);
  process.stdout.write(output);
  return isOk;
}

/** The tests, with `args` for mocha. */
function test(args) {
  return new Promise((resolve) => {
    const child = npm(['test:unit', '--', ...args], { stdio: 'inherit' });
    child.on('error', (error) => {
      console.error(String(error));
      resolve(false);
    });
    child.on('close', (code) => {
      resolve(code === 0);
    });
  });
}

async function main([mode, ...args]) {
  if (mode !== '--test') return Promise.all(['build', 'lint'].map((script) => check(script).then(tell)));
  if (!tell(await check('build'))) return [false];
  const { PRIORITY_LOW } = os.constants.priority;
  const lint = check('lint', PRIORITY_LOW);
  const isTested = await test(args);
  return [isTested, tell(await lint)];
}

main(process.argv.slice(2)).then((ended) => {
  if (ended.includes(false)) process.exitCode = 1;
});
