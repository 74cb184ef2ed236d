import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import path from 'node:path';
import { nodeRedProgram } from '../../lib/simulator/node-red-program.js';
import { itLong } from '../kit/cases.js';
import { SLOWLY, until } from '../kit/until.js';
import { ROOT, startDemo } from './demo-run.js';

describe('npm run demo', function () {
  this.timeout(180_000);

  it('as the command nvr-demo: takes the next port where its own is taken, finds the Node-RED on the PATH, and prints first what to open', async () => {
    const taken = net.createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as net.AddressInfo;
    const home = createRequire(path.join(process.env.NODE_RED_HOME ?? ROOT, 'package.json'));
    const bin = path.join(path.dirname(home.resolve('node-red/package.json')), '..', '.bin');
    const child = spawn(
      process.execPath,
      [path.join(ROOT, 'dist', 'lib', 'simulator', 'demo-cli.js'), '--port', String(port)],
      { cwd: '/', env: { ...process.env, NODE_RED_HOME: '/', PATH: bin } },
    );
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (text: Buffer) => (output += text.toString()));
    const exited = new Promise((resolve) => child.once('close', resolve));
    try {
      await Promise.race([until(() => output.includes('Ctrl-C'), SLOWLY), exited]);
      const page = /http:\S+/.exec(output)?.[0] ?? output;
      assert.match(output, /^\s*Open this page +http:/);
      assert.match(page, /\/nvr\/$/);
      assert.notEqual(new URL(page).port, String(port));
      assert.match(await (await fetch(page)).text(), /<nvr-video/);
    } finally {
      child.kill('SIGINT');
      taken.close();
    }
    assert.equal(await exited, 0, output);
  });

  it('says how to get a Node-RED where there is none', () => {
    assert.throws(
      () => nodeRedProgram('/', { NODE_RED_HOME: '/', PATH: '/nowhere' }, '/'),
      /npx -p node-red -p @nvr-flow\/node-red-mobotix-nvr nvr-demo/,
    );
  });

  itLong('ends cleanly on Ctrl-C', async () => {
    const before = fs.readdirSync(ROOT);
    const run = startDemo('--check');
    await until(() => run.output().includes('Node-RED runs on'), SLOWLY);
    const url = /http:\S+[^;\s]/.exec(run.output())![0];
    run.interrupt();
    assert.equal(await run.exited, 1);
    await assert.rejects(fetch(url), 'Node-RED is gone');
    assert.deepEqual(fs.readdirSync(ROOT), before);
  });
});
