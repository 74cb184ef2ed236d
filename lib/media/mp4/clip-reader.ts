// Reads a clip's tracks from moov, and their samples from moofs or from the tables of a plain file (ISO
// 14496-12 8.3 to 8.8).

import { boxes, bytesOf, find, type Box } from './box-reader.js';

export interface ClipTrack {
  readonly id: number;
  readonly kind: 'vide' | 'soun';
  /** Ticks a second. */
  readonly timescale: number;
  /** Type of the sample entry, e.g. `avc1`. */
  readonly entry: string;
  /** The boxes tkhd, hdlr and stsd, and the media header (vmhd, smhd), unchanged. */
  readonly parts: {
    readonly tkhd: Buffer;
    readonly hdlr: Buffer;
    readonly head: Buffer;
    readonly stsd: Buffer;
  };
  /** Where players begin, in ticks; earlier pictures are only decoded. */
  readonly skip: number;
  /** Defaults for fields that a fragment's samples leave out. */
  readonly defaults: Defaults;
}

export interface ClipSample {
  /** Decode time in ticks. */
  readonly time: number;
  readonly duration: number;
  /** Ticks from decode time to display time. */
  readonly offset: number;
  readonly bytes: number;
  readonly key: boolean;
  /** Position of the data in the file. */
  readonly at: number;
}

interface Defaults {
  readonly duration: number;
  readonly bytes: number;
  readonly flags: number;
}

/** Flags of tfhd and trun. */
const TFHD = { offset: 0x1, description: 0x2, duration: 0x8, bytes: 0x10, flags: 0x20 } as const;
const TRUN = {
  data: 0x1,
  firstFlags: 0x4,
  duration: 0x100,
  bytes: 0x200,
  flags: 0x400,
  offset: 0x800,
} as const;
const NON_SYNC = 0x1_0000;
/** Bounds on the samples of a run and of a file; larger counts are invalid. */
const MAX_RUN = 1_000_000;
const MAX_SAMPLES = 20_000_000;
/** Bytes before the sample entries of an stsd. */
const STSD_HEAD = 8;

/** The video and audio tracks. */
export function readTracks(moov: Buffer): ClipTrack[] {
  const all = { body: 8, end: moov.length };
  const tracks: ClipTrack[] = [];
  for (const trak of boxes(moov, all.body, all.end)) {
    if (trak.type !== 'trak') continue;
    const track = readTrack(moov, trak, all);
    if (track !== undefined) tracks.push(track);
  }
  return tracks;
}

function readTrack(moov: Buffer, trak: Box, all: Pick<Box, 'body' | 'end'>): ClipTrack | undefined {
  const tkhd = find(moov, trak, 'tkhd');
  const mdhd = find(moov, trak, 'mdia', 'mdhd');
  const hdlr = find(moov, trak, 'mdia', 'hdlr');
  const minf = find(moov, trak, 'mdia', 'minf');
  const stsd = minf && find(moov, minf, 'stbl', 'stsd');
  if (!tkhd || !mdhd || !hdlr || !minf || !stsd) return undefined;
  const kind = moov.toString('latin1', hdlr.body + 8, hdlr.body + 12);
  const head = find(moov, minf, kind === 'vide' ? 'vmhd' : 'smhd');
  if ((kind !== 'vide' && kind !== 'soun') || head === undefined) return undefined;
  const long = moov[tkhd.body] === 1;
  const id = moov.readUInt32BE(tkhd.body + (long ? 20 : 12));
  return {
    id,
    kind,
    timescale: moov.readUInt32BE(mdhd.body + (moov[mdhd.body] === 1 ? 20 : 12)),
    entry: moov.toString('latin1', stsd.body + STSD_HEAD + 4, stsd.body + STSD_HEAD + 8),
    parts: {
      tkhd: bytesOf(moov, tkhd),
      hdlr: bytesOf(moov, hdlr),
      head: bytesOf(moov, head),
      stsd: bytesOf(moov, stsd),
    },
    skip: readSkip(moov, trak),
    defaults: readDefaults(moov, id, all),
  };
}

/** Start time of the first edit that shows anything; clips have an edit list of version 0. */
function readSkip(moov: Buffer, trak: Box): number {
  const elst = find(moov, trak, 'edts', 'elst');
  for (let at = (elst?.body ?? 0) + 8; elst !== undefined && at + 12 <= elst.end; at += 12) {
    const from = moov.readInt32BE(at + 4);
    if (from >= 0) return from;
  }
  return 0;
}

/** Index of the picture on screen at `ticks`: the last one with a display time not after it. */
export function shownAt(samples: readonly Pick<ClipSample, 'time' | 'offset'>[], ticks: number): number {
  let best = -1;
  for (const { time, offset } of samples) if (time + offset <= ticks) best = Math.max(best, time + offset);
  return best < 0 ? ticks : best;
}

function readDefaults(moov: Buffer, id: number, all: Pick<Box, 'body' | 'end'>): Defaults {
  const mvex = find(moov, all, 'mvex');
  for (const { type, body } of mvex ? boxes(moov, mvex.body, mvex.end) : []) {
    if (type !== 'trex' || moov.readUInt32BE(body + 4) !== id) continue;
    const [duration, bytes, flags] = [12, 16, 20].map((at) => moov.readUInt32BE(body + at));
    return { duration: duration!, bytes: bytes!, flags: flags! };
  }
  return { duration: 0, bytes: 0, flags: 0 };
}

