'use strict';
// `npm run checks`: build, types and lint side by side, each told as it ends. Exit code 1 where one of them
// fails.
const { spawn } = require('node:child_process');

function run(script) {
  return new Promise((resolve) => {
    const child = spawn('npm', ['run', '--silent', script], {
      shell: process.platform === 'win32',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const parts = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => parts.push(part));
    child.on('error', (error) => parts.push(Buffer.from(String(error))));
    child.on('close', (code) => {
      console.log(`${script}: ${code === 0 ? 'ok' : 'failed'}`);
      process.stdout.write(Buffer.concat(parts));
      resolve(code === 0);
    });
  });
}

Promise.all(['build', 'typecheck', 'lint'].map(run)).then((ended) => {
  if (ended.includes(false)) process.exitCode = 1;
});
