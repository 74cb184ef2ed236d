// ffmpeg as the judge of pictures: makes real frames, decodes what we made, and says whether it complained.

import { spawnSync } from 'node:child_process';

import type { PlanarPicture } from '../../lib/media/jpeg/index.js';

/**
 * Runs ffmpeg with bytes on stdin; throws when it fails or complains, as a warning about a picture of ours is
 * a fault of ours.
 */
export function ffmpeg(args: readonly string[], input: Uint8Array = Buffer.alloc(0)): Buffer {
  const done = spawnSync('ffmpeg', ['-hide_banner', '-loglevel', 'warning', ...args], {
    input,
    maxBuffer: 256 * 1024 * 1024,
  });
  // What it says of its own small pictures too: the scaler of any yuvj420p, the MJPEG reader of a scan of a
  // few bytes.
  const lines = done.stderr.toString('latin1').split('\n');
  const complaint = lines
    .filter(
      (line) =>
        line !== '' && !/deprecated pixel format|EOI missing|bitrate parameter is set too low/.test(line),
    )
    .join('\n');
  if (done.status !== 0 || complaint !== '') throw new Error(`ffmpeg: ${complaint || String(done.status)}`);
  return done.stdout;
}

/** Views of planar 4:2:0 (or grey) bytes as ffmpeg's rawvideo lays them out. */
export function planesOf(raw: Uint8Array, width: number, height: number, grey = false): PlanarPicture {
  const cStride = (width + 1) >> 1;
  const chroma = cStride * ((height + 1) >> 1);
  const luma = width * height;
  const y = raw.subarray(0, luma);
  if (grey) return { width, height, y, yStride: width, cStride };
  return {
    width,
    height,
    y,
    yStride: width,
    cb: raw.subarray(luma, luma + chroma),
    cr: raw.subarray(luma + chroma, luma + 2 * chroma),
    cStride,
  };
}

/** One frame of a lavfi source (`testsrc2`, `mandelbrot` …). */
export function lavfiFrame(
  source: string,
  width: number,
  height: number,
  pixelFormat: string,
  skip = 0,
  scale = '',
): Buffer {
  const filter = `${scale}trim=start_frame=${String(skip)},setpts=PTS-STARTPTS,format=${pixelFormat}`;
  return ffmpeg([
    '-f',
    'lavfi',
    '-i',
    `${source}=s=${String(width)}x${String(height)}`,
    '-vf',
    filter,
    '-frames:v',
    '1',
    '-f',
    'rawvideo',
    '-',
  ]);
}

/** A JPEG's own planes, as stored. */
export function decodeJpeg(jpeg: Uint8Array, width: number, height: number, grey = false): PlanarPicture {
  const raw = ffmpeg(
    ['-f', 'jpeg_pipe', '-i', 'pipe:0', '-pix_fmt', grey ? 'gray' : 'yuvj420p', '-f', 'rawvideo', '-'],
    jpeg,
  );
  const expected = planesOf(raw, width, height, grey);
  const length = expected.y.length + (expected.cb?.length ?? 0) + (expected.cr?.length ?? 0);
  if (raw.length !== length)
    throw new Error(`the JPEG decodes to ${String(raw.length)} bytes instead of ${String(length)}`);
  return expected;
}

/** Decibels over all samples of both pictures' planes together; Infinity for equal ones. */
export function psnr(one: PlanarPicture, other: PlanarPicture): number {
  const pairs = [
    [one.y, one.yStride, other.y, other.yStride, one.width, one.height],
    [one.cb, one.cStride, other.cb, other.cStride, (one.width + 1) >> 1, (one.height + 1) >> 1],
    [one.cr, one.cStride, other.cr, other.cStride, (one.width + 1) >> 1, (one.height + 1) >> 1],
  ] as const;
  let squares = 0;
  let samples = 0;
  for (const [a, aStride, b, bStride, width, height] of pairs) {
    if (!a || !b) continue;
    for (let row = 0; row < height; row++) {
      for (let x = 0; x < width; x++) squares += (a[row * aStride + x]! - b[row * bStride + x]!) ** 2;
    }
    samples += width * height;
  }
  return squares === 0 ? Infinity : 10 * Math.log10((255 * 255 * samples) / squares);
}
