// The boxes before the fragments of a file or live stream: the tracks and their decoder configurations (ISO
// 14496-12 8.2 to 8.8, ISO 14496-15; QuickTime File Format for MOV).

import type { ColourDescription, SampleAspect } from '../../codec/unit.js';
import { ascii, box, fullBox, u16, u32, u8 } from './boxes.js';

/** Ticks per second of picture times; the RTP clock rate, so that nothing is rounded. */
export const VIDEO_RATE = 90_000;

export interface PictureEntry {
  readonly codec: 'h264' | 'h265';
  /** Coded size in pixels. */
  readonly width: number;
  readonly height: number;
  /** The decoder configuration record: avcC or hvcC. */
  readonly record: Buffer;
  readonly sar?: SampleAspect;
  readonly colour?: ColourDescription;
}

export interface SoundEntry {
  readonly codec: SoundCodec;
  readonly sampleRate: number;
  readonly channels: number;
  /** AAC: the AudioSpecificConfig. */
  readonly config?: Uint8Array;
}

export interface HeaderTrack {
  /** Ticks a second. */
  readonly timescale: number;
  readonly picture?: PictureEntry;
  readonly sound?: SoundEntry;
  /**
   * Ticks of media before the first displayed picture: decoders need them, players skip them (ISO 14496-12
   * 8.6.6).
   */
  readonly skip?: number;
}

/** Names of sample entries. The last three exist in MOV only. */
const SOUND_NAMES = { aac: 'mp4a', opus: 'Opus', pcmu: 'ulaw', pcma: 'alaw', l16: 'twos' } as const;
type SoundCodec = keyof typeof SOUND_NAMES;
const MOV_ONLY: ReadonlySet<string> = new Set(['pcmu', 'pcma', 'l16']);

const MATRIX = u32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000);
const ENABLED_IN_MOVIE = 0x3;
/** Language code `und` (ISO 14496-12 8.4.2.3). */
const UNDETERMINED = 0x55c4;
/** Largest integer part of a 16.16 number. */
const MAX_SIDE = 65_535;
/** Dots per inch as in every file, and bits per pixel. */
const RESOLUTION = 0x480000;
const DEPTH = 24;
/** Opus in RTP always has a clock of 48 kHz. */
const OPUS_RATE = 48_000;

/** Whether a file can hold this audio codec. */
export function isSoundCodec(codec: string): codec is SoundCodec {
  return codec in SOUND_NAMES;
}

/** Whether the audio codec requires a MOV file. */
export function needsMov(codec: string | undefined): boolean {
  return codec !== undefined && MOV_ONLY.has(codec);
}

/** ftyp and moov. Tracks are numbered from 1, in order. */
export function mp4Header(tracks: readonly HeaderTrack[]): Buffer {
  const isMov = tracks.some(({ sound }) => needsMov(sound?.codec));
  const brands = isMov ? ascii('qt  ') : ascii('isomiso5iso6mp41');
  const mvhd = fullBox(
    'mvhd',
    0,
    0,
    u32(0, 0, VIDEO_RATE, 0, 0x10000),
    u16(0x0100, 0),
    Buffer.alloc(8),
    MATRIX,
    Buffer.alloc(24),
    u32(tracks.length + 1),
  );
  const mvex = tracks.map((_, index) => fullBox('trex', 0, 0, u32(index + 1, 1, 0, 0, 0)));
  return Buffer.concat([
    box('ftyp', brands.subarray(0, 4), u32(0x200), brands),
    box('moov', mvhd, ...tracks.map((track, index) => trak(index + 1, track, isMov)), box('mvex', ...mvex)),
  ]);
}

/**
 * Edit list. `length`: in ticks of the movie; `from`: where it begins in the media, or -1 for an empty edit.
 */
export function editList(...edits: readonly (readonly [length: number, from: number])[]): Buffer {
  const entries = edits.map(([length, from]) => u32(length, from >>> 0, 0x1_0000));
  return box('edts', fullBox('elst', 0, 0, u32(edits.length), ...entries));
}

