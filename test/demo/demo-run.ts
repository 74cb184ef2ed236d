// `npm run demo` as a process of its own.

import { spawn } from 'node:child_process';
import path from 'node:path';

export const ROOT = path.join(__dirname, '..', '..');
const DEMO = path.join(__dirname, 'main.ts');

export interface Run {
  readonly pid: number;
  readonly output: () => string;
  readonly exited: Promise<number | null>;
  interrupt(): void;
}

/** As `npm run demo` starts it, with the built nodes. */
export function startDemo(...args: string[]): Run {
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
