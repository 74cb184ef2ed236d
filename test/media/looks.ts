// Judges of pictures: streams of known colours and shapes of pixels, and how far from them a JPEG of either
// decoder is.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';

import { jpegSize } from '../../lib/media/jpeg/size.js';
import { SnapshotMaker } from '../../lib/media/snapshot-job.js';
import { ffmpegSnapshot } from '../../lib/nvr/snapshot/ffmpeg-fallback.js';
import { ffmpeg } from '../kit/ffmpeg-judge.js';

export type Codec = 'h264' | 'h265';

/** Kr and Kb by code of table E.5. */
const WEIGHTS: Record<number, readonly [kr: number, kb: number]> = {
  1: [0.2126, 0.0722],
  4: [0.3, 0.11],
  5: [0.299, 0.114],
  6: [0.299, 0.114],
  7: [0.212, 0.087],
  9: [0.2627, 0.0593],
};

/** Colours that cameras see, as red, green and blue. */
const PATCHES = [
  [200, 60, 40],
  [40, 160, 60],
  [50, 70, 190],
  [210, 190, 60],
  [128, 128, 128],
  [230, 230, 225],
  [25, 20, 30],
  [90, 170, 180],
] as const;

/** Samples of `[r, g, b]` by a matrix. */
function samples([r, g, b]: readonly [number, number, number], matrix: number, full: boolean): number[] {
  const [kr, kb] = WEIGHTS[matrix]!;
  const y = kr * r + (1 - kr - kb) * g + kb * b;
  const cb = (b - y) / (2 * (1 - kb));
  const cr = (r - y) / (2 * (1 - kr));
  const [gain, zero, chroma] = full ? [1, 0, 1] : [219 / 255, 16, 224 / 255];
  return [y * gain + zero, cb * chroma + 128, cr * chroma + 128].map(Math.round);
}

/** Planar 4:2:0 of eight vertical stripes. */
export function stripes(width: number, height: number, matrix: number, full: boolean): Buffer {
  const colours = PATCHES.map((rgb) => samples(rgb, matrix, full));
  const plane = (w: number, h: number, channel: number): Buffer => {
    const line = Buffer.from(
      Array.from({ length: w }, (_, x) => colours[Math.floor((8 * x) / w)]![channel]!),
    );
    return Buffer.concat(Array.from({ length: h }, () => line));
  };
  return Buffer.concat([
    plane(width, height, 0),
    plane(width / 2, height / 2, 1),
    plane(width / 2, height / 2, 2),
  ]);
}

/** The middle of each stripe of a JPEG, and how far it is from its colour at most. */
export function distance(jpeg: Uint8Array, width: number, height: number): number {
  const rgb = ffmpeg(
    [
      '-f',
      'jpeg_pipe',
      '-i',
      'pipe:0',
      '-vf',
      `crop=${width}:2:0:${height >> 1},format=rgb24`,
      '-f',
      'rawvideo',
      '-',
    ],
    jpeg,
  );
  let furthest = 0;
  for (const [n, colour] of PATCHES.entries()) {
    const at = 3 * Math.floor(((n + 0.5) * width) / 8);
    for (const channel of [0, 1, 2])
      furthest = Math.max(furthest, Math.abs(rgb[at + channel]! - colour[channel]!));
  }
  return furthest;
}

export function encode(
  codec: Codec,
  raw: Buffer,
  width: number,
  height: number,
  vui: string,
  more: string[] = [],
): Buffer {
  const size = `${String(width)}x${String(height)}`;
  const quiet = codec === 'h264' ? 'log=-1' : 'log-level=none';
  return ffmpeg(
    [
      ...['-loglevel', 'fatal', '-f', 'rawvideo', '-pix_fmt', 'yuv420p', '-s', size, '-i', 'pipe:0', ...more],
      ...[
        '-c:v',
        codec === 'h264' ? 'libx264' : 'libx265',
        codec === 'h264' ? '-x264-params' : '-x265-params',
      ],
      ...[`${quiet}:qp=6${vui}`, '-f', codec === 'h264' ? 'h264' : 'hevc', '-'],
    ],
    raw,
  );
}

/** The shape of a pixel as a JPEG's JFIF header has it. */
export function density(jpeg: Uint8Array): string {
  assert.equal(jpeg[13], 0, 'a shape, no unit');
  return `${String((jpeg[14]! << 8) | jpeg[15]!)}:${String((jpeg[16]! << 8) | jpeg[17]!)}`;
}

const maker = new SnapshotMaker();

