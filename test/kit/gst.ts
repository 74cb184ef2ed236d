// Starts GStreamer's RTSP server for a test.

import { spawn, type ChildProcess } from 'node:child_process';
import path from 'node:path';
import readline from 'node:readline';

export interface GstOptions {
  /** Pipeline served at /live, in gst-launch syntax, with payloaders pay0, pay1 … */
  launch?: string;
  /** Further mount points: path and pipeline. */
  mounts?: Readonly<Record<string, string>>;
  auth?: 'none' | 'basic' | 'digest';
  password?: string;
  sessionTimeout?: number;
  certificate?: string;
  port?: number;
}

export interface GstServer {
  readonly port: number;
  /** The SESSION, TEARDOWN, CLOSED and EXPIRED lines so far. */
  readonly lines: string[];
  stop(): Promise<void>;
  kill(): Promise<void>;
}

export async function startGst(options: GstOptions): Promise<GstServer> {
  const args = [path.join(__dirname, '..', 'interop', 'gst-server.py')];
  if (options.launch !== undefined) args.push('--launch', options.launch);
  for (const [mount, launch] of Object.entries(options.mounts ?? {})) args.push('--also', mount, launch);
  if (options.port !== undefined) args.push('--port', String(options.port));
  if (options.auth !== undefined) args.push('--auth', options.auth);
  if (options.password !== undefined) args.push('--password', options.password);
  if (options.sessionTimeout !== undefined) args.push('--session-timeout', String(options.sessionTimeout));
  if (options.certificate !== undefined) args.push('--certificate', options.certificate);
  const child = spawn('/usr/bin/python3', args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (text: Buffer) => (errors = (errors + text.toString()).slice(-2000)));
  const exited = new Promise<void>((resolve) =>
    child.once('exit', () => {
      resolve();
    }),
  );
  const lines: string[] = [];
  const port = await new Promise<number>((resolve, reject) => {
    readline.createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(line);
      if (line.startsWith('PORT ')) resolve(Number(line.slice(5)));
    });
    void exited.then(() => {
      reject(new Error(`GStreamer's server ended: ${errors}`));
    });
  });
  return { port, lines, stop: () => end(child, exited, false), kill: () => end(child, exited, true) };
}

async function end(child: ChildProcess, exited: Promise<void>, hard: boolean): Promise<void> {
  if (hard) child.kill('SIGKILL');
  else child.stdin?.end();
  const timer = setTimeout(() => child.kill('SIGKILL'), 3000);
  await exited;
  clearTimeout(timer);
}
