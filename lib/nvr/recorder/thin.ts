// A recording thinned to its keyframes: rewritten without decoding, each picture at its own time, until the
// next one. Beside the old file, and in its place when it is whole.

import path from 'node:path';
import type { FileHandle } from 'node:fs/promises';
import type { ClipSample, ClipTrack } from '../../media/mp4/clip-reader.js';
import { plainClip } from '../../media/mp4/plain.js';
import { openBelow } from './below.js';
import { sha256Of } from './digest.js';
import type { Journal } from './journal.js';
import { copyPieces } from './plain-mp4.js';
import { readBoxes, samplesOf } from './read-boxes.js';
import type { RecorderFs } from './types.js';

const THIN_PART = '.thin.part';
/** Pictures closer than that are left out where every picture is a keyframe. */
const LEAST_S = 1;
/** A sample that is larger is no picture of ours. */
const MAX_SAMPLE = 64 * 1024 * 1024;
/** NAL units that a decoder can begin at: H.264 7.4.1.2.4, H.265 7.4.2.2. */
const H264_IDR = 5;
const H265_IRAP = { from: 16, to: 23 } as const;

/**
 * False: there is nothing to be left out, or nothing that could stand alone. Rejects with what the file
 * system says; the file is as it was then.
 */
export async function thinFile(
  fs: RecorderFs,
  journal: Journal,
  file: string,
  mode: number,
): Promise<boolean> {
  const place = await openBelow(fs, journal.root, file);
  const part = await openBelow(fs, journal.root, file + THIN_PART);
  await part.remove();
  try {
    const frames = await writeKeyframes(await place.open('read'), () => part.open('create', mode), file);
    if (frames === undefined) return false;
    const handle = await part.open('read');
    const sha256 = await sha256Of(handle).finally(() => handle.close());
    const made = await part.file();
    // It may have been kept meanwhile.
    if (journal.find(file)?.kept) {
      await part.remove();
      return false;
    }
    await journal.thin(file, { bytes: made?.size ?? 0, sha256, frames });
    await part.rename(path.basename(place.full));
  } catch (error) {
    await part.remove().catch(() => undefined);
    throw error;
  }
  await journal.thinned(file);
  return true;
}

/** After a crash: whether a file that was being thinned has been, told by its size. */
export async function settleThinning(fs: RecorderFs, journal: Journal): Promise<void> {
  for (const { file, thinning } of [...journal.finished]) {
    if (thinning === undefined) continue;
    const found = await openBelow(fs, journal.root, file).then(
      (place) => place.file(),
      () => undefined,
    );
    await (found?.size === thinning.bytes ? journal.thinned(file) : journal.whole(file));
    await openBelow(fs, journal.root, file + THIN_PART)
      .then((part) => part.remove())
      .catch(() => undefined);
  }
}

/** How many pictures there are; undefined: the file stays as it is, and nothing has been made. */
async function writeKeyframes(
  source: FileHandle,
  create: () => Promise<FileHandle>,
  file: string,
): Promise<number | undefined> {
  try {
    const clip = await readBoxes(source).catch(() => undefined);
    const track = clip?.tracks.find(({ kind }) => kind === 'vide');
    if (clip === undefined || track === undefined) return undefined;
    const all = samplesOf(clip, track);
    const keyframes = await keyframesOf(source, track, all);
    if (keyframes.length === 0 || keyframes.length === all.length) return undefined;
    const target = await create();
    try {
      const fragments = [new Map([[track, keyframes]])];
      await copyPieces(source, target, plainClip([track], fragments, file.endsWith('.mov')));
      await target.sync();
    } finally {
      await target.close();
    }
    return keyframes.length;
  } finally {
    await source.close();
  }
}

/** Those that stand alone, at the time that they are shown, each until the next. */
async function keyframesOf(
  source: FileHandle,
  track: ClipTrack,
  all: readonly ClipSample[],
): Promise<ClipSample[]> {
  const shown: ClipSample[] = [];
  // The film begins with its first picture, as the clip did.
  const begin = all.reduce((least, { time, offset }) => Math.min(least, time + offset), Infinity);
  for (const sample of all) {
    if (!sample.key) continue;
    const time = sample.time + sample.offset - begin;
    const last = shown.at(-1);
    if (last !== undefined && time - last.time < LEAST_S * track.timescale) continue;
    if (await standsAlone(source, track.entry, sample)) shown.push({ ...sample, time, offset: 0 });
  }
  const end = all.reduce(
    (latest, { time, offset, duration }) => Math.max(latest, time + offset + duration),
    0,
  );
  return shown.map((sample, index) => ({
    ...sample,
    duration: Math.max(1, (shown[index + 1]?.time ?? end - begin) - sample.time),
  }));
}

/** A point of recovery is a place to begin at as well, but needs the pictures behind it. */
async function standsAlone(source: FileHandle, entry: string, { at, bytes }: ClipSample): Promise<boolean> {
  const isH265 = entry.startsWith('hvc') || entry.startsWith('hev');
  const head = Buffer.alloc(5);
  for (let next = at; next + 5 <= at + Math.min(bytes, MAX_SAMPLE);) {
    const { bytesRead } = await source.read(head, 0, 5, next);
    if (bytesRead < 5) return false;
    const type = isH265 ? (head[4]! >> 1) & 0x3f : head[4]! & 0x1f;
    if (isH265 ? type >= H265_IRAP.from && type <= H265_IRAP.to : type === H264_IDR) return true;
    next += 4 + head.readUInt32BE(0);
  }
  return false;
}
