// Units as a camera's depacketizers would hand them up, of clips that ffmpeg makes: real pictures, real
// sound, known times.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { joinAnnexB, splitAnnexB } from '../../lib/codec/annexb.js';
import { parseH264Sps } from '../../lib/codec/h264/sps.js';
import { parseH265Sps } from '../../lib/codec/h265/sps.js';
import type { AudioFormat, AudioUnit, NalRange, VideoFormat, VideoUnit } from '../../lib/codec/unit.js';
import { audioClip } from '../../lib/simulator/clips.js';
import type { ClipUnit } from '../../lib/media/gop-ring.js';
import { hashesOf, TO_HASHES } from './tools.js';

type Codec = 'h264' | 'h265';

export interface SourceOptions {
  codec?: Codec;
  size?: string;
  fps?: number;
  seconds?: number;
  gop?: number;
  bFrames?: number;
  /** ffmpeg's filters for the pictures, and more of the encoder's parameters. */
  filter?: string;
  encoder?: string;
  /** Another look, and so other parameter sets where the size differs. */
  pattern?: string;
  bitrate?: string;
}

export interface Source {
  readonly fps: number;
  /** Access units in order of decoding, with the index of each in order of presentation. */
  readonly pictures: readonly { data: Buffer; nals: NalRange[]; keyframe: boolean; shown: number }[];
  readonly format: VideoFormat;
  /** Of the decoded frames, in order of presentation. */
  readonly hashes: readonly string[];
}

const made = new Map<string, Source>();

export function source(options: SourceOptions = {}): Source {
  const key = JSON.stringify(options);
  const known = made.get(key) ?? make(options);
  made.set(key, known);
  return known;
}

function make(options: SourceOptions): Source {
  const { codec = 'h264', size = '320x180', fps = 25, seconds = 4, gop = 25, bFrames = 0 } = options;
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-source-'));
  const file = path.join(folder, 'clip.mp4');
  const rate = options.bitrate === undefined ? [] : ['-b:v', options.bitrate, '-minrate', options.bitrate];
  const more = options.encoder === undefined ? '' : `:${options.encoder}`;
  const parameters = `scenecut=0:keyint=${gop}:min-keyint=${gop}:bframes=${bFrames}:open-gop=0${more}`;
  const encoder =
    codec === 'h264'
      ? ['-c:v', 'libx264', '-preset', 'veryfast', ...rate, '-x264-params', parameters]
      : ['-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', `${parameters}:log-level=none`];
  const input = ['-f', 'lavfi', '-i', `${options.pattern ?? 'testsrc2'}=s=${size}:r=${fps}:d=${seconds}`];
  const filter = options.filter === undefined ? [] : ['-vf', options.filter];
  execFileSync('ffmpeg', ['-v', 'error', ...input, ...filter, '-pix_fmt', 'yuv420p', ...encoder, file]);
  const [width, height] = size.split('x').map(Number);
  const { sets, hashes } = readFrames(file, codec, path.join(folder, 'sets'));
  const pictures = readPictures(file, codec, sets);
  const result: Source = {
    fps,
    pictures,
    format: {
      codec,
      width: width!,
      height: height!,
      frameRate: fps,
      ...reorderingOf(pictures[0]!, codec),
      codecString: codec === 'h264' ? 'avc1.640015' : 'hvc1.1.6.L60.90',
    },
    hashes,
  };
  fs.rmSync(folder, { recursive: true });
  return result;
}

/** The parameter sets of the file, and the hashes of its decoded frames in order of presentation. */
function readFrames(file: string, codec: Codec, setsFile: string): { sets: Uint8Array[]; hashes: string[] } {
  const format = codec === 'h264' ? 'h264' : 'hevc';
  const copy = ['-map', '0:v:0', '-frames:v', '1', '-c', 'copy', '-f', format, setsFile];
  const args = ['-v', 'error', '-i', file, '-map', '0:v:0', ...TO_HASHES, ...copy];
  const hashes = hashesOf(execFileSync('ffmpeg', args, { maxBuffer: 64 << 20 }));
  const sets = splitAnnexB(fs.readFileSync(setsFile)).filter((nal) => isSet(nal, codec));
  return { sets, hashes };
}

