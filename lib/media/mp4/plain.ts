// Converts a fragmented clip to a plain MP4 with its index before the media, for players and web pages that
// do not support fragments: returns the boxes, and which bytes of the original file follow (ISO 14496-12 8.6,
// 8.7).

import { ascii, box, fullBox, u32 } from './boxes.js';
import { shownAt, type ClipSample, type ClipTrack } from './clip-reader.js';
import { editList } from './header.js';

/** Bytes of the original file, or a number of equal bytes. */
export type Piece =
  { readonly from: number; readonly bytes: number } | { readonly fill: number; readonly bytes: number };

export interface PlainClip {
  /** Everything before the media. */
  readonly header: Buffer;
  /** The media, in order. */
  readonly pieces: readonly Piece[];
}

/** Consecutive samples of one track. */
interface Chunk {
  readonly track: ClipTrack;
  /** Offset from the first byte of the media. */
  readonly at: number;
  readonly count: number;
}

/** Ticks per second of the movie. */
const MOVIE_RATE = 90_000;
/** Sample entries of uncompressed audio, and the byte that means silence. */
const SILENCE: Readonly<Record<string, number>> = { ulaw: 0xff, alaw: 0xd5, twos: 0 };
/** Deviations of such audio below this, in seconds, are not corrected. */
const TOLERANCE = 0.02;
/** Offset of the bytes-per-frame field of a version 1 sound entry, from the start of stsd. */
const BYTES_PER_FRAME_AT = 60;
const MDAT_HEAD = 16;
const UNDETERMINED = 0x55c4;

/** `fragments`: the samples of each, by track, in the order of their data. */
export function plainClip(
  tracks: readonly ClipTrack[],
  fragments: readonly ReadonlyMap<ClipTrack, readonly ClipSample[]>[],
  isMov: boolean,
): PlainClip {
  const lanes = new Map(tracks.map((track) => [track, new Lane(track)]));
  const pieces: Piece[] = [];
  const chunks: Chunk[] = [];
  let at = 0;
  for (const fragment of fragments) {
    for (const [track, samples] of fragment) {
      const { added, count } = lanes.get(track)!.add(samples);
      if (count > 0) chunks.push({ track, at, count });
      for (const piece of added) {
        at += piece.bytes;
        append(pieces, piece);
      }
    }
  }
  const used = [...lanes.values()].filter(({ count }) => count > 0);
  const brands = isMov ? ascii('qt  ') : ascii('isomiso2avc1mp41');
  const ftyp = box('ftyp', brands.subarray(0, 4), u32(0x200), brands);
  // Positions have a fixed size, so the index is as long with any values.
  const size = ftyp.length + movie(used, chunks, 0).length + MDAT_HEAD;
  const mdat = Buffer.alloc(MDAT_HEAD);
  mdat.writeUInt32BE(1);
  mdat.write('mdat', 4, 'latin1');
  mdat.writeBigUInt64BE(BigInt(MDAT_HEAD + at), 8);
  return { header: Buffer.concat([ftyp, movie(used, chunks, size), mdat]), pieces };
}

function append(pieces: Piece[], piece: Piece): void {
  const last = pieces.at(-1);
  if (last !== undefined && 'from' in last && 'from' in piece && last.from + last.bytes === piece.from)
    pieces[pieces.length - 1] = { from: last.from, bytes: last.bytes + piece.bytes };
  else if (piece.bytes > 0) pieces.push(piece);
}

/** Collects the data for a track's tables. */
class Lane {
  /** Number of samples in the file. */
  count = 0;
  readonly samples: ClipSample[] = [];
  /** Bytes per audio frame of uncompressed audio; undefined if samples are packets. */
  readonly frameBytes: number | undefined;

  constructor(readonly track: ClipTrack) {
    if (track.entry in SILENCE)
      this.frameBytes = Math.max(1, track.parts.stsd.readUInt32BE(BYTES_PER_FRAME_AT));
  }

  add(samples: readonly ClipSample[]): { added: Piece[]; count: number } {
    const before = this.count;
    const added =
      this.frameBytes === undefined ? this.packets(samples) : this.frames(samples, this.frameBytes);
    return { added, count: this.count - before };
  }

  private packets(samples: readonly ClipSample[]): Piece[] {
    this.count += samples.length;
    for (const sample of samples) this.samples.push(sample);
    return samples.map(({ at, bytes }) => ({ from: at, bytes }));
  }

  /** Players treat such audio as continuous: gaps are filled with silence, and excess is removed. */
  private frames(samples: readonly ClipSample[], frameBytes: number): Piece[] {
    const { entry, timescale } = this.track;
    const pieces: Piece[] = [];
    for (const sample of samples) {
      if (this.samples.length === 0) this.samples.push(sample);
      const off = sample.time - this.samples[0]!.time - this.count;
      const isOff = Math.abs(off) > TOLERANCE * timescale;
      const silent = isOff ? Math.max(0, off) : 0;
      const left = isOff ? Math.max(0, -off) * frameBytes : 0;
      const bytes = Math.max(0, sample.bytes - left);
      pieces.push({ fill: SILENCE[entry]!, bytes: silent * frameBytes });
      pieces.push({ from: sample.at + sample.bytes - bytes, bytes });
      this.count += silent + Math.floor(bytes / frameBytes);
    }
    return pieces;
  }

  /** Ticks from each sample to the next. */
  get steps(): number[] {
    const { samples } = this;
    return samples.map(({ time, duration }, index) => (samples[index + 1]?.time ?? time + duration) - time);
  }
}

