// Decodes with an installed ffmpeg what the built-in decoders cannot: one short-lived process per picture,
// bounded in time, input and output.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import path from 'node:path';

import { splitAnnexB } from '../../codec/annexb.js';
import { H264_NAL } from '../../codec/h264/nal.js';
import { parseH264Sps } from '../../codec/h264/sps.js';
import { H265_NAL } from '../../codec/h265/nal.js';
import { parseH265Sps } from '../../codec/h265/sps.js';
import type { VideoCodec, VideoFormat } from '../../codec/unit.js';
import { NvrError } from '../../errors.js';
import { shownMatrix } from '../../media/jpeg/matrix.js';
import { MAX_SQUARED } from '../../media/jpeg/scale.js';
import { BoundedQueue } from './bounded-queue.js';

export interface FfmpegJob {
  readonly codec: VideoCodec;
  /** Annex B with parameter sets, or a JPEG. */
  readonly data: Buffer;
  /** 1..100. */
  readonly quality: number;
  /** In pixels; a wider picture is scaled down to this width. */
  readonly width?: number;
  /** Scale to square pixels if the camera's are not. */
  readonly squarePixels?: boolean;
  /** The camera, as an identity for fair queueing: the camera that has used less time goes first. */
  readonly camera?: object;
  /** A path, a name to look for on PATH, or '' for `ffmpeg` on PATH. */
  readonly ffmpegPath: string;
}

interface FfmpegBounds {
  /** Milliseconds. */
  timeBound?: number;
  /** Bytes of the picture. */
  outputBytes?: number;
}

const queue = new BoundedQueue(2, 16, 'ffmpeg fallback');

/**
 * Resolves to a JPEG. Rejects with EUNSUPPORTED if there is no ffmpeg, with EDECODE if it fails, outputs
 * nothing, outputs too much or takes too long, and with EBUSY if too many jobs are waiting.
 */
export function ffmpegSnapshot(job: FfmpegJob, bounds: FfmpegBounds = {}): Promise<Buffer> {
  return queue.run(async () => run(await findFfmpeg(job.ffmpegPath), job, bounds), job.camera);
}

/**
 * The absolute path of an executable file. PATH is searched here and not by the system, so that an empty or
 * missing PATH never finds a file in the current folder.
 */
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

/** How long to wait for a killed process, in ms. */
const REAP_MS = 250;

function run(program: string, job: FfmpegJob, bounds: FfmpegBounds): Promise<Buffer> {
  const { timeBound = 10_000, outputBytes = 64 * 1024 * 1024 } = bounds;
  return new Promise((resolve, reject) => {
    const child = spawn(program, argumentsFor(job), {
      shell: false,
      windowsHide: true,
      // Its own process group, so that processes which a wrapper script has started are killed with it.
      detached: OWN_GROUP,
      stdio: ['pipe', 'pipe', 'pipe'],
      env: environmentFor(process.env),
    });
    const chunks: Buffer[] = [];
    let length = 0;
    let complaint = '';
    let failure: NvrError | undefined;
    const settle = (code: number | null): void => {
      if (!running.delete(child)) return;
      clearTimeout(timer);
      // Do not wait for other processes that still hold the pipes.
      for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe.destroy();
      const picture = Buffer.concat(chunks, Math.min(length, outputBytes));
      if (failure) reject(failure);
      else if (code === 0 && picture.length > 3 && picture[0] === 0xff && picture[1] === 0xd8)
        resolve(picture);
      else
        reject(
          new NvrError(
            'EDECODE',
            `ffmpeg made no picture of the keyframe: ${firstLine(complaint) || (code === 0 ? 'it wrote nothing' : `exit code ${String(code)}`)}`,
          ),
        );
    };
    const stop = (error: NvrError): void => {
      if (failure) return;
      failure = error;
      endGroup(child);
      clearTimeout(timer);
      timer = setTimeout(settle, REAP_MS, null);
    };
    let timer = setTimeout(() => {
      stop(new NvrError('EDECODE', `ffmpeg took more than ${String(timeBound / 1000)} s for one picture`));
    }, timeBound);
    track(child);
    child.stdout.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > outputBytes) stop(new NvrError('EDECODE', 'ffmpeg wrote more than a picture can have'));
      else chunks.push(chunk);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      if (complaint.length < 500) complaint = (complaint + chunk.toString('latin1')).slice(0, 500);
    });
    // ffmpeg closes its input as soon as it has its picture; that is not an error.
    for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe.on('error', () => undefined);
    child.on('error', (error) => {
      failure ??= new NvrError('EUNSUPPORTED', `ffmpeg cannot be started: ${error.message}`);
    });
    child.on('exit', () => {
      if (failure) settle(null);
    });
    // 'close' comes when the process has ended and its pipes are closed, also after 'error'.
    child.on('close', settle);
    child.stdin.end(job.data);
  });
}

const OWN_GROUP = process.platform !== 'win32';
const running = new Set<ChildProcess>();

