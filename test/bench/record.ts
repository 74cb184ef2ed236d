// npm run bench:record: what the pre-roll of 16 cameras takes in memory, and what 16 clips at once cost beside as many ffmpeg processes. Prints a table in Markdown.

import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { build, built, folder, median, spread, startGenerator, usage } from './common.js';
import type { Clips, Memory } from './recorders.js';

const CAMERAS = 16;
const PRE_ROLL_MS = 10_000;
/** What runs for the first time is compiled first: it is told apart. */
const ROUNDS = 4;
const MEGABIT = 1024 * 1024;

interface Round extends Clips {
  /** Our CPU time by that of the ffmpegs. */
  readonly ratio: number;
  readonly seconds: number;
}

async function ask<T>(child: ChildProcess, word: string): Promise<T> {
  const answer = once(child, 'message');
  child.send(word);
  return ((await answer) as [T])[0];
}

function startFfmpegs(port: number, clips: string): ChildProcess[] {
  return Array.from({ length: CAMERAS }, (_, i) => {
    const input = ['-rtsp_transport', 'tcp', '-i', `rtsp://127.0.0.1:${port}/camera`];
    const output = ['-c', 'copy', '-y', path.join(clips, `ffmpeg-${i}.mp4`)];
    return spawn('ffmpeg', ['-v', 'error', '-nostdin', ...input, ...output], { stdio: 'ignore' });
  });
}

const cpuOf = (children: readonly ChildProcess[]): number =>
  children.reduce((sum, { pid }) => sum + usage(pid!).cpuMs, 0);

async function main(): Promise<void> {
  build();
  const clips = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-bench-clips-'));
  const generator = await startGenerator(8);
  const child = fork(built('recorders'), [String(generator.port), String(CAMERAS), clips], {
    execArgv: ['--expose-gc'],
  });
  let ffmpegs: ChildProcess[] = [];
  try {
    await wait(6000);
    const before = await ask<Memory>(child, 'memory');
    await ask(child, 'arm');
    await wait(PRE_ROLL_MS + 6000);
    const armed = await ask<Memory>(child, 'memory');
    const added = armed.arrayBuffers - before.arrayBuffers;

    ffmpegs = startFfmpegs(generator.port, clips);
    // ffmpeg takes its time to look at the streams; that is left out.
    await wait(7000);
    const readers = [[child], ffmpegs] as const;
    const rounds: Round[] = [];
    for (let i = 0; i < ROUNDS; i++) {
      const cpu = readers.map((children) => cpuOf(children));
      // A clip holds its pre-roll too: ffmpeg writes the same seconds while ours are kept in memory.
      await wait(PRE_ROLL_MS);
      const started = performance.now();
      const clip = await ask<Clips>(child, 'alarm');
      const [ours, theirs] = readers.map((children, k) => cpuOf(children) - cpu[k]!) as [number, number];
      rounds.push({ ...clip, ratio: ours / theirs, seconds: (performance.now() - started) / 1000 });
    }
    const [first, ...later] = rounds as [Round, ...Round[]];
    const waits = rounds.flatMap((round) => round.waits);
    const frames = rounds.flatMap((round) => round.frames);

    console.log(`Node.js ${process.version}, ${os.cpus().length} cores, ${CAMERAS} cameras of 4 Mbit/s.\n`);
    console.log('| what | measured | at most |\n| --- | --- | --- |');
    const inMb = (bytes: number): string => (bytes / MEGABIT).toFixed(1);
    console.log(
      `| array buffers of an armed pre-roll of 10 s, x its bytes (${inMb(armed.rings)} MiB) | ${(added / armed.rings).toFixed(2)} | 1.3 |`,
    );
    console.log(
      `| CPU of ${CAMERAS} clips at once, 10 s kept and ${first.seconds.toFixed(1)} s followed, x \`ffmpeg -c copy\`: the first of a process | ${first.ratio.toFixed(2)} | 1 |`,
    );
    console.log(`| the same, ${later.length} times more | ${spread(later.map(({ ratio }) => ratio))} | 1 |`);
    console.log(
      `| from the last frame to "finished", half and worst of ${waits.length} | ${median(waits)} ms, ${Math.max(...waits)} ms | 200 ms |`,
    );
    console.log(`\n${Math.min(...frames)} to ${Math.max(...frames)} frames a clip.`);
  } finally {
    for (const one of [child, generator.child, ...ffmpegs]) one.kill('SIGKILL');
    fs.rmSync(folder, { recursive: true, force: true });
    fs.rmSync(clips, { recursive: true, force: true });
  }
}

void main();
