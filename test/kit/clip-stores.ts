// Real stores for clips, each with its folder on a free port: Debian's rclone as a WebDAV server, and s3rver
// as an S3-compatible one (npm install --global s3rver).

import { spawn, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { freePort } from '../../lib/simulator/ports.js';

export interface ClipStore {
  /** What a worker has in its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Where what was put lies, at any depth. */
  readonly folder: string;
  stop(): Promise<void>;
}

const ACCOUNT = { user: 'clips', password: 'store-secret-password' };
const BUCKET = 'clips';

export async function startWebdav(): Promise<ClipStore> {
  const { user, password } = ACCOUNT;
  return start((port, folder) => ({
    program: [
      'rclone',
      'serve',
      'webdav',
      folder,
      '--addr',
      `127.0.0.1:${port}`,
      '--user',
      user,
      '--pass',
      password,
    ],
    env: { CLIPS_URL: `http://127.0.0.1:${port}`, CLIPS_KEY: user, CLIPS_SECRET: password },
  }));
}

/** Its key and secret are those that s3rver knows. It refuses other keys, and does not judge signatures. */
export async function startS3(): Promise<ClipStore> {
  return start((port, folder) => ({
    program: [
      ...['s3rver', '--directory', folder, '--address', '127.0.0.1', '--port', String(port)],
      ...['--configure-bucket', BUCKET, '--silent'],
    ],
    env: {
      CLIPS_URL: `http://127.0.0.1:${port}/${BUCKET}`,
      ...{ CLIPS_KEY: 'S3RVER', CLIPS_SECRET: 'S3RVER', CLIPS_REGION: 'us-east-1' },
    },
  }));
}

async function start(
  make: (port: number, folder: string) => { program: string[]; env: Readonly<Record<string, string>> },
): Promise<ClipStore> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-store-'));
  const port = await freePort(0);
  const { program, env } = make(port, folder);
  const [name = '', ...args] = program;
  const child = spawn(name, args, { stdio: 'ignore' });
  const exited = new Promise<void>((resolve) =>
    child.once('exit', () => {
      resolve();
    }),
  );
  await listening(child, port);
  return {
    env,
    folder,
    stop: async () => {
      child.kill();
      await exited;
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function listening(child: ChildProcess, port: number): Promise<void> {
  while (child.exitCode === null) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = net.connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => {
        resolve(false);
      });
    });
    if (isOpen) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`the store ended with ${child.exitCode}`);
}