/** A process in its own group outlives Node unless it is killed; one that hangs would stay forever. */
function track(child: ChildProcess): void {
  if (running.size === 0 && process.listeners('exit').every((listener) => listener !== endAll))
    process.on('exit', endAll);
  running.add(child);
}

function endAll(): void {
  for (const child of running) endGroup(child);
}

function endGroup(child: ChildProcess): void {
  child.kill('SIGKILL');
  if (!OWN_GROUP || child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has already ended.
  }
}

/**
 * The same limit as the built-in decoders': 8192 x 4608. A header can claim any size, and ffmpeg would
 * allocate it.
 */
const MAX_PIXELS = 8192 * 4608;

/** `-xerror` refuses a picture with parts that the decoder had to make up. */
function argumentsFor(job: FfmpegJob): string[] {
  const { codec } = job;
  const demuxer = { h264: 'h264', h265: 'hevc', mjpeg: 'jpeg_pipe' }[codec];
  return [
    ...['-hide_banner', '-loglevel', 'error', ...(codec === 'mjpeg' ? [] : ['-xerror'])],
    ...['-threads', '1', '-max_pixels', String(MAX_PIXELS), '-f', demuxer, '-i', 'pipe:0'],
    ...['-an', '-frames:v', '1', '-vf', filtersFor(job)],
    ...['-c:v', 'mjpeg', '-qmin', '1', '-q:v', String(quantizerScale(job.quality))],
    ...['-f', 'image2pipe', 'pipe:1'],
  ];
}

/** ffmpeg's names for the matrix codes of H.264 and H.265 (table E.5). */
const MATRIX_NAMES: Readonly<Record<number, string>> = {
  1: 'bt709',
  4: 'fcc',
  5: 'bt601',
  6: 'bt601',
  7: 'smpte240m',
  9: 'bt2020',
};

/**
 * Filters that give the same result as the built-in decoders: JFIF's colours (BT.601, full range), the same
 * size, and the same pixel shape. yadif leaves progressive frames unchanged.
 */
function filtersFor(job: FfmpegJob): string {
  const output = 'out_color_matrix=bt601:out_range=pc';
  const pixels = 'format=yuvj420p';
  if (job.codec === 'mjpeg') return `scale=${sizeFor(job, undefined)}${output},${pixels}`;
  const { sar, colour, height } = lookOf(job.codec, job.data);
  const matrix = MATRIX_NAMES[shownMatrix(colour?.matrix, height)]!;
  const shape = sar && job.squarePixels !== true ? `${sar.width}/${sar.height}` : '1';
  return [
    ...(job.codec === 'h264' ? ['yadif=deint=interlaced'] : []),
    `scale=${sizeFor(job, sar)}in_color_matrix=${matrix}:${output}`,
    `setsar=${shape}`,
    pixels,
  ].join(',');
}

/** Size, pixel shape and colours from the keyframe's own SPS. */
function lookOf(codec: 'h264' | 'h265', data: Buffer): Pick<VideoFormat, 'height' | 'sar' | 'colour'> {
  for (const nal of splitAnnexB(data)) {
    const type = codec === 'h264' ? nal[0]! & 31 : (nal[0]! >> 1) & 63;
    const sps =
      codec === 'h264' && type === H264_NAL.sps
        ? parseH264Sps(nal)
        : codec === 'h265' && type === H265_NAL.sps
          ? parseH265Sps(nal)
          : undefined;
    if (sps) return sps;
  }
  return { height: 0 };
}

/** `-2` keeps the aspect ratio with even numbers; `min` prevents enlarging. */
function sizeFor({ width, squarePixels }: FfmpegJob, sar: VideoFormat['sar']): string {
  const most = width === undefined ? undefined : Math.max(2, Math.floor(width / 2) * 2);
  if (squarePixels !== true || !sar) return most === undefined ? '' : `w='min(iw,${most})':h=-2:flags=area:`;
  const natural = `iw*${sar.width}/${sar.height}`;
  const widest = Math.min(most ?? MAX_SQUARED, MAX_SQUARED);
  const lines = `if(gt(${natural},${widest}),2*round(ih*${widest}/(${natural})/2),ih)`;
  return `w='min(${widest},2*round(${natural}/2))':h='${lines}':`;
}

/** libjpeg scales its tables by 50 / q or 2 - q / 50; ffmpeg's 8 is about 100 %. */
function quantizerScale(quality: number): number {
  const percent = quality < 50 ? 5000 / Math.max(1, quality) : 200 - 2 * quality;
  return Math.min(31, Math.max(1, Math.round((percent * 8) / 100)));
}

/** Only the variables that a program needs to start: the runtime's environment may hold secrets. */
function environmentFor(own: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const names = ['PATH', 'Path', 'HOME', 'LD_LIBRARY_PATH', 'SystemRoot', 'TEMP', 'TMP'];
  return Object.fromEntries(names.flatMap((name) => (own[name] === undefined ? [] : [[name, own[name]]])));
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]!.trim().slice(0, 200);
}
