// The clips that the simulator plays: raw streams as written by their encoders, read once and shared.

import fs from 'node:fs';
import path from 'node:path';
import { splitAnnexB } from '../codec/annexb.js';

export type VideoKind = 'h264' | 'h265' | 'mjpeg';
export type AudioKind = 'aac' | 'pcmu' | 'pcma';

/**
 * One unit of media: the NAL units of an access unit (without start codes and delimiter), a JPEG, an AAC
 * frame without ADTS, or 20 ms of G.711.
 */
export interface ClipUnit {
  readonly parts: readonly Buffer[];
  readonly keyframe: boolean;
}

export interface Clip {
  /** Units per second. */
  readonly rate: number;
  readonly units: readonly ClipUnit[];
  /** Pixels; 0 for audio. */
  readonly width: number;
  readonly height: number;
}

/** Samples per second and AudioSpecificConfig of the AAC clip: AAC-LC, one channel. */
export const AAC_RATE = 16_000;
export const AAC_CONFIG_HEX = '1408';

const AAC_SAMPLES = 1024;
const G711_BYTES = 160;
const MAX_NALS = 100_000;
const MAIN = [640, 360] as const;
const DUAL = [320, 180] as const;
/** RFC 2435 gives sizes in blocks of 8 pixels. */
const MJPEG_DUAL = [320, 176] as const;

const cache = new Map<string, Clip>();

/**
 * The live clip of a channel's stream. Channels above 4 reuse the clips of 1 to 4. Throws the file system's
 * errors.
 */
export function channelClip(channel: number, stream: 'main' | 'dual', kind: VideoKind): Clip {
  const size = stream === 'main' ? MAIN : DUAL;
  switch (kind) {
    case 'h264':
      return load(`ch${((channel - 1) % 4) + 1}-${stream}.h264`, 12.5, size, h264Units);
    case 'h265':
      return load(`h265-${stream}.h265`, 12.5, size, h265Units);
    case 'mjpeg':
      return load(`mjpeg-${stream}.mjpeg`, 5, stream === 'main' ? MAIN : MJPEG_DUAL, jpegUnits);
  }
}

/** One minute that shows its seconds, 0 to 59, with one keyframe per second. */
export function recordingClip(): Clip {
  return load('recording.h264', 10, DUAL, h264Units);
}

/** Beeps at the start of every second. */
export function audioClip(kind: AudioKind): Clip {
  return kind === 'aac'
    ? load('beep.aac', AAC_RATE / AAC_SAMPLES, [0, 0], adtsUnits)
    : load(`beep.${kind}`, 8000 / G711_BYTES, [0, 0], g711Units);
}

function load(
  file: string,
  rate: number,
  [width, height]: readonly [number, number],
  read: (data: Buffer) => ClipUnit[],
): Clip {
  let clip = cache.get(file);
  if (clip === undefined) {
    // The clips are beside this file, both in the source tree and in the built package.
    clip = { rate, width, height, units: read(fs.readFileSync(path.join(__dirname, 'clips', file))) };
    cache.set(file, clip);
  }
  return clip;
}

function h264Units(data: Buffer): ClipUnit[] {
  return accessUnits(data, (nal) => {
    const type = nal[0]! & 0x1f;
    return type === 9 ? 'delimiter' : type === 5 ? 'key' : 'other';
  });
}

function h265Units(data: Buffer): ClipUnit[] {
  return accessUnits(data, (nal) => {
    const type = (nal[0]! >> 1) & 0x3f;
    return type === 35 ? 'delimiter' : type >= 16 && type <= 23 ? 'key' : 'other';
  });
}

function accessUnits(data: Buffer, kindOf: (nal: Buffer) => 'delimiter' | 'key' | 'other'): ClipUnit[] {
  const units: { parts: Buffer[]; keyframe: boolean }[] = [];
  for (const nal of splitAnnexB(data, MAX_NALS)) {
    const kind = kindOf(nal);
    if (kind === 'delimiter' || units.length === 0) units.push({ parts: [], keyframe: false });
    if (kind === 'delimiter') continue;
    const unit = units.at(-1)!;
    unit.parts.push(nal);
    unit.keyframe ||= kind === 'key';
  }
  return units;
}

function jpegUnits(data: Buffer): ClipUnit[] {
  const start = Buffer.of(0xff, 0xd8, 0xff);
  const units: ClipUnit[] = [];
  for (let at = 0; at < data.length;) {
    const next = data.indexOf(start, at + start.length);
    const end = next < 0 ? data.length : next;
    units.push({ parts: [data.subarray(at, end)], keyframe: true });
    at = end;
  }
  return units;
}

/** ADTS (ISO 13818-7 6.2): a 7-byte header with a 13-bit length that includes the header. */
function adtsUnits(data: Buffer): ClipUnit[] {
  const units: ClipUnit[] = [];
  for (let at = 0; at + 7 < data.length;) {
    const length = ((data[at + 3]! & 3) << 11) | (data[at + 4]! << 3) | (data[at + 5]! >> 5);
    if (length <= 7) throw new Error('the AAC clip is damaged');
    units.push({ parts: [data.subarray(at + 7, at + length)], keyframe: true });
    at += length;
  }
  return units;
}

function g711Units(data: Buffer): ClipUnit[] {
  const units: ClipUnit[] = [];
  for (let at = 0; at < data.length; at += G711_BYTES)
    units.push({ parts: [data.subarray(at, at + G711_BYTES)], keyframe: true });
  return units;
}