function typeOfNal(nal: Uint8Array, codec: Codec): number {
  return codec === 'h264' ? nal[0]! & 0x1f : (nal[0]! >> 1) & 0x3f;
}

function isSet(nal: Uint8Array, codec: Codec): boolean {
  return (codec === 'h264' ? [7, 8] : [32, 33, 34]).includes(typeOfNal(nal, codec));
}

/** As the depacketizer has it of the SPS. */
function reorderingOf({ data, nals }: Source['pictures'][number], codec: Codec): { reorderDepth?: number } {
  const sps = nals.find(({ type }) => type === (codec === 'h264' ? 7 : 33))!;
  const bytes = data.subarray(sps.start + 4, sps.end);
  const reorderDepth = (codec === 'h264' ? parseH264Sps(bytes) : parseH265Sps(bytes))?.reorderDepth;
  return reorderDepth === undefined ? {} : { reorderDepth };
}

/**
 * The packets of ffmpeg's own MP4, as a camera sends them: Annex B, parameter sets in front of each keyframe.
 */
function readPictures(file: string, codec: Codec, sets: readonly Uint8Array[]): Source['pictures'] {
  const args = [
    '-v',
    'error',
    '-select_streams',
    'v',
    '-show_entries',
    'packet=pts,pos,size',
    '-of',
    'json',
    file,
  ];
  const { packets } = JSON.parse(execFileSync('ffprobe', args, { maxBuffer: 64 << 20 }).toString()) as {
    packets: { pts: number; pos: string; size: string }[];
  };
  const typeOf = (nal: Uint8Array): number => typeOfNal(nal, codec);
  const shown = packets.map(({ pts }) => pts).sort((a, b) => a - b);
  const bytes = fs.readFileSync(file);
  return packets.map(({ pts, pos, size }) => {
    const slices = lengthPrefixed(bytes.subarray(Number(pos), Number(pos) + Number(size))).filter(
      (nal) => !isSet(nal, codec),
    );
    const keyframe = slices.some((nal) =>
      codec === 'h264' ? typeOf(nal) === 5 : typeOf(nal) >= 16 && typeOf(nal) <= 21,
    );
    const parts = keyframe ? [...sets, ...slices] : slices;
    let at = 0;
    const nals = parts.map((part) => ({ type: typeOf(part), start: at, end: (at += part.length + 4) }));
    return { data: joinAnnexB(parts), nals, keyframe, shown: shown.indexOf(pts) };
  });
}

function lengthPrefixed(packet: Buffer): Buffer[] {
  const nals: Buffer[] = [];
  for (let at = 0; at < packet.length; at += 4 + packet.readUInt32BE(at)) {
    nals.push(packet.subarray(at + 4, at + 4 + packet.readUInt32BE(at)));
  }
  return nals;
}

export interface Timing {
  /** Monotonic ms of the first picture. */
  begin?: number;
  /** Epoch ms of the same. */
  epoch?: number;
  rtpBase?: number;
  /** Milliseconds each unit is late, by its index. */
  jitter?: (index: number) => number;
  /** What the server claims, in ms from the truth; absent: it makes no claim. */
  claim?: number;
  /** Units lie where they belong on the session's time line, as its clock would have put them at best. */
  placed?: boolean;
}