function trak(id: number, { timescale, picture, sound, skip = 0 }: HeaderTrack, isMov: boolean): Buffer {
  const entry = picture === undefined ? soundEntry(sound!, isMov) : pictureEntry(picture, isMov);
  const dinf = box('dinf', fullBox('dref', 0, 0, u32(1), fullBox('url ', 0, 1)));
  const stbl = box(
    'stbl',
    fullBox('stsd', 0, 0, u32(1), entry),
    fullBox('stts', 0, 0, u32(0)),
    fullBox('stsc', 0, 0, u32(0)),
    fullBox('stsz', 0, 0, u32(0, 0)),
    fullBox('stco', 0, 0, u32(0)),
  );
  const [handler, name] = picture === undefined ? ['soun', 'sound'] : ['vide', 'video'];
  const head =
    picture === undefined ? fullBox('smhd', 0, 0, Buffer.alloc(4)) : fullBox('vmhd', 0, 1, Buffer.alloc(8));
  const mdia = box(
    'mdia',
    fullBox('mdhd', 0, 0, u32(0, 0, timescale, 0), u16(UNDETERMINED, 0)),
    fullBox(
      'hdlr',
      0,
      0,
      isMov ? ascii('mhlr') : u32(0),
      ascii(handler),
      Buffer.alloc(12),
      ascii(`${name}\0`),
    ),
    box('minf', head, dinf, stbl),
  );
  const { width: across = 1, height: down = 1 } = picture?.sar ?? {};
  const shown =
    picture === undefined ? [0, 0] : [Math.round((picture.width * across) / down), picture.height];
  const tkhd = fullBox(
    'tkhd',
    0,
    ENABLED_IN_MOVIE,
    u32(0, 0, id, 0, 0, 0, 0),
    u16(0, 0, picture === undefined ? 0x0100 : 0, 0),
    MATRIX,
    u32(...shown.map((side) => Math.min(side, MAX_SIDE) * 0x10000)),
  );
  // Length 0 means the duration of all fragments.
  return box('trak', tkhd, ...(skip > 0 ? [editList([0, skip])] : []), mdia);
}

function pictureEntry({ codec, width, height, record, sar, colour }: PictureEntry, isMov: boolean): Buffer {
  const parts = [
    Buffer.alloc(6),
    u16(1),
    Buffer.alloc(16),
    u16(width, height),
    u32(RESOLUTION, RESOLUTION, 0),
    u16(1),
    Buffer.alloc(32),
    u16(DEPTH, 0xffff),
    box(codec === 'h264' ? 'avcC' : 'hvcC', record),
  ];
  if (sar !== undefined) parts.push(box('pasp', u32(sar.width, sar.height)));
  if (colour !== undefined) parts.push(colr(colour, isMov));
  return box(codec === 'h264' ? 'avc1' : 'hvc1', ...parts);
}

/** colr box (ISO 14496-12 12.1.5); QuickTime's has no range flag. */
function colr({ primaries, transfer, matrix, fullRange }: ColourDescription, isMov: boolean): Buffer {
  const codes = u16(primaries, transfer, matrix);
  return isMov
    ? box('colr', ascii('nclc'), codes)
    : box('colr', ascii('nclx'), codes, u8(fullRange ? 0x80 : 0));
}

function soundEntry(sound: SoundEntry, isMov: boolean): Buffer {
  const { codec, channels } = sound;
  const rate = codec === 'opus' ? OPUS_RATE : sound.sampleRate;
  const bytes = codec === 'l16' ? 2 : 1;
  const parts = [
    Buffer.alloc(6),
    u16(1, isMov ? 1 : 0, 0),
    u32(0),
    u16(channels, isMov ? 8 * bytes : 16, 0, 0),
    u32(Math.min(rate, MAX_SIDE) * 0x10000),
  ];
  // Version 1 of QuickTime's sound entry gives the sizes of a packet, a frame and a sample.
  if (isMov) parts.push(u32(1, bytes, bytes * channels, 2));
  if (codec === 'aac') parts.push(esds(sound.config ?? new Uint8Array()));
  if (codec === 'opus') parts.push(opusConfig(sound));
  return box(SOUND_NAMES[codec], ...parts);
}

/** esds box (ISO 14496-1 7.2.6.5), as an AAC track needs it (ISO 14496-14 5.6). */
function esds(config: Uint8Array): Buffer {
  const descriptor = (tag: number, ...parts: readonly Uint8Array[]): Buffer => {
    const body = Buffer.concat(parts);
    // Lengths with seven bits per byte; the highest bit is clear in the last byte (8.3.3).
    return Buffer.concat([Buffer.of(tag, 0x80 | (body.length >> 7), body.length & 0x7f), body]);
  };
  const decoder = descriptor(0x04, Buffer.of(0x40, 0x15, 0, 0, 0), u32(0, 0), descriptor(0x05, config));
  return fullBox('esds', 0, 0, descriptor(0x03, u16(0), u8(0), decoder, descriptor(0x06, u8(0x02))));
}

/**
 * Encapsulation of Opus in ISO BMFF 4.3.2. Pre-skip is 0, because a recording begins in the middle of the
 * audio.
 */
function opusConfig({ channels }: SoundEntry): Buffer {
  return box('dOps', u8(0), u8(channels), u16(0), u32(OPUS_RATE), u16(0), u8(0));
}
