// Thins a recording to its keyframes: rewritten without decoding, each keyframe shown at its own time until
// the next one. The new file is written next to the old one, and replaces it when complete.

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
/** Keyframes closer than this (s) are left out, for codecs in which every picture is a keyframe. */
const LEAST_S = 1;
/** A larger sample is not part of one of our clips. */
const MAX_SAMPLE = 64 * 1024 * 1024;
/** NAL unit types that decoding can begin at: H.264 7.4.1.2.4, H.265 7.4.2.2. */
const H264_IDR = 5;
const H265_IRAP = { from: 16, to: 23 } as const;

/**
 * Returns false if nothing can be left out, or no picture can stand alone. Rejects with the file system's
 * error; the file is unchanged then.
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
    // The file may have been protected from retention meanwhile.
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

/** After a crash during thinning, finds out from each file's size whether it was replaced. */
export async function finishThinning(fs: RecorderFs, journal: Journal): Promise<void> {
  for (const { file, thinning } of [...journal.finished]) {
    if (thinning === undefined) continue;
    const found = await openBelow(fs, journal.root, file).then(
      (place) => place.file(),
      () => undefined,
    );
    await (found?.size === thinning.bytes ? journal.thinned(file) : journal.notThinned(file));
    await openBelow(fs, journal.root, file + THIN_PART)
      .then((part) => part.remove())
      .catch(() => undefined);
  }
}

/** Returns the number of frames; undefined if nothing was written and the file stays as it is. */
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

/** The keyframes that can be decoded alone, at their display times, each lasting until the next one. */
async function keyframesOf(
  source: FileHandle,
  track: ClipTrack,
  all: readonly ClipSample[],
): Promise<ClipSample[]> {
  const shown: ClipSample[] = [];
  // The thinned file begins with its first frame, as the clip did.
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

/** Recovery points are sync samples, too, but need the pictures after them. */
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
