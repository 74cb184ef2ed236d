// Clips whose pictures carry their number as a bar code that survives encoding, so that displayed pictures
// can be matched with those sent.

import { execFileSync } from 'node:child_process';

export interface CounterClip {
  readonly width: number;
  readonly height: number;
  /** Pictures per second. */
  readonly rate: number;
  readonly seconds: number;
  /** Number of pictures per GOP. */
  readonly gop: number;
  readonly megabits?: number;
  readonly bFrames?: number;
  readonly codec?: 'h264' | 'h265';
  /** First number. */
  readonly from?: number;
}

/** Bits of a number. */
export const COUNTER_BITS = 10;
/**
 * Blocks of the bar at the bottom of a picture: white; the number's bits, highest first; black; and the
 * lowest bits again, inverted.
 */
export const COUNTER_BLOCKS = 16;
const CHECK_BITS = COUNTER_BLOCKS - 2 - COUNTER_BITS;

/**
 * ffmpeg's arguments up to the output: a moving picture with the bar, encoded without look-ahead like a
 * camera.
 */
export function counterArguments(clip: CounterClip): string[] {
  const { width, height, rate, seconds, gop, megabits, bFrames = 0, codec = 'h264', from = 0 } = clip;
  const top = height - Math.floor(height / 8);
  const block = width / COUNTER_BLOCKS;
  const box = (index: number, enable: string): string =>
    `drawbox=x=${Math.round(index * block)}:y=${top}:w=${Math.round(block)}:h=${height - top}:color=white:t=fill:enable='${enable}'`;
  const bit = (power: number): string => `mod(floor((n+${from})/${2 ** power}),2)`;
  const bar = [
    `drawbox=x=0:y=${top}:w=${width}:h=${height - top}:color=black:t=fill`,
    box(0, '1'),
    ...Array.from({ length: COUNTER_BITS }, (_, at) => box(1 + at, bit(COUNTER_BITS - 1 - at))),
    ...Array.from({ length: CHECK_BITS }, (_, at) =>
      box(2 + COUNTER_BITS + at, `1-${bit(CHECK_BITS - 1 - at)}`),
    ),
  ];
  const source = `testsrc2=s=${width}x${height}:r=${rate}:d=${seconds}`;
  const bits =
    megabits === undefined
      ? []
      : ['-b:v', `${megabits}M`, '-maxrate', `${megabits}M`, '-bufsize', `${megabits / 2}M`];
  // An encoder that chooses by itself uses no B-frames for pictures as noisy as these.
  const common = `keyint=${gop}:min-keyint=${gop}:scenecut=0:bframes=${bFrames}:b-adapt=0`;
  const encoder =
    codec === 'h264'
      ? ['libx264', '-x264-params', `${common}:aud=1:sliced-threads=0`]
      : ['libx265', '-x265-params', `${common}:aud=1:repeat-headers=1:log-level=none`];
  return [
    ...['-v', 'error', '-f', 'lavfi', '-i', source],
    ...['-vf', ['noise=alls=8:allf=t', ...bar].join(','), '-pix_fmt', 'yuv420p'],
    ...['-c:v', ...encoder, '-preset', 'superfast', ...bits],
  ];
}

/** The elementary stream, with a delimiter before each access unit. */
export function counterStream(clip: CounterClip): Buffer {
  const format = clip.codec === 'h265' ? 'hevc' : 'h264';
  return execFileSync('ffmpeg', [...counterArguments(clip), '-f', format, '-'], { maxBuffer: 128 << 20 });
}
