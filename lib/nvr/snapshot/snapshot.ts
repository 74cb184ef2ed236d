// A picture of a camera now: the keyframe its hub keeps, or the next one to come, made into a JPEG by
// whatever this machine has.

import { performance } from 'node:perf_hooks';
import type { VideoUnit } from '../../codec/unit.js';
import { asNvrError, NvrError } from '../../errors.js';
import { jpegSize } from '../../media/jpeg/size.js';
import { ffmpegSnapshot } from './ffmpeg-fallback.js';
import type { FfmpegJob } from './ffmpeg-fallback.js';
import { nextKeyframe } from '../camera/next-keyframe.js';
import { sharedSnapshotPool } from './snapshot-pool.js';
import type { SnapshotPool } from './snapshot-pool.js';
import type { CameraHub } from '../types.js';

export interface SnapshotOptions {
  format: 'jpeg' | 'keyframe';
  /** 1..100. */
  quality: number;
  /** Pixels; absent: as the camera sends it. A smaller picture is never made larger. */
  width?: number;
  /**
   * Pixels of another shape (D1 cameras have them) are made square; otherwise the JPEG says what shape they
   * are.
   */
  squarePixels?: boolean;
  /** Seconds a kept keyframe may be old; 0 waits for the next one. */
  maxAge: number;
  /** Seconds to wait for a keyframe. Decoding has a bound of its own. */
  timeout: number;
  decoder: 'auto' | 'builtin' | 'ffmpeg';
  /** '' looks for `ffmpeg` on PATH. */
  ffmpegPath: string;
  /** Ends the wait for a keyframe with EUNREACHABLE; a picture in the making is finished. */
  signal?: AbortSignal;
}

export interface Snapshot {
  /** Shared by simultaneous triggers: never write to it. */
  data: Buffer;
  contentType: 'image/jpeg' | 'video/h264' | 'video/h265';
  /** The keyframe it was made of. */
  unit: VideoUnit;
  /** Pixels of the picture in `data`. */
  width: number;
  height: number;
  /** Milliseconds since the keyframe arrived. */
  ageMs: number;
  /** The picture is not what was asked for, and what to do about it. */
  warning?: NvrError;
}

export interface SnapshotTools {
  pool?: SnapshotPool;
  ffmpeg?: (job: FfmpegJob) => Promise<Buffer>;
}

type Picture = Pick<Snapshot, 'data' | 'contentType' | 'width' | 'height' | 'warning'>;

/**
 * NvrError: what the hub gives up with (EAUTH, ECHANNEL …) at once; ETIMEDOUT when no media came in time,
 * ENOKEYFRAME when media came without one; EBUSY, EDECODE, EUNSUPPORTED of the decoder. With decoder `auto`
 * the last two give the keyframe itself and a warning.
 */
export async function takeSnapshot(
  hub: CameraHub,
  options: SnapshotOptions,
  tools: SnapshotTools = {},
): Promise<Snapshot> {
  const unit = await findKeyframe(hub, options);
  const picture = await pictureOf(hub, unit, options, tools);
  return { ...picture, unit, ageMs: Math.max(0, Math.round(performance.now() - unit.arrival)) };
}

/**
 * Pictures made or in the making, by the keyframe they are of: a burst of triggers costs one decode. They go
 * when the hub lets go of the keyframe.
 */
const pictures = new WeakMap<VideoUnit, Map<string, Promise<Picture>>>();

/** `camera`: who waits for the decoder. Rejects with EBUSY, EDECODE, EUNSUPPORTED of the decoder. */
export function pictureOf(
  camera: object,
  unit: VideoUnit,
  options: SnapshotOptions,
  tools: SnapshotTools,
): Promise<Picture> {
  const { format, quality, width, squarePixels, decoder, ffmpegPath } = options;
  const key = JSON.stringify([format, quality, width, squarePixels, decoder, ffmpegPath]);
  const made = pictures.get(unit) ?? new Map<string, Promise<Picture>>();
  pictures.set(unit, made);
  const known = made.get(key);
  if (known) return known;
  const picture = makePicture(camera, unit, options, tools);
  made.set(key, picture);
  const forget = (): void => void made.delete(key);
  // A refusal, or what was made without a decoder, is tried anew by the next trigger.
  picture.then(({ warning }) => {
    if (warning) forget();
  }, forget);
  return picture;
}

