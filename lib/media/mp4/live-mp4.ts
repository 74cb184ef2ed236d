// Fragmented MP4 for a player that follows a live stream: an initialization segment per format, and a fragment per picture, so that none waits for the next (ISO 14496-12 8.8, ISO 14496-15).

import type { VideoUnit } from '../../codec/unit.js';
import { ascii, box, fullBox, u16, u32 } from './boxes.js';

/** Ticks a second of all times: RTP's own for video, which every frame rate fits. */
export const LIVE_TIMESCALE = 90_000;

export interface LiveVideoTrack {
  readonly codec: 'h264' | 'h265';
  /** Pixels, as shown. */
  readonly width: number;
  readonly height: number;
  /** The decoder configuration record: avcC or hvcC. */
  readonly description: Uint8Array;
}

export interface LiveAudioTrack {
  readonly codec: 'aac' | 'opus';
  readonly sampleRate: number;
  readonly channels: number;
  /** AAC: the AudioSpecificConfig. */
  readonly config?: Uint8Array;
}

/** When a sample is decoded and shown, in ticks. */
export interface LiveTimes {
  /** Counts up by one with each fragment of a track. */
  readonly sequence: number;
  readonly decode: number;
  /** Shown this much after it is decoded; may be below 0. */
  readonly offset: number;
  readonly duration: number;
}

const TRACK = 1;
const MATRIX = u32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000);
/** ISO 14496-12 8.8.3.1: depends on no other sample; or depends on others and is no sync sample. */
const SYNC_SAMPLE = 0x02000000;
const OTHER_SAMPLE = 0x01010000;
const TRUN_FIELDS = 0x1 + 0x100 + 0x200 + 0x400 + 0x800;
const SIGNED_OFFSETS = 0x01000000;
const DEFAULT_BASE_IS_MOOF = 0x020000;
const ENABLED_IN_MOVIE = 0x3;
/** The language code `und`, ISO 14496-12 8.4.2.3. */
const UNDETERMINED = 0x55c4;
/** Bytes of a fragment in front of its media: a moof of one sample, and mdat's header. */
const FRAGMENT_HEAD = 112;

/** The initialization segment of a picture format. */
export function videoInit(track: LiveVideoTrack): Buffer {
  const { codec, width, height, description } = track;
  const entry = box(
    codec === 'h264' ? 'avc1' : 'hvc1',
    Buffer.alloc(6),
    u16(1),
    Buffer.alloc(16),
    u16(width, height),
    u32(0x480000, 0x480000, 0),
    u16(1),
    Buffer.alloc(32),
    u16(0x18, 0xffff),
    box(codec === 'h264' ? 'avcC' : 'hvcC', description),
  );
  const head = fullBox('vmhd', 0, 1, Buffer.alloc(8));
  return init('vide', width, height, head, entry);
}

/** The initialization segment of a sound format. */
export function audioInit(track: LiveAudioTrack): Buffer {
  const { codec, sampleRate, channels } = track;
  const entry = box(
    codec === 'aac' ? 'mp4a' : 'Opus',
    Buffer.alloc(6),
    u16(1),
    Buffer.alloc(8),
    u16(channels, 16, 0, 0),
    u32(codec === 'aac' ? sampleRate * 0x10000 : 48_000 * 0x10000),
    codec === 'aac' ? esds(track.config ?? new Uint8Array()) : opusConfig(track),
  );
  return init('soun', 0, 0, fullBox('smhd', 0, 0, Buffer.alloc(4)), entry);
}

/** One picture as a moof and an mdat: its media is copied here, once, with lengths in place of start codes (ISO 14496-15 4.3). */
export function videoFragment(unit: Pick<VideoUnit, 'data' | 'nals' | 'keyframe'>, times: LiveTimes): Buffer {
  const { data, nals, keyframe } = unit;
  const out = fragmentFor(data.length, times, keyframe ? SYNC_SAMPLE : OTHER_SAMPLE);
  data.copy(out, FRAGMENT_HEAD);
  for (const { start, end } of nals) out.writeUInt32BE(end - start - 4, FRAGMENT_HEAD + start);
  return out;
}

/** One audio frame as a moof and an mdat. */
export function audioFragment(data: Buffer, times: LiveTimes): Buffer {
  const out = fragmentFor(data.length, times, SYNC_SAMPLE);
  data.copy(out, FRAGMENT_HEAD);
  return out;
}

