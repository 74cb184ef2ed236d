// A picture of a camera: the keyframe that its hub keeps, or the next one to arrive, decoded to JPEG with the
// decoders that this machine has.

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
  /** In pixels; by default as the camera sends it. A smaller picture is never enlarged. */
  width?: number;
  /** Scale to square pixels if the camera's are not (D1 cameras). Otherwise the JPEG declares their shape. */
  squarePixels?: boolean;
  /** The greatest age of a kept keyframe, in seconds; 0 waits for the next one. */
  maxAge: number;
  /** Seconds to wait for a keyframe. Decoding has a limit of its own. */
  timeout: number;
  decoder: 'auto' | 'builtin' | 'ffmpeg';
  /** The path of ffmpeg; '' searches PATH. */
  ffmpegPath: string;
  /** Aborts the wait for a keyframe with EUNREACHABLE; a picture that is being decoded is finished. */
  signal?: AbortSignal;
}

export interface Snapshot {
  /** Shared by simultaneous triggers, so it must not be written to. */
  data: Buffer;
  contentType: 'image/jpeg' | 'video/h264' | 'video/h265';
  /** The keyframe that the picture was decoded from. */
  unit: VideoUnit;
  /** Size of the picture in `data`, in pixels. */
  width: number;
  height: number;
  /** Milliseconds since the keyframe arrived. */
  ageMs: number;
  /** Set if the picture is not what was asked for; it says what to do about it. */
  warning?: NvrError;
}

export interface SnapshotTools {
  pool?: SnapshotPool;
  ffmpeg?: (job: FfmpegJob) => Promise<Buffer>;
}

type Picture = Pick<Snapshot, 'data' | 'contentType' | 'width' | 'height' | 'warning'>;

/**
 * Rejects at once with the hub's failure (EAUTH, ECHANNEL …); with ETIMEDOUT if no media came in time,
 * ENOKEYFRAME if media came without a keyframe, and EBUSY, EDECODE or EUNSUPPORTED from the decoder. With
 * decoder `auto` the last two give the keyframe itself, with a warning.
 */
export async function takeSnapshot(
  hub: CameraHub,
  options: SnapshotOptions,
  tools: SnapshotTools = {},
): Promise<Snapshot> {
  const unit = await findKeyframe(hub, options);
  const picture = await pictureOf(hub, unit, options, tools);
  return { ...picture, unit, ageMs: Math.round(performance.now() - unit.arrival) };
}

/**
 * Pictures that are decoded or being decoded, by their keyframe, so that a burst of triggers costs one
 * decode. They are freed with the keyframe.
 */
const pictures = new WeakMap<VideoUnit, Map<string, Promise<Picture>>>();

/**
 * `camera` is the identity for fair queueing. Rejects with EBUSY, EDECODE or EUNSUPPORTED from the decoder.
 */
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
  const existing = made.get(key);
  if (existing) return existing;
  const picture = makePicture(camera, unit, options, tools);
  made.set(key, picture);
  const forget = (): void => void made.delete(key);
  // The next trigger tries again after an error, or after a result without a decoder.
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
  // ffmpeg does not detect the missing parts of a damaged H.265 picture, and would show something else there.
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
 * A camera's own JPEG is passed on as it is. Only ffmpeg can make it smaller: there is no built-in JPEG
 * decoder.
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

/** Never of MJPEG: `fromJpeg` has that. */
function keyframeOf(unit: VideoUnit): Picture {
  const contentType = unit.codec === 'h264' ? 'video/h264' : 'video/h265';
  return { data: unit.data, contentType, width: unit.format.width, height: unit.format.height };
}

function sizeOf(jpeg: Buffer, unit: VideoUnit): { width: number; height: number } {
  return jpegSize(jpeg) ?? { width: unit.format.width, height: unit.format.height };
}

/** The kept keyframe if it is recent and undamaged, else the next one. */
function findKeyframe(hub: CameraHub, { maxAge, timeout, signal }: SnapshotOptions): Promise<VideoUnit> {
  const first = hub.gop[0];
  const oldest = performance.now() - maxAge * 1000;
  const isFresh = first?.keyframe === true && !first.damaged && maxAge > 0 && first.arrival >= oldest;
  return nextKeyframe(hub, { timeout, signal, kept: isFresh ? first : undefined });
}

function pictureError(error: unknown): NvrError {
  return asNvrError(error, 'EDECODE', 'the picture could not be made');
}
