// A picture of a camera now: the keyframe its hub keeps, or the next one to come, made into a JPEG by whatever this machine has.

import { performance } from 'node:perf_hooks';

import { isEntry } from '../../codec/entry.js';
import type { MediaUnit, VideoUnit } from '../../codec/unit.js';
import { NvrError } from '../../errors.js';
import { jpegSize } from '../../media/jpeg/size.js';
import { ffmpegSnapshot } from './ffmpeg-fallback.js';
import type { FfmpegJob } from './ffmpeg-fallback.js';
import { whyNoKeyframe } from '../camera/no-keyframe.js';
import { sharedSnapshotPool } from './snapshot-pool.js';
import type { SnapshotPool } from './snapshot-pool.js';
import type { CameraHub, HubEvent, HubSubscription, StreamStatistics } from '../types.js';

export interface SnapshotOptions {
  format: 'jpeg' | 'keyframe';
  /** 1..100. */
  quality: number;
  /** Pixels; absent: as the camera sends it. A smaller picture is never made larger. */
  width?: number;
  /** Pixels of another shape (D1 cameras have them) are made square; otherwise the JPEG says what shape they are. */
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
 * NvrError: what the hub gives up with (EAUTH, ECHANNEL …) at once; ETIMEDOUT when no media came in time, ENOKEYFRAME when media came without one;
 * EBUSY, EDECODE, EUNSUPPORTED of the decoder. With decoder `auto` the last two give the keyframe itself and a warning.
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

/** Pictures made or in the making, by the keyframe they are of: a burst of triggers costs one decode. They go when the hub lets go of the keyframe. */
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
      refusal = asNvrError(error);
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
    const failure = asNvrError(error);
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

/** A camera's own JPEG is passed on as it is; only ffmpeg can make it smaller, as there is no JPEG decoder built in. */
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
      const failure = asNvrError(error);
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

function asNvrError(error: unknown): NvrError {
  return error instanceof NvrError
    ? error
    : new NvrError('EDECODE', 'the picture could not be made', { cause: error });
}

/** The kept keyframe if it is young and whole, else the next. A damaged one is better than none once the time is over. */
function findKeyframe(hub: CameraHub, options: SnapshotOptions): Promise<VideoUnit> {
  const kept = hub.gop[0];
  const oldest = performance.now() - options.maxAge * 1000;
  const fresh = kept?.keyframe === true && !kept.damaged && options.maxAge > 0 && kept.arrival >= oldest;

  let timer: NodeJS.Timeout | undefined;
  let subscription: HubSubscription | undefined;
  let callOff = (): void => undefined;
  return new Promise<VideoUnit>((resolve, reject) => {
    const before = hub.statistics;
    let damaged: VideoUnit | undefined;
    let refreshes = hub.gop[0]?.keyframe === false;
    let trouble: NvrError | undefined;
    timer = setTimeout(() => {
      if (damaged) resolve(damaged);
      else reject(outOfTime(options.timeout, hub, before, refreshes, trouble));
    }, options.timeout * 1000);
    // Even where the kept keyframe will do: joining starts the hub's linger anew, and a burst of triggers stays one session.
    subscription = hub.subscribe({
      onUnit: (unit: MediaUnit) => {
        if (unit.kind !== 'video') return;
        refreshes ||= isEntry(unit) && !unit.keyframe;
        if (!unit.keyframe) return;
        if (unit.damaged) damaged = unit;
        else resolve(unit);
      },
      onEvent: (event: HubEvent) => {
        if (event.type === 'error')
          reject(
            event.error ??
              new NvrError(event.code ?? 'EUNREACHABLE', event.reason ?? 'The stream has failed.'),
          );
        else if (event.type === 'stopped')
          reject(new NvrError('EUNREACHABLE', 'The stream was stopped before a keyframe came.'));
        else if (event.type === 'reconnecting') trouble = event.error;
        else if (event.type === 'playing') trouble = undefined;
      },
    });
    callOff = (): void => {
      reject(new NvrError('EUNREACHABLE', 'The snapshot was called off.'));
    };
    options.signal?.addEventListener('abort', callOff);
    if (options.signal?.aborted === true) callOff();
    if (fresh) resolve(kept);
  }).finally(() => {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', callOff);
    subscription?.unsubscribe();
  });
}

function outOfTime(
  seconds: number,
  { statistics }: CameraHub,
  before: StreamStatistics,
  refreshes: boolean,
  trouble: NvrError | undefined,
): NvrError {
  const within = `within ${String(seconds)} s`;
  if (refreshes)
    return new NvrError(
      'EUNSUPPORTED',
      'No picture of this stream can be decoded by itself: the camera refreshes it piece by piece (intra refresh) and sends no keyframes. Switch that off on the camera, or use its other stream.',
    );
  if (statistics.packets > before.packets)
    return new NvrError(
      'ENOKEYFRAME',
      `Video came, but no whole keyframe ${within}: ${whyNoKeyframe(before, statistics)}`,
    );
  const why = trouble ? `: ${trouble.message}` : '';
  return new NvrError('ETIMEDOUT', `No video ${within}${why}`, trouble ? { cause: trouble } : {});
}