/** The pictures of a source as units, times in decode order as a camera sends them. */
export function videoUnits(from: Source, timing: Timing = {}, pictures = from.pictures): VideoUnit[] {
  const { begin = 10_000, epoch = 1_760_000_000_000, rtpBase = 0xffff_f000, jitter } = timing;
  const frameMs = 1000 / from.fps;
  const first = pictures[0]!.shown;
  let arrived = 0;
  return pictures.map(({ data, nals, keyframe, shown }, index) => {
    const late = index * frameMs;
    const unit: VideoUnit = {
      kind: 'video',
      codec: from.format.codec,
      data,
      nals,
      keyframe,
      damaged: false,
      format: from.format,
      rtpTime: (rtpBase + Math.round(((shown - first) * 90_000) / from.fps)) >>> 0,
      rtpSequence: index & 0xffff,
      arrival: (arrived = Math.max(arrived, begin + late + (jitter?.(index) ?? 0))),
      time: Math.round(epoch + late),
      timeSource: 'arrival',
    };
    if (timing.placed === true) unit.mediaTime = begin + (shown - first) * frameMs;
    if (timing.claim !== undefined)
      Object.assign(unit, { captureTime: Math.round(epoch + late + timing.claim), timeSource: 'sr' });
    return unit;
  });
}

/** Beeps at the start of every second, from `begin` on. */
export function audioUnits(kind: 'aac' | 'pcmu' | 'pcma', seconds: number, timing: Timing = {}): AudioUnit[] {
  const { begin = 10_000, epoch = 1_760_000_000_000, rtpBase = 77, jitter } = timing;
  const clip = audioClip(kind);
  const sampleRate = kind === 'aac' ? 16_000 : 8000;
  const format: AudioFormat = {
    codec: kind,
    sampleRate,
    channels: 1,
    ...(kind === 'aac' && { config: Buffer.from('1408', 'hex') }),
  };
  let arrived = 0;
  return Array.from({ length: Math.floor(seconds * clip.rate) }, (_, index) => {
    const late = (index * 1000) / clip.rate;
    const unit: AudioUnit = {
      kind: 'audio',
      codec: kind,
      data: clip.units[index % clip.units.length]!.parts[0]!,
      damaged: false,
      format,
      rtpTime: (rtpBase + Math.round((index * sampleRate) / clip.rate)) >>> 0,
      rtpSequence: index & 0xffff,
      arrival: (arrived = Math.max(arrived, begin + late + (jitter?.(index) ?? 0))),
      time: Math.round(epoch + late),
      timeSource: 'arrival',
    };
    if (timing.placed === true) unit.mediaTime = begin + late;
    if (timing.claim !== undefined)
      Object.assign(unit, { captureTime: Math.round(epoch + late + timing.claim), timeSource: 'sr' });
    return unit;
  });
}

/** A tone as Opus, 20 ms a packet. */
export function opusUnits(seconds: number): AudioUnit[] {
  const format: AudioFormat = { codec: 'opus', sampleRate: 48_000, channels: 1 };
  return opusPackets(seconds).map((data, index) => ({
    kind: 'audio',
    codec: 'opus',
    data,
    damaged: false,
    format,
    rtpTime: index * 960,
    rtpSequence: index,
    arrival: 10_000 + index * 20,
    time: 1_760_000_000_000 + index * 20,
    timeSource: 'arrival',
  }));
}

/** ffmpeg's packets, by the positions of its own MP4. */
function opusPackets(seconds: number): Buffer[] {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-opus-'));
  const file = path.join(folder, 'tone.mp4');
  const tone = `sine=frequency=440:sample_rate=48000:duration=${seconds}`;
  execFileSync('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', tone, '-c:a', 'libopus', file]);
  const args = ['-v', 'error', '-show_entries', 'packet=size,pos', '-of', 'csv=p=0', file];
  const places =
    execFileSync('ffprobe', args)
      .toString()
      .match(/^\d+,\d+/gm) ?? [];
  const bytes = fs.readFileSync(file);
  fs.rmSync(folder, { recursive: true });
  return places.slice(0, seconds * 50).map((line) => {
    const [size, position] = line.split(',').map(Number);
    return bytes.subarray(position, position! + size!);
  });
}

/** Units of several tracks in order of arrival. */
export function interleave(...tracks: readonly ClipUnit[][]): ClipUnit[] {
  return tracks.flat().sort((a, b) => a.arrival - b.arrival);
}

export const md5 = (data: Uint8Array): string => createHash('md5').update(data).digest('hex');
