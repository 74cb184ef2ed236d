import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import { RawClient } from '../kit/raw-client.js';

const ROOT = path.join(__dirname, '../..');

/** Runs TypeScript in a process of its own. */
function run(
  script: string,
  ...args: string[]
): { child: ChildProcess; out: () => string; err: () => string } {
  const child = spawn(process.execPath, ['--require', 'tsx/cjs', script, ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (text: Buffer) => (out += text.toString()));
  child.stderr.on('data', (text: Buffer) => (err += text.toString()));
  return { child, out: () => out, err: () => err };
}

const cli = (...args: string[]): ReturnType<typeof run> => run('lib/simulator/cli.ts', ...args);

describe('nvr-simulator', () => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`plays on the loopback interface until ${signal}, and ends with a client connected`, async () => {
      const { child, out } = cli(
        '--rtsp-port',
        '0',
        '--http-port',
        '0',
        '--codec',
        '2=h265',
        '--audio',
        'pcmu',
      );
      await once(child.stdout!, 'data');
      const port = Number(/rtsp:\/\/127\.0\.0\.1:(\d+)\/live\?ch=0000&stype=M/.exec(out())![1]);
      const client = await RawClient.connect(port);
      await client.play(`rtsp://127.0.0.1:${port}/live?ch=0001&stype=D`);
      await client.packets(0, 1);
      child.kill(signal);
      const [code] = (await once(child, 'exit')) as [number | null];
      assert.equal(code, 0);
      await client.closed;
    });
  }

  it('names a taken port, and ends with 1', async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const port = (server.address() as net.AddressInfo).port;
    for (const [option, other] of [
      ['--rtsp-port', '--http-port'],
      ['--http-port', '--rtsp-port'],
    ] as const) {
      const { child, err } = cli(option, String(port), other, '0');
      const [code] = (await once(child, 'close')) as [number];
      assert.equal(code, 1);
      assert.match(err(), new RegExp(`port ${port} is taken`));
    }
    server.close();
  });

  it('tells its options, and which one it does not take', async () => {
    const help = cli('--help');
    assert.deepEqual(await once(help.child, 'close'), [0, null]);
    for (const option of ['--rtsp-port', '--channels', '--user', '--codec', '--help'])
      assert.ok(help.out().includes(option), option);
    for (const [args, text] of [
      [['--rtsp-port', 'http'], /--rtsp-port must be a whole number from 0 to 65535/],
      [['--codec', 'vp9'], /--codec must be one of/],
      [['--unheard-of'], /unheard-of/],
    ] as const) {
      const { child, err } = cli(...args);
      assert.deepEqual(await once(child, 'close'), [1, null]);
      assert.match(err(), text);
    }
  });

  it('leaves nothing behind when stopped: a process that used it ends by itself', async () => {
    const { child, err } = run('test/simulator/use-and-stop.ts');
    assert.deepEqual(await once(child, 'close'), [0, null], err());
  });
});