/** Everything of a fragment but its media, which begins at FRAGMENT_HEAD. Written field by field: one is made for every picture. */
function fragmentFor(bytes: number, times: LiveTimes, flags: number): Buffer {
  const out = Buffer.allocUnsafeSlow(FRAGMENT_HEAD + bytes);
  let at = 0;
  const words = (...values: readonly number[]): void => {
    for (const value of values) at = out.writeUInt32BE(value, at);
  };
  const begin = (size: number, type: string): void => {
    words(size);
    at += out.write(type, at, 'latin1');
  };
  begin(104, 'moof');
  begin(16, 'mfhd');
  words(0, times.sequence);
  begin(80, 'traf');
  begin(16, 'tfhd');
  words(DEFAULT_BASE_IS_MOOF, TRACK);
  begin(20, 'tfdt');
  words(0x01000000);
  at = out.writeBigUInt64BE(BigInt(times.decode), at);
  begin(36, 'trun');
  words(SIGNED_OFFSETS + TRUN_FIELDS, 1, FRAGMENT_HEAD, times.duration, bytes, flags);
  at = out.writeInt32BE(times.offset, at);
  begin(8 + bytes, 'mdat');
  return out;
}

function init(handler: 'vide' | 'soun', width: number, height: number, head: Buffer, entry: Buffer): Buffer {
  const dinf = box('dinf', fullBox('dref', 0, 0, u32(1), fullBox('url ', 0, 1)));
  const stbl = box(
    'stbl',
    fullBox('stsd', 0, 0, u32(1), entry),
    fullBox('stts', 0, 0, u32(0)),
    fullBox('stsc', 0, 0, u32(0)),
    fullBox('stsz', 0, 0, u32(0, 0)),
    fullBox('stco', 0, 0, u32(0)),
  );
  const name = handler === 'vide' ? 'video' : 'sound';
  const mdia = box(
    'mdia',
    fullBox('mdhd', 0, 0, u32(0, 0, LIVE_TIMESCALE, 0), u16(UNDETERMINED, 0)),
    fullBox('hdlr', 0, 0, u32(0), ascii(handler), Buffer.alloc(12), ascii(`${name}\0`)),
    box('minf', head, dinf, stbl),
  );
  const volume = handler === 'soun' ? 0x0100 : 0;
  const tkhd = fullBox(
    'tkhd',
    0,
    ENABLED_IN_MOVIE,
    u32(0, 0, TRACK, 0, 0, 0, 0),
    u16(0, 0, volume, 0),
    MATRIX,
    u32(width * 0x10000, height * 0x10000),
  );
  const mvhd = fullBox(
    'mvhd',
    0,
    0,
    u32(0, 0, LIVE_TIMESCALE, 0, 0x10000),
    u16(0x0100, 0),
    Buffer.alloc(8),
    MATRIX,
    Buffer.alloc(24),
    u32(TRACK + 1),
  );
  return Buffer.concat([
    box('ftyp', ascii('isom'), u32(0x200), ascii('isomiso5iso6mp41')),
    box('moov', mvhd, box('trak', tkhd, mdia), box('mvex', fullBox('trex', 0, 0, u32(TRACK, 1, 0, 0, 0)))),
  ]);
}

/** ISO 14496-1 7.2.6.5, as an AAC track needs it (ISO 14496-14 5.6). */
function esds(config: Uint8Array): Buffer {
  const descriptor = (tag: number, ...parts: readonly Uint8Array[]): Buffer => {
    const body = Buffer.concat(parts);
    return Buffer.concat([Buffer.from([tag, body.length]), body]);
  };
  const specific = descriptor(0x05, config);
  const decoder = descriptor(0x04, Buffer.from([0x40, 0x15, 0, 0, 0]), u32(0, 0), specific);
  return fullBox(
    'esds',
    0,
    0,
    descriptor(0x03, u16(TRACK), Buffer.from([0]), decoder, descriptor(0x06, Buffer.from([0x02]))),
  );
}

/** Encapsulation of Opus in ISO BMFF 4.3.2: RTP's Opus is always of 48 kHz and one or two channels. */
function opusConfig({ channels, sampleRate }: LiveAudioTrack): Buffer {
  const body = Buffer.alloc(11);
  body.writeUInt8(channels, 1);
  body.writeUInt32BE(sampleRate, 4);
  return box('dOps', body);
}