function movie(lanes: readonly Lane[], chunks: readonly Chunk[], mediaAt: number): Buffer {
  const traks = lanes.map((lane) => trak(lane, chunks, mediaAt));
  const duration = Math.max(0, ...traks.map((track) => track.duration));
  const mvhd = Buffer.alloc(8 + 100);
  mvhd.writeUInt32BE(mvhd.length);
  mvhd.write('mvhd', 4, 'latin1');
  mvhd.writeUInt32BE(MOVIE_RATE, 20);
  mvhd.writeUInt32BE(duration, 24);
  mvhd.writeUInt32BE(0x1_0000, 28);
  mvhd.writeUInt16BE(0x100, 32);
  for (const [at, value] of [
    [44, 0x1_0000],
    [60, 0x1_0000],
    [76, 0x4000_0000],
  ] as const)
    mvhd.writeUInt32BE(value, at);
  mvhd.writeUInt32BE(Math.max(0, ...lanes.map(({ track }) => track.id)) + 1, 104);
  return box('moov', mvhd, ...traks.map(({ bytes }) => bytes));
}

function trak(lane: Lane, chunks: readonly Chunk[], mediaAt: number): { bytes: Buffer; duration: number } {
  const { track, samples, frameBytes, count } = lane;
  const { tkhd, hdlr, head, stsd } = track.parts;
  const inMovie = (ticks: number): number => Math.round((ticks * MOVIE_RATE) / track.timescale);
  const steps = frameBytes === undefined ? lane.steps : [];
  const length = frameBytes === undefined ? steps.reduce((sum, step) => sum + step, 0) : count;
  const edits = editsOf(lane, length, inMovie);
  const duration = edits.length === 0 ? inMovie(length) : edits.reduce((sum, [ticks]) => sum + ticks, 0);
  const own = Buffer.from(tkhd);
  // Version 0 of tkhd, as clips have it.
  own.writeUInt32BE(duration, 28);
  const edit = edits.length === 0 ? [] : [editList(...edits)];
  const mdhd = fullBox(
    'mdhd',
    0,
    0,
    u32(0, 0, track.timescale, length),
    Buffer.of(UNDETERMINED >> 8, UNDETERMINED & 0xff, 0, 0),
  );
  const sizes =
    frameBytes === undefined
      ? fullBox('stsz', 0, 0, u32(0, samples.length), words(samples.map(({ bytes }) => bytes)))
      : fullBox('stsz', 0, 0, u32(frameBytes, count));
  const times = frameBytes === undefined ? pairs(steps) : u32(1, count, 1);
  const stbl = box(
    'stbl',
    stsd,
    fullBox('stts', 0, 0, times),
    ...shownTables(frameBytes === undefined ? samples : []),
    ...chunkTables(
      chunks.filter((chunk) => chunk.track === track),
      mediaAt,
    ),
    sizes,
  );
  const dinf = box('dinf', fullBox('dref', 0, 0, u32(1), fullBox('url ', 0, 1)));
  const bytes = box('trak', own, ...edit, box('mdia', mdhd, hdlr, box('minf', head, dinf, stbl)));
  return { bytes, duration };
}

/**
 * A track that starts later than the movie gets an empty edit; one with a skip starts with the picture on
 * screen there.
 */
function editsOf(
  { track, samples }: Lane,
  length: number,
  inMovie: (ticks: number) => number,
): (readonly [length: number, from: number])[] {
  const start = samples[0]!.time;
  if (track.skip > 0) {
    const first = samples.reduce((least, { time, offset }) => Math.min(least, time + offset), Infinity);
    const from = shownAt(samples, track.skip);
    if (from > first) return [[inMovie(Math.max(0, first + length - from)), from - start]];
  }
  return start === 0
    ? []
    : [
        [inMovie(start), -1],
        [inMovie(length), 0],
      ];
}

/** ctts and stss, if not trivial. */
function shownTables(samples: readonly ClipSample[]): Buffer[] {
  const tables: Buffer[] = [];
  const offsets = samples.map(({ offset }) => offset);
  if (offsets.some((offset) => offset !== 0))
    tables.push(fullBox('ctts', offsets.some((offset) => offset < 0) ? 1 : 0, 0, pairs(offsets)));
  const keys = samples.flatMap(({ key }, index) => (key ? [index + 1] : []));
  if (keys.length < samples.length) tables.push(fullBox('stss', 0, 0, u32(keys.length), words(keys)));
  return tables;
}

function chunkTables(chunks: readonly Chunk[], mediaAt: number): Buffer[] {
  const changes = chunks.flatMap(({ count }, index) =>
    count === chunks[index - 1]?.count ? [] : [index + 1, count, 1],
  );
  const places = Buffer.alloc(4 + 8 * chunks.length);
  places.writeUInt32BE(chunks.length);
  chunks.forEach(({ at }, index) => places.writeBigUInt64BE(BigInt(mediaAt + at), 4 + 8 * index));
  return [fullBox('stsc', 0, 0, u32(changes.length / 3), words(changes)), fullBox('co64', 0, 0, places)];
}

/** Run-length table of values. */
function pairs(values: readonly number[]): Buffer {
  const found: [count: number, value: number][] = [];
  for (const value of values) {
    const last = found.at(-1);
    if (last?.[1] === value) last[0]++;
    else found.push([1, value]);
  }
  return Buffer.concat([u32(found.length), words(found.flatMap(([count, value]) => [count, value >>> 0]))]);
}

/** Values as 32-bit words. */
function words(values: readonly number[]): Buffer {
  const out = Buffer.alloc(4 * values.length);
  values.forEach((value, index) => out.writeUInt32BE(value, 4 * index));
  return out;
}
