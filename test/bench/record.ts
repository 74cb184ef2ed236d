// npm run bench:record: what the pre-roll of 16 cameras takes in memory, and what 16 clips at once cost
// beside as many ffmpeg processes. Prints a table in Markdown.

import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { build, built, endedCpuMs, folder, median, spread, startGenerator, usage } from './common.js';
import type { Clips, Memory } from './recorders.js';

const CAMERAS = 16;
const PRE_ROLL_MS = 10_000;
const POST_ROLL_MS = 5_000;
const ROUNDS = 3;
const MEGABIT = 1024 * 1024;

interface Round extends Clips {
  /** Our CPU time by that of the ffmpegs. */
  readonly ratio: number;
}

async function ask<T>(child: ChildProcess, word: string): Promise<T> {
  const answer = once(child, 'message');
  child.send(word);
  return ((await answer) as [T])[0];
}

function startFfmpegs(port: number, clips: string, limit: readonly string[] = []): ChildProcess[] {
  return Array.from({ length: CAMERAS }, (_, i) => {
    const input = ['-rtsp_transport', 'tcp', '-i', `rtsp://127.0.0.1:${port}/camera`];
    const output = [...limit, '-c', 'copy', '-y', path.join(clips, `ffmpeg-${i}.mp4`)];
    return spawn('ffmpeg', ['-v', 'error', '-nostdin', ...input, ...output], { stdio: 'ignore' });
  });
}

const cpuOf = (children: readonly ChildProcess[]): number =>
  children.reduce((sum, { pid }) => sum + usage(pid!).cpuMs, 0);

/** Clips of the same seconds, by us and by processes that are started for them and end with them. */
async function clipRound(child: ChildProcess, port: number, clips: string): Promise<Round> {
  const [ours, theirs] = [cpuOf([child]), endedCpuMs()];
  const ffmpegs = startFfmpegs(port, clips, ['-t', String((PRE_ROLL_MS + POST_ROLL_MS) / 1000)]);
  const ended = Promise.all(ffmpegs.map((ffmpeg) => once(ffmpeg, 'exit')));
  await wait(PRE_ROLL_MS);
  const clip = await ask<Clips>(child, 'alarm');
  const spent = cpuOf([child]) - ours;
  await ended;
  return { ...clip, ratio: spent / (endedCpuMs() - theirs) };
}

/** The same beside processes that have been writing for some time. */
async function steadyRound(child: ChildProcess, ffmpegs: readonly ChildProcess[]): Promise<Round> {
  const [ours, theirs] = [cpuOf([child]), cpuOf(ffmpegs)];
  await wait(PRE_ROLL_MS);
  const clip = await ask<Clips>(child, 'alarm');
  return { ...clip, ratio: (cpuOf([child]) - ours) / (cpuOf(ffmpegs) - theirs) };
}

const ratios = (rounds: readonly Round[]): string => spread(rounds.map(({ ratio }) => ratio));

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

    const rounds: Round[] = [];
    for (let i = 0; i < ROUNDS; i++) rounds.push(await clipRound(child, generator.port, clips));
    ffmpegs = startFfmpegs(generator.port, clips);
    // ffmpeg looks at the streams first.
    await wait(7000);
    const steady: Round[] = [];
    for (let i = 0; i < ROUNDS; i++) steady.push(await steadyRound(child, ffmpegs));
    const waits = [...rounds, ...steady].flatMap((round) => round.waits);
    const frames = [...rounds, ...steady].flatMap((round) => round.frames);

    console.log(`Node.js ${process.version}, ${os.cpus().length} cores, ${CAMERAS} cameras of 4 Mbit/s.\n`);
    console.log('| what | measured | at most |\n| --- | --- | --- |');
    const inMb = (bytes: number): string => (bytes / MEGABIT).toFixed(1);
    console.log(
      `| array buffers of an armed pre-roll of 10 s, x its bytes (${inMb(armed.rings)} MiB) | ${(added / armed.rings).toFixed(2)} | 1.3 |`,
    );
    const seconds = `${PRE_ROLL_MS / 1000} s kept and ${POST_ROLL_MS / 1000} s followed`;
    console.log(
      `| CPU of ${CAMERAS} clips at once, ${seconds}, x as many \`ffmpeg -c copy -t 15\` | ${ratios(rounds)} | 1 |`,
    );
    console.log(`| the same, x as many \`ffmpeg -c copy\` that write all the time | ${ratios(steady)} | |`);
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