/**
 * The samples of a fragment, by track, in the order of their data. `at`: position of the moof in the file.
 */
export function readFragment(
  moof: Buffer,
  at: number,
  tracks: readonly ClipTrack[],
): Map<ClipTrack, ClipSample[]> {
  const found = new Map<ClipTrack, ClipSample[]>();
  for (const traf of boxes(moof, 8)) {
    const tfhd = traf.type === 'traf' ? find(moof, traf, 'tfhd') : undefined;
    const tfdt = tfhd && find(moof, traf, 'tfdt');
    if (tfhd === undefined || tfdt === undefined) continue;
    const track = tracks.find(({ id }) => id === moof.readUInt32BE(tfhd.body + 4));
    if (track === undefined) continue;
    const isLong = moof[tfdt.body] === 1;
    let time = isLong ? Number(moof.readBigUInt64BE(tfdt.body + 4)) : moof.readUInt32BE(tfdt.body + 4);
    const samples = found.get(track) ?? [];
    found.set(track, samples);
    for (const trun of boxes(moof, traf.body, traf.end)) {
      if (trun.type === 'trun')
        time = readRun(moof, trun, fragmentDefaults(moof, tfhd, track), time, at, samples);
    }
  }
  return found;
}

function fragmentDefaults(moof: Buffer, tfhd: Box, { defaults }: ClipTrack): Defaults {
  const flags = moof.readUInt32BE(tfhd.body) & 0xffffff;
  let at = tfhd.body + 8 + ((flags & TFHD.offset) !== 0 ? 8 : 0) + ((flags & TFHD.description) !== 0 ? 4 : 0);
  const next = (bit: number, otherwise: number): number => {
    if ((flags & bit) === 0) return otherwise;
    at += 4;
    return moof.readUInt32BE(at - 4);
  };
  const duration = next(TFHD.duration, defaults.duration);
  const bytes = next(TFHD.bytes, defaults.bytes);
  return { duration, bytes, flags: next(TFHD.flags, defaults.flags) };
}

/** Returns the decode time of the sample after the run. */
function readRun(
  moof: Buffer,
  trun: Box,
  defaults: Defaults,
  from: number,
  moofAt: number,
  samples: ClipSample[],
): number {
  const fields = moof.readUInt32BE(trun.body) & 0xffffff;
  const count = Math.min(moof.readUInt32BE(trun.body + 4), MAX_RUN);
  let read = trun.body + 8;
  const next = (bit: number, otherwise: number): number => {
    if ((fields & bit) === 0) return otherwise;
    read += 4;
    return moof.readInt32BE(read - 4);
  };
  let at = moofAt + next(TRUN.data, 0);
  const firstFlags = next(TRUN.firstFlags, defaults.flags);
  let time = from;
  const perSample = [TRUN.duration, TRUN.bytes, TRUN.flags, TRUN.offset];
  const width = 4 * perSample.filter((bit) => (fields & bit) !== 0).length;
  for (let index = 0; index < count && read + width <= trun.end; index++) {
    const duration = next(TRUN.duration, defaults.duration);
    const bytes = next(TRUN.bytes, defaults.bytes);
    const flags = next(TRUN.flags, index === 0 ? firstFlags : defaults.flags);
    const offset = next(TRUN.offset, 0);
    samples.push({ time, duration, offset, bytes, key: (flags & NON_SYNC) === 0, at });
    time += duration;
    at += bytes;
  }
  return time;
}

/** Display times of a plain file's track in ticks, in decode order. */
export function readTimes(moov: Buffer, kind: ClipTrack['kind']): number[] {
  const all = { body: 8, end: moov.length };
  for (const trak of boxes(moov, all.body, all.end)) {
    const hdlr = find(moov, trak, 'mdia', 'hdlr');
    if (trak.type !== 'trak' || hdlr === undefined) continue;
    if (moov.toString('latin1', hdlr.body + 8, hdlr.body + 12) !== kind) continue;
    const stbl = find(moov, trak, 'mdia', 'minf', 'stbl');
    const stts = stbl && find(moov, stbl, 'stts');
    const ctts = stbl && find(moov, stbl, 'ctts');
    const offsets = ctts === undefined ? [] : [...runs(moov, ctts)];
    const times: number[] = [];
    let time = 0;
    for (const step of stts === undefined ? [] : runs(moov, stts)) {
      times.push(time + (offsets[times.length] ?? 0));
      time += step;
    }
    return times;
  }
  return [];
}

/** The values of a run-length table (count, value), one by one, at most `most`. */
export function* runs(moov: Buffer, table: Box, most = MAX_SAMPLES): Generator<number> {
  const entries = moov.readUInt32BE(table.body + 4);
  let left = most;
  for (let entry = 0, at = table.body + 8; entry < entries && at + 8 <= table.end; entry++, at += 8)
    for (let count = moov.readUInt32BE(at); count > 0 && left-- > 0; count--) yield moov.readInt32BE(at + 4);
}
