import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';

const ROOT = path.join(__dirname, '..', '..');
const DEMO = path.join(__dirname, 'main.ts');

interface Run {
  readonly pid: number;
  readonly output: () => string;
  readonly exited: Promise<number | null>;
  interrupt(): void;
}

/** As `npm run demo` starts it, with the built nodes. */
function start(...args: string[]): Run {
  const child = spawn(process.execPath, ['--require', 'tsx/cjs', DEMO, ...args], { cwd: ROOT });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text: Buffer) => (output += text.toString()));
  return {
    pid: child.pid!,
    output: () => output,
    exited: new Promise((resolve) => child.once('close', resolve)),
    interrupt: () => child.kill('SIGINT'),
  };
}

async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setTimeout(resolve, 50));
}

describe('npm run demo', function () {
  this.timeout(180_000);

  it('-- --check: every example flow delivers, what it delivers is real, and nothing is left behind', async () => {
    const before = fs.readdirSync(ROOT);
    const run = start('--check');
    assert.equal(await run.exited, 0, run.output());
    const examples = fs.readdirSync(path.join(ROOT, 'examples')).map((name) => path.basename(name, '.json'));
    for (const name of examples)
      assert.match(run.output(), new RegExp(`${name.replace(/[^\w ]/g, '.')} +yes`));
    assert.deepEqual(fs.readdirSync(ROOT), before);
  });

  it('says clearly that a port is taken', async () => {
    const server = net.createServer();
    // Whoever has the port, this test or something else, it is taken.
    await new Promise<void>((resolve) => {
      server.once('error', () => {
        resolve();
      });
      server.listen(1880, '127.0.0.1', () => {
        resolve();
      });
    });
    try {
      const run = start();
      assert.equal(await run.exited, 1);
      assert.match(run.output(), /Port 1880 is taken/);
      assert.doesNotMatch(run.output(), /\n\s+at /);
    } finally {
      server.close();
    }
  });

  it('ends cleanly on Ctrl-C', async () => {
    const before = fs.readdirSync(ROOT);
    const run = start('--check');
    await until(() => run.output().includes('Node-RED runs on'));
    const url = /http:\S+[^;\s]/.exec(run.output())![0];
    run.interrupt();
    assert.equal(await run.exited, 1);
    await assert.rejects(fetch(url), 'Node-RED is gone');
    assert.deepEqual(fs.readdirSync(ROOT), before);
  });
});
