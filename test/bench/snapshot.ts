// Snapshot speed and memory, each figure beside ffmpeg's in the same run: node --require tsx/cjs
// test/bench/snapshot.ts [pictures of the memory run, 1000 by default]

import { createRequire } from 'node:module';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';

import type * as JpegModule from '../../lib/media/jpeg/index.js';
import type * as FfmpegModule from '../../lib/nvr/snapshot/ffmpeg-fallback.js';
import type * as PoolModule from '../../lib/nvr/snapshot/snapshot-pool.js';
import { ffmpeg, lavfiFrame, planesOf } from '../kit/ffmpeg-judge.js';

/**
 * What is installed is measured, the built files: compiled on the fly for tests, the same code takes half as
 * long again.
 */
const built = (file: string): unknown => createRequire(__filename)(`../../dist/lib/${file}`);
const { toJpeg } = built('media/jpeg/index.js') as typeof JpegModule;
const { ffmpegSnapshot } = built('nvr/ffmpeg-fallback.js') as typeof FfmpegModule;
const { SnapshotPool } = built('nvr/snapshot-pool.js') as typeof PoolModule;

type Codec = 'h264' | 'h265';

const QUALITY = 80;

function keyframe(codec: Codec, width: number, height: number): Buffer {
  const encoder =
    codec === 'h264'
      ? ['-c:v', 'libx264', '-crf', '20']
      : ['-c:v', 'libx265', '-crf', '20', '-x265-params', 'log-level=none'];
  const input = [
    '-loglevel',
    'fatal',
    '-f',
    'lavfi',
    '-i',
    `mandelbrot=s=${width}x${height}`,
    '-vf',
    'trim=start_frame=40',
  ];
  return ffmpeg([
    ...input,
    '-frames:v',
    '1',
    '-pix_fmt',
    'yuv420p',
    ...encoder,
    '-f',
    codec === 'h264' ? 'h264' : 'hevc',
    '-',
  ]);
}

/** The fastest of some runs: what else the machine does only ever adds. */
async function fastest(times: number, work: () => unknown): Promise<number> {
  let best = Infinity;
  for (let n = 0; n < times; n++) {
    const start = performance.now();
    await work();
    best = Math.min(best, performance.now() - start);
  }
  return best;
}

/**
 * The longest stretch in which no timer ran, in the quietest of five rounds: a block of our own would show in
 * each of them.
 */
async function longestBlock(work: () => Promise<unknown>): Promise<number> {
  let quietest = Infinity;
  for (let round = 0; round < 5; round++) {
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    for (let n = 0; n < 5; n++) await work();
    delay.disable();
    quietest = Math.min(quietest, delay.max / 1e6 - 1);
  }
  return quietest;
}

function row(name: string, value: string): void {
  console.log(name.padEnd(58), value);
}

const ms = (value: number): string => `${value.toFixed(1)} ms`;

async function encoderAlone(): Promise<void> {
  for (const [width, height] of [
    [1920, 1080],
    [3840, 2160],
  ] as const) {
    const planes = planesOf(lavfiFrame('mandelbrot', width, height, 'yuv420p', 40), width, height);
    const work = (): unknown => toJpeg(planes, { quality: QUALITY, fullRange: false });
    await fastest(5, work);
    row(`JPEG alone, ${width} x ${height}`, ms(await fastest(9, work)));
  }
}

async function wholeWay(codec: Codec): Promise<void> {
  const pool = new SnapshotPool();
  const hd = keyframe(codec, 1920, 1080);
  const uhd = keyframe(codec, 3840, 2160);
  const decode = (data: Buffer) => () => pool.decode({ codec, data, quality: QUALITY });
  const start = performance.now();
  const first = decode(hd)();
  const held = performance.now() - start;
  await first;
  row(
    `${codec} 1080p keyframe of ${Math.round(hd.length / 1000)} KB, first picture`,
    `${ms(performance.now() - start)}; starting the thread holds the main one for ${ms(held)}`,
  );
  await fastest(8, decode(hd));
  const ours = await fastest(15, decode(hd));
  const theirs = await fastest(9, () =>
    ffmpegSnapshot({
      codec,
      data: hd,
      quality: QUALITY,
      ffmpegPath: '',
    }),
  );
  row(`${codec} 1080p, warm, in the worker`, ms(ours));
  row(
    `${codec} 1080p, ffmpeg spawned`,
    `${ms(theirs)}; ours takes ${(ours / theirs).toFixed(2)} of it (at most 0.5)`,
  );
  row(`${codec} main thread held at most`, `${ms(await longestBlock(decode(hd)))} (at most 5)`);

  await fastest(2, decode(uhd));
  const large = await fastest(7, decode(uhd));
  row(
    `${codec} 2160p keyframe of ${Math.round(uhd.length / 1000)} KB`,
    `${ms(large)}; ${(large / ours).toFixed(2)} x 1080p (at most 4.5)`,
  );
  await pool.close();
}

async function memory(codec: Codec, pictures: number): Promise<void> {
  const pool = new SnapshotPool();
  const data = keyframe(codec, 1280, 720);
  let after50 = 0;
  for (let n = 1; n <= pictures; n++) {
    await pool.decode({ codec, data, quality: QUALITY });
    if (n === 50) after50 = process.memoryUsage.rss();
  }
  const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const grown = process.memoryUsage.rss() - after50;
  row(
    `${codec} resident after 50 and ${pictures} pictures of 720p`,
    `${mib(after50)}, ${mib(after50 + grown)}: ${mib(grown)} more (at most 20)`,
  );
  await pool.close();
  await wait(1000);
  row(`${codec} resident once the worker has ended`, mib(process.memoryUsage.rss()));
}

async function main(): Promise<void> {
  const pictures = Math.max(51, Number(process.argv[2] ?? 1000));
  await encoderAlone();
  for (const codec of ['h264', 'h265'] as const) {
    await wholeWay(codec);
    await memory(codec, pictures);
  }
}

void main();
