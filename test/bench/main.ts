// npm run bench: what receiving costs, as ratios to a bare socket that reads the same bytes in the same run.
// Prints tables in Markdown.

import { execFile, execFileSync, fork, spawn, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { build, built, folder, median, spread, startGenerator, usage } from './common.js';
import type { Reading } from './reader.js';

const run = promisify(execFile);
const ROUNDS = 5;
const CAMERAS = 16;
const WINDOW_MS = 4000;
/** Enough for the fast readers, less for the slow ones. */
const MEGABYTES = { onread: 512, data: 512, library: 512, ffmpeg: 128, yellowstone: 128 };
type Kind = keyof typeof MEGABYTES;

function hasFfmpeg(): boolean {
  try {
    execFileSync('ffmpeg', ['-version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** The folder that holds yellowstone; undefined where npm cannot get it. */
async function installYellowstone(): Promise<string | undefined> {
  const prefix = path.join(folder, 'yellowstone');
  fs.mkdirSync(prefix);
  try {
    await run('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--prefix', prefix, 'yellowstone']);
    return prefix;
  } catch {
    console.log('yellowstone could not be installed: left out');
    return undefined;
  }
}

/** What the last seven eighths of a stream cost. */
async function read(kind: Kind, port: number, mode: string, yellowstone: string): Promise<Reading> {
  const megabytes = MEGABYTES[kind] / (mode === 'packets' ? 2 : 1);
  const warmUp = megabytes / 8;
  if (kind === 'ffmpeg') {
    const first = await readWithFfmpeg(port, mode, warmUp);
    const whole = await readWithFfmpeg(port, mode, megabytes);
    return {
      cpuMs: whole.cpuMs - first.cpuMs,
      wallMs: whole.wallMs - first.wallMs,
      bytes: whole.bytes - first.bytes,
      units: 0,
      peakRssMb: whole.peakRssMb,
    };
  }
  const at = `/${mode}?mb=${megabytes}`;
  const reader = [built('reader'), kind, String(port), at, String(warmUp), yellowstone];
  const { stdout } = await run(process.execPath, reader);
  return JSON.parse(stdout) as Reading;
}

async function readWithFfmpeg(port: number, mode: string, megabytes: number): Promise<Reading> {
  const input = ['-rtsp_transport', 'tcp', '-i', `rtsp://127.0.0.1:${port}/${mode}?mb=${megabytes}`];
  const started = performance.now();
  const { stderr } = await run(
    'ffmpeg',
    ['-v', 'info', '-nostdin', '-nostats', '-benchmark', ...input, '-c', 'copy', '-f', 'null', '-'],
    {
      maxBuffer: 64 << 20,
    },
  );
  const found = /utime=([\d.]+)s stime=([\d.]+)s.*\n?.*maxrss=(\d+)/.exec(stderr.replace(/\nbench: /g, ' '));
  if (found === null) throw new Error('ffmpeg printed no benchmark');
  return {
    cpuMs: (Number(found[1]) + Number(found[2])) * 1000,
    wallMs: performance.now() - started,
    bytes: megabytes * 1024 * 1024,
    units: 0,
    peakRssMb: Number(found[3]) / 1024,
  };
}

async function throughput(
  port: number,
  mode: string,
  kinds: readonly Kind[],
  yellowstone: string,
): Promise<void> {
  const secondsPerGb = new Map<Kind, number[]>(kinds.map((kind) => [kind, []]));
  const speed = new Map<Kind, number[]>(kinds.map((kind) => [kind, []]));
  const rss = new Map<Kind, number[]>(kinds.map((kind) => [kind, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const kind of kinds) {
      const reading = await read(kind, port, mode, yellowstone).catch((error: unknown) => {
        // It throws out of its socket's callback now and then.
        if (kind !== 'yellowstone') throw error;
      });
      if (reading === undefined) continue;
      const { cpuMs, wallMs, bytes, peakRssMb } = reading;
      secondsPerGb.get(kind)!.push(cpuMs / 1000 / (bytes / 1e9));
      speed.get(kind)!.push(bytes / 1e6 / (wallMs / 1000));
      rss.get(kind)!.push(peakRssMb);
    }
  }
  const floor: Kind =
    median(secondsPerGb.get('data')!) < median(secondsPerGb.get('onread')!) ? 'data' : 'onread';
  const base = median(secondsPerGb.get(floor)!);
  const names: Record<Kind, string> = {
    onread: 'bare socket, `onread`',
    data: "bare socket, 'data'",
    library: '**this library, access units**',
    ffmpeg: '`ffmpeg -c copy -f null`',
    yellowstone: 'yellowstone, framing only',
  };
  console.log(`\n### ${mode === 'bulk' ? '64 KB writes' : 'One write per RTP packet'}\n`);
  console.log('| reader | CPU s/GB | spread | x floor | MB/s | x floor | peak RSS MB | x floor |');
  console.log('| --- | --- | --- | --- | --- | --- | --- | --- |');
  for (const kind of kinds) {
    const cpu = secondsPerGb.get(kind)!;
    if (cpu.length < ROUNDS)
      console.log(`| ${names[kind]}: crashed in ${ROUNDS - cpu.length} of ${ROUNDS} runs |`);
    if (cpu.length === 0) continue;
    const ratios = [
      [median(cpu).toFixed(2), spread(cpu), (median(cpu) / base).toFixed(2)],
      [
        median(speed.get(kind)!).toFixed(0),
        (median(speed.get(kind)!) / median(speed.get(floor)!)).toFixed(2),
      ],
      [median(rss.get(kind)!).toFixed(0), (median(rss.get(kind)!) / median(rss.get(floor)!)).toFixed(2)],
    ].flat();
    console.log(`| ${names[kind]}${kind === floor ? ' (the floor)' : ''} | ${ratios.join(' | ')} |`);
  }
}

/** All readers at once, so that each window is the same for all. */
async function cameras(port: number, withFfmpeg: boolean): Promise<void> {
  const readers: Record<string, ChildProcess[]> = {
    floor: [fork(built('cameras'), ['floor', String(port), String(CAMERAS)])],
    library: [fork(built('cameras'), ['library', String(port), String(CAMERAS)])],
  };
  if (withFfmpeg) {
    const input = ['-rtsp_transport', 'tcp', '-i', `rtsp://127.0.0.1:${port}/camera`];
    readers.ffmpeg = Array.from({ length: CAMERAS }, () =>
      spawn('ffmpeg', ['-v', 'quiet', '-nostdin', ...input, '-c', 'copy', '-f', 'null', '-'], {
        stdio: 'ignore',
      }),
    );
  }
  // ffmpeg takes its time to look at the streams.
  await wait(7000);
  const sum = (children: readonly ChildProcess[]): ReturnType<typeof usage> =>
    children
      .map(({ pid }) => usage(pid!))
      .reduce((a, b) => ({ cpuMs: a.cpuMs + b.cpuMs, rssMb: a.rssMb + b.rssMb }));
  const percent = new Map<string, number[]>(Object.keys(readers).map((kind) => [kind, []]));
  for (let round = 0; round < ROUNDS; round++) {
    const before = Object.fromEntries(
      Object.entries(readers).map(([kind, children]) => [kind, sum(children).cpuMs]),
    );
    const started = performance.now();
    await wait(WINDOW_MS);
    const took = performance.now() - started;
    for (const [kind, children] of Object.entries(readers))
      percent.get(kind)!.push(((sum(children).cpuMs - before[kind]!) / took / CAMERAS) * 100);
  }
  const floor = median(percent.get('floor')!);
  console.log(`\n### ${CAMERAS} cameras of 4 Mbit/s\n`);
  console.log('| reader | CPU % per camera | spread | x floor | MB per camera |');
  console.log('| --- | --- | --- | --- | --- |');
  const names: Record<string, string> = {
    floor: 'bare sockets, one process (the floor)',
    library: '**this library, one process**',
    ffmpeg: `${CAMERAS} x \`ffmpeg -c copy -f null\``,
  };
  for (const [kind, children] of Object.entries(readers)) {
    const cpu = percent.get(kind)!;
    const memory = sum(children).rssMb / CAMERAS;
    console.log(
      `| ${names[kind]!} | ${median(cpu).toFixed(2)} | ${spread(cpu)} | ${(median(cpu) / floor).toFixed(2)} | ${memory.toFixed(1)} |`,
    );
  }
  for (const child of Object.values(readers).flat()) child.kill('SIGKILL');
}

async function main(): Promise<void> {
  const only = process.argv[2];
  build();
  const ffmpeg = hasFfmpeg();
  if (!ffmpeg) throw new Error('The bench makes its clip with ffmpeg, which is not installed.');
  const yellowstone = only === undefined ? await installYellowstone() : undefined;
  const generator = await startGenerator(Math.max(...Object.values(MEGABYTES)));
  try {
    const kinds: Kind[] = ['onread', 'data', 'library'];
    if (only !== 'quick') kinds.push('ffmpeg');
    if (yellowstone !== undefined) kinds.push('yellowstone');
    console.log(
      `Node.js ${process.version}, ${os.cpus().length} cores, loopback, 1.4 KB packets; medians of ${ROUNDS} runs, round robin.`,
    );
    for (const mode of ['bulk', 'packets']) await throughput(generator.port, mode, kinds, yellowstone ?? '');
    if (only !== 'quick') await cameras(generator.port, ffmpeg);
  } finally {
    generator.child.kill();
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

void main();
