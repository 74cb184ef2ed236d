// Plain clips as lists of samples, and what is in their boxes.

import assert from 'node:assert/strict';
import { find } from '../../../lib/media/mp4/box-reader.js';
import { readTracks, type ClipSample, type ClipTrack } from '../../../lib/media/mp4/clip-reader.js';
import { mp4Header, type SoundEntry } from '../../../lib/media/mp4/header.js';
import { plainClip, type PlainClip } from '../../../lib/media/mp4/plain.js';
import { readSamples } from '../../../lib/media/mp4/sample-tables.js';

export const PICTURE = { codec: 'h264', width: 320, height: 180, record: Buffer.of(1, 2, 3) } as const;
export const PCMU = { codec: 'pcmu', sampleRate: 8000, channels: 2 } as const;

/** The box at a path of types, with its header. */
export function boxAt(bytes: Buffer, ...path: string[]): Buffer {
  const found = find(bytes, { body: 0, end: bytes.length }, ...path);
  assert.ok(found, path.join('/'));
  return bytes.subarray(found.body - 8, found.end);
}

export function tracksOf(sound?: SoundEntry, skip = 0): ClipTrack[] {
  const picture = { timescale: 90_000, picture: PICTURE, skip };
  const header = mp4Header(
    sound === undefined ? [picture] : [picture, { timescale: sound.sampleRate, sound }],
  );
  return readTracks(boxAt(header, 'moov'));
}

export interface Times {
  readonly at: number;
  readonly time: number;
  readonly duration?: number;
  readonly offset?: number;
  readonly bytes?: number;
  readonly key?: boolean;
}

export const sample = ({
  at,
  time,
  duration = 100,
  offset = 0,
  bytes = 10,
  key = true,
}: Times): ClipSample => ({
  at,
  time,
  duration,
  offset,
  bytes,
  key,
});

/** A clip of one picture track, one fragment for each list. */
export function pictures(lists: readonly (readonly Times[])[], skip = 0): PlainClip {
  const [track] = tracksOf(undefined, skip);
  return plainClip(
    [track!],
    lists.map((list) => new Map([[track!, list.map(sample)]])),
    false,
  );
}

export const moovOf = ({ header }: PlainClip): Buffer => boxAt(header, 'moov');
export const samplesOf = (clip: PlainClip, index = 0): ClipSample[] => {
  const moov = moovOf(clip);
  return readSamples(moov, readTracks(moov)[index]!);
};

/** Length and start of each edit of the first track, or undefined if it has none. */
export function editsOf(clip: PlainClip): [length: number, from: number][] {
  const elst = find(moovOf(clip), { body: 8, end: moovOf(clip).length }, 'trak', 'edts', 'elst');
  if (elst === undefined) return [];
  const moov = moovOf(clip);
  return Array.from({ length: moov.readUInt32BE(elst.body + 4) }, (_, index) => {
    const at = elst.body + 8 + 12 * index;
    return [moov.readUInt32BE(at), moov.readInt32BE(at + 4)];
  });
}