export interface ColourCase {
  readonly what: string;
  readonly width: number;
  readonly height: number;
  /** What its samples mean, by table E.5. */
  readonly matrix: number;
  readonly full: boolean;
  /** What it says of that, as x264 and x265 have it. */
  readonly vui: Readonly<Record<Codec, string>>;
}

const both = (vui: string): Record<Codec, string> => ({ h264: vui, h265: vui });

export const COLOURS: readonly ColourCase[] = [
  { what: 'unsaid, of 720 lines', width: 256, height: 720, matrix: 1, full: false, vui: both('') },
  {
    what: 'of BT.601 in 720 lines',
    width: 256,
    height: 720,
    matrix: 6,
    full: false,
    vui: both(':colormatrix=smpte170m'),
  },
  { what: 'unsaid, of 576 lines', width: 256, height: 576, matrix: 6, full: false, vui: both('') },
  {
    what: 'of BT.709 in few lines',
    width: 256,
    height: 144,
    matrix: 1,
    full: false,
    vui: both(':colormatrix=bt709'),
  },
  { what: 'unsaid, portrait', width: 64, height: 1280, matrix: 1, full: false, vui: both('') },
  {
    what: 'unsaid but for a full range',
    width: 256,
    height: 720,
    matrix: 1,
    full: true,
    vui: { h264: ':fullrange=on', h265: ':range=full' },
  },
  { what: 'of BT.2020', width: 256, height: 144, matrix: 9, full: false, vui: both(':colormatrix=bt2020nc') },
  {
    what: 'of SMPTE 240M',
    width: 256,
    height: 144,
    matrix: 7,
    full: false,
    vui: both(':colormatrix=smpte240m'),
  },
  {
    what: 'of BT.470 BG in 720 lines',
    width: 256,
    height: 720,
    matrix: 5,
    full: false,
    vui: both(':colormatrix=bt470bg'),
  },
];

/** Both decoders' pictures have the colours that the stream means. */
export async function judgeColours(
  codec: Codec,
  { width, height, matrix, full, vui }: ColourCase,
): Promise<void> {
  const data = encode(codec, stripes(width, height, matrix, full), width, height, vui[codec]);
  const job = { codec, data, quality: 100, ffmpegPath: '' };
  const ours = distance(maker.make(job).data, width, height);
  const theirs = distance(await ffmpegSnapshot(job), width, height);
  assert.ok(ours <= 3 && theirs <= 4, `off by ${String(ours)}, ffmpeg's by ${String(theirs)}`);
}

/** A picture of 352 x 64 says what its pixels are like, or is `square` pixels wide where it is asked for. */
export async function judgeShape(codec: Codec, sar: string, square: number): Promise<void> {
  const data = encode(codec, stripes(352, 64, 6, false), 352, 64, '', [
    '-vf',
    `setsar=${sar.replace(':', '/')}`,
  ]);
  const job = { codec, data, quality: 90, ffmpegPath: '' };
  for (const jpeg of [maker.make(job).data, await ffmpegSnapshot(job)]) {
    assert.deepEqual(
      { density: density(jpeg), size: jpegSize(jpeg) },
      { density: sar, size: { width: 352, height: 64 } },
    );
    assert.equal(shapeByFfmpeg(jpeg), sar);
  }
  const squared = { ...job, squarePixels: true };
  for (const jpeg of [maker.make(squared).data, await ffmpegSnapshot(squared)]) {
    assert.deepEqual(
      { density: density(jpeg), size: jpegSize(jpeg) },
      { density: '1:1', size: { width: square, height: 64 } },
    );
    const off = distance(jpeg, square, 64);
    assert.ok(off <= 5, String(off));
  }
  const small = { ...squared, width: 200 };
  assert.deepEqual(jpegSize(maker.make(small).data), jpegSize(await ffmpegSnapshot(small)));
}

/** How much each line differs from both its neighbours. */
export function combs(grey: Uint8Array, width: number): number {
  let sum = 0;
  for (let at = width; at < grey.length - width; at++)
    sum += Math.max(0, Math.abs(2 * grey[at]! - grey[at - width]! - grey[at + width]!) - 16);
  return sum;
}

/** What a player makes of it. */
function shapeByFfmpeg(jpeg: Uint8Array): string {
  const done = spawnSync(
    'ffprobe',
    [
      '-v',
      'error',
      '-f',
      'jpeg_pipe',
      '-i',
      '-',
      '-show_entries',
      'stream=sample_aspect_ratio',
      '-of',
      'csv=p=0',
    ],
    { input: jpeg },
  );
  return done.stdout.toString().trim();
}
