// Reads the boxes of a clip file: its tracks, the positions of its samples, and how much of it is whole;
// without the media.

import type { FileHandle } from 'node:fs/promises';
import { readFragment, readTracks, type ClipSample, type ClipTrack } from '../../media/mp4/clip-reader.js';
import { readSamples } from '../../media/mp4/sample-tables.js';

export interface ClipBoxes {
  readonly moov: Buffer;
  readonly tracks: readonly ClipTrack[];
  /** The samples of each fragment, by track; empty for a plain file. */
  readonly fragments: readonly ReadonlyMap<ClipTrack, readonly ClipSample[]>[];
  /** The position of each fragment's moof. */
  readonly places: readonly number[];
}

/** A larger box is not part of one of our clips. */
const MAX_TABLES = 256 * 1024 * 1024;
/** Top-level boxes read of one file. */
const MAX_BOXES = 1_000_000;

/** Rejects with the file system's error, or if the file is no clip. Stops at the first incomplete box. */
export async function readBoxes(handle: FileHandle, maxBoxes = MAX_BOXES): Promise<ClipBoxes> {
  const { size } = await handle.stat();
  const head = Buffer.alloc(16);
  let moov: Buffer | undefined;
  let tracks: ClipTrack[] = [];
  const fragments: Map<ClipTrack, ClipSample[]>[] = [];
  const places: number[] = [];
  for (let at = 0, count = 0; at + 8 <= size && count < maxBoxes; count++) {
    await handle.read(head, 0, 16, at);
    const short = head.readUInt32BE(0);
    const length = short === 1 ? Number(head.readBigUInt64BE(8)) : short;
    if (length < 8 || at + length > size) break;
    const type = head.toString('latin1', 4, 8);
    if ((type === 'moov' || type === 'moof') && length <= MAX_TABLES) {
      const bytes = Buffer.alloc(length);
      await handle.read(bytes, 0, length, at);
      if (type === 'moov') {
        moov = bytes;
        tracks = readTracks(bytes);
      } else {
        fragments.push(readFragment(bytes, at, tracks));
        places.push(at);
      }
    }
    at += length;
  }
  if (moov === undefined) throw new Error('the file holds no clip');
  return { moov, tracks, fragments, places };
}

/** The samples of one track, for fragmented and plain files. */
export function samplesOf({ moov, fragments }: ClipBoxes, track: ClipTrack): readonly ClipSample[] {
  if (fragments.length === 0) return readSamples(moov, track);
  return fragments.flatMap((samples) => samples.get(track) ?? []);
}

/**
 * Bytes up to the end of the last complete fragment (moof and mdat), or of the boxes after the fragments; 0
 * if there is none (ISO 14496-12 8.8).
 */
export async function wholeBytes(handle: FileHandle, size: number, maxBoxes = MAX_BOXES): Promise<number> {
  const header = Buffer.alloc(16);
  let whole = 0;
  let hasFragment = false;
  for (let at = 0, boxes = 0; boxes < maxBoxes; boxes++) {
    const { bytesRead } = await handle.read(header, 0, 16, at);
    if (bytesRead < 8) break;
    const type = header.toString('latin1', 4, 8);
    const short = header.readUInt32BE(0);
    const length = short === 1 && bytesRead === 16 ? Number(header.readBigUInt64BE(8)) : short;
    if (length < 8 || at + length > size) break;
    at += length;
    hasFragment ||= type === 'mdat';
    if (hasFragment && type !== 'moof') whole = at;
  }
  return whole;
}