async function makePicture(
  camera: object,
  unit: VideoUnit,
  options: SnapshotOptions,
  tools: SnapshotTools,
): Promise<Picture> {
  if (unit.codec === 'mjpeg') return fromJpeg(camera, unit, options, tools);
  if (options.format === 'keyframe') return keyframeOf(unit);
  const { quality, width, squarePixels = false, decoder, ffmpegPath } = options;
  const job = { data: unit.data, quality, squarePixels, ...(width !== undefined && { width }) };
  let refusal: NvrError | undefined;
  if (decoder !== 'ffmpeg') {
    try {
      const jpeg = await (tools.pool ?? sharedSnapshotPool()).decode({ ...job, codec: unit.codec }, camera);
      const { buffer, byteOffset, byteLength } = jpeg.data;
      return {
        data: Buffer.from(buffer, byteOffset, byteLength),
        contentType: 'image/jpeg',
        width: jpeg.width,
        height: jpeg.height,
      };
    } catch (error) {
      refusal = pictureError(error);
      if (decoder === 'builtin' || refusal.code === 'EBUSY') throw refusal;
    }
  }
  // ffmpeg does not notice what is missing from a damaged H.265 picture: it would show something else there.
  if (refusal?.code === 'EDECODE' && unit.codec === 'h265') return keyframeInstead(unit, refusal);
  try {
    const data = await (tools.ffmpeg ?? ffmpegSnapshot)({
      ...job,
      codec: unit.codec,
      ffmpegPath,
      camera,
    });
    return { data, contentType: 'image/jpeg', ...sizeOf(data, unit) };
  } catch (error) {
    const failure = pictureError(error);
    if (!refusal || failure.code === 'EBUSY') throw failure;
    return keyframeInstead(unit, refusal, failure);
  }
}

function keyframeInstead(unit: VideoUnit, refusal: NvrError, failure?: NvrError): Picture {
  const reasons = [refusal, ...(failure ? [failure] : [])]
    .map(({ message }) => (message.endsWith('.') ? message.slice(0, -1) : message))
    .join('; ');
  const advice =
    failure?.code === 'EUNSUPPORTED' ? ' Install ffmpeg, or set its path, for a JPEG of such a stream.' : '';
  const message = `No JPEG, the keyframe itself is passed on: ${reasons}.${advice}`;
  return { ...keyframeOf(unit), warning: new NvrError(refusal.code, message, { cause: refusal }) };
}

/**
 * A camera's own JPEG is passed on as it is; only ffmpeg can make it smaller, as there is no JPEG decoder
 * built in.
 */
async function fromJpeg(
  camera: object,
  unit: VideoUnit,
  options: SnapshotOptions,
  tools: SnapshotTools,
): Promise<Picture> {
  const picture: Picture = { data: unit.data, contentType: 'image/jpeg', ...sizeOf(unit.data, unit) };
  const { width, quality, ffmpegPath } = options;
  if (options.format === 'keyframe' || width === undefined || (picture.width > 0 && picture.width <= width))
    return picture;
  let reason = "the decoder setting is 'builtin'";
  if (options.decoder !== 'builtin') {
    try {
      const data = await (tools.ffmpeg ?? ffmpegSnapshot)({
        camera,
        codec: 'mjpeg',
        data: unit.data,
        quality,
        width,
        ffmpegPath,
      });
      return { data, contentType: 'image/jpeg', ...sizeOf(data, unit) };
    } catch (error) {
      const failure = pictureError(error);
      if (options.decoder === 'ffmpeg' || failure.code === 'EBUSY') throw failure;
      reason = failure.message;
    }
  }
  const message = `The camera's JPEG is passed on at its own width: only ffmpeg can make it smaller, and ${reason}.`;
  return { ...picture, warning: new NvrError('EUNSUPPORTED', message) };
}

function keyframeOf(unit: VideoUnit): Picture {
  const contentType =
    unit.codec === 'h264' ? 'video/h264' : unit.codec === 'h265' ? 'video/h265' : 'image/jpeg';
  return { data: unit.data, contentType, width: unit.format.width, height: unit.format.height };
}

function sizeOf(jpeg: Buffer, unit: VideoUnit): { width: number; height: number } {
  return jpegSize(jpeg) ?? { width: unit.format.width, height: unit.format.height };
}

/** The kept keyframe if it is young and whole, else the next. */
function findKeyframe(hub: CameraHub, { maxAge, timeout, signal }: SnapshotOptions): Promise<VideoUnit> {
  const first = hub.gop[0];
  const oldest = performance.now() - maxAge * 1000;
  const isFresh = first?.keyframe === true && !first.damaged && maxAge > 0 && first.arrival >= oldest;
  return nextKeyframe(hub, { timeout, signal, kept: isFresh ? first : undefined });
}

function pictureError(error: unknown): NvrError {
  return asNvrError(error, 'EDECODE', 'the picture could not be made');
}
