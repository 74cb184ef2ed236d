// What the built-in decoders refuse, an installed ffmpeg may read: one short-lived process a picture, bounded in time, input and output.

import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import path from 'node:path';

import type { VideoCodec } from '../codec/unit.js';
import { NvrError } from '../errors.js';
import { BoundedQueue } from './bounded-queue.js';

export interface FfmpegJob {
  readonly codec: VideoCodec;
  /** Annex B with parameter sets, or a JPEG. */
  readonly data: Buffer;
  /** 1..100. */
  readonly quality: number;
  /** Pixels; a wider picture is made this wide. */
  readonly width?: number;
  /** A path, a name to look for on PATH, or '' for `ffmpeg` on PATH. */
  readonly ffmpegPath: string;
}

export interface FfmpegBounds {
  /** Milliseconds. */
  timeBound?: number;
  /** Bytes of the picture. */
  outputBytes?: number;
}

const queue = new BoundedQueue(2, 16, 'ffmpeg fallback');

/** One JPEG. NvrError EUNSUPPORTED where there is no ffmpeg to run, EDECODE where it fails, says nothing, says too much or takes too long, EBUSY when too many wait. */
export function ffmpegSnapshot(job: FfmpegJob, bounds: FfmpegBounds = {}): Promise<Buffer> {
  return queue.run(async () => run(await findFfmpeg(job.ffmpegPath), job, bounds));
}

/** The absolute path of an executable file. Looked up by hand: an empty or missing PATH then finds nothing, the current folder least of all. */
export async function findFfmpeg(
  configured: string,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  const name = configured === '' ? 'ffmpeg' : configured;
  const isPath = path.basename(name) !== name;
  const folders = isPath
    ? ['']
    : (environment.PATH ?? environment.Path ?? '')
        .split(path.delimiter)
        .filter((folder) => path.isAbsolute(folder));
  const endings = process.platform === 'win32' ? ['.exe', ''] : [''];
  for (const folder of folders) {
    for (const ending of endings) {
      const file = path.resolve(folder, name + ending);
      if (await isExecutable(file)) return file;
    }
  }
  throw new NvrError(
    'EUNSUPPORTED',
    isPath
      ? `there is no program at ${name}: correct the path of ffmpeg`
      : `${name} is not installed, or not on PATH`,
  );
}

async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function run(program: string, job: FfmpegJob, bounds: FfmpegBounds): Promise<Buffer> {
  const { timeBound = 10_000, outputBytes = 64 * 1024 * 1024 } = bounds;
  return new Promise((resolve, reject) => {
    const child = spawn(program, argumentsFor(job), {
      shell: false,
      windowsHide: true,
      stdio: ['pipe', 'pipe', 'pipe'],
      env: environmentFor(process.env),
    });
    const chunks: Buffer[] = [];
    let length = 0;
    let complaint = '';
    let failure: NvrError | undefined;
    const stop = (error: NvrError): void => {
      failure ??= error;
      child.kill('SIGKILL');
    };
    const timer = setTimeout(() => {
      stop(new NvrError('EDECODE', `ffmpeg took more than ${String(timeBound / 1000)} s for one picture`));
    }, timeBound);
    child.stdout.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > outputBytes) stop(new NvrError('EDECODE', 'ffmpeg wrote more than a picture can have'));
      else chunks.push(chunk);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      if (complaint.length < 500) complaint = (complaint + chunk.toString('latin1')).slice(0, 500);
    });
    // ffmpeg closes its input as soon as it has its picture: not an error.
    child.stdin.on('error', () => undefined);
    child.on('error', (error) => {
      failure ??= new NvrError('EUNSUPPORTED', `ffmpeg cannot be started: ${error.message}`);
    });
    // 'close' comes once the process is reaped and its pipes are at their ends, after 'error' too.
    child.on('close', (code) => {
      clearTimeout(timer);
      const picture = Buffer.concat(chunks, Math.min(length, outputBytes));
      if (failure) reject(failure);
      else if (code === 0 && picture.length > 3 && picture[0] === 0xff && picture[1] === 0xd8)
        resolve(picture);
      else
        reject(
          new NvrError(
            'EDECODE',
            `ffmpeg made no picture of the keyframe: ${firstLine(complaint) || `exit code ${String(code)}`}`,
          ),
        );
    });
    child.stdin.end(job.data);
  });
}

/** The colours become JFIF's (BT.601, full range) as the built-in encoder's do; -2 keeps the aspect in even numbers; `min` never makes a picture larger. */
function argumentsFor(job: FfmpegJob): string[] {
  const format = { h264: 'h264', h265: 'hevc', mjpeg: 'jpeg_pipe' }[job.codec];
  const size =
    job.width === undefined
      ? ''
      : `w='min(iw,${String(Math.max(2, Math.floor(job.width / 2) * 2))})':h=-2:flags=area:`;
  const filter = `scale=${size}out_color_matrix=bt601:out_range=pc,format=yuvj420p`;
  return [
    ...['-hide_banner', '-loglevel', 'error', '-threads', '1', '-f', format, '-i', 'pipe:0'],
    ...[
      '-an',
      '-frames:v',
      '1',
      '-vf',
      filter,
      '-c:v',
      'mjpeg',
      '-qmin',
      '1',
      '-q:v',
      String(quantizerScale(job.quality)),
      '-f',
      'image2pipe',
      'pipe:1',
    ],
  ];
}

/** libjpeg scales its tables by 50 / q or 2 - q / 50; ffmpeg's 8 is about 100 %. */
function quantizerScale(quality: number): number {
  const percent = quality < 50 ? 5000 / Math.max(1, quality) : 200 - 2 * quality;
  return Math.min(31, Math.max(1, Math.round((percent * 8) / 100)));
}

/** No more than a program needs to start: the runtime's environment may hold secrets. */
function environmentFor(own: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const names = ['PATH', 'Path', 'HOME', 'LD_LIBRARY_PATH', 'SystemRoot', 'TEMP', 'TMP'];
  return Object.fromEntries(names.flatMap((name) => (own[name] === undefined ? [] : [[name, own[name]]])));
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]!.trim().slice(0, 200);
}
