// The bench's stream: a real encoder's H.264, packetized once, as interleaved frames whose numbers run on
// however often the clip is repeated.

import { execFileSync } from 'node:child_process';
import { splitAnnexB } from '../../lib/codec/annexb.js';

export const FPS = 25;
/** Bytes of an RTP payload: with all headers a packet is 1.4 KB. */
const MTU = 1388;
const KEY_EVERY = 50;
const RTP_TICKS = 90_000 / FPS;
const FRAME_BYTES = 4;
const HEADER_BYTES = 12;

/** The packets of one picture, as RTP payloads. */
export type Picture = readonly Buffer[];

/** 10 s of 1080p at `megabits` Mbit/s. */
export function makePictures(megabits: number): Picture[] {
  const rate = `${megabits}M`;
  const clip = execFileSync(
    'ffmpeg',
    [
      ...[
        '-v',
        'error',
        '-f',
        'lavfi',
        '-i',
        `testsrc2=s=1920x1080:r=${FPS}:d=10`,
        '-vf',
        'noise=alls=12:allf=t',
      ],
      ...['-c:v', 'libx264', '-preset', 'ultrafast', '-profile:v', 'main', '-pix_fmt', 'yuv420p'],
      ...['-b:v', rate, '-minrate', rate, '-maxrate', rate, '-bufsize', '1M', '-g', String(KEY_EVERY)],
      ...['-x264-params', 'aud=1:nal-hrd=cbr:sliced-threads=0', '-f', 'h264', '-'],
    ],
    { maxBuffer: 64 << 20 },
  );
  return picturesOf(clip);
}

/** Of an H.264 stream with access unit delimiters. */
export function picturesOf(clip: Buffer): Picture[] {
  const pictures: Buffer[][] = [];
  for (const nal of splitAnnexB(clip, 1_000_000)) {
    const type = nal[0]! & 0x1f;
    if (type === 9) pictures.push([]);
    // Filler makes the bit rate, and no camera sends it.
    else if (type !== 12) pictures.at(-1)!.push(...payloads(nal));
  }
  return pictures;
}

/** A NAL unit as it is, or in FU-A (RFC 6184 5.8). */
function payloads(nal: Buffer): Buffer[] {
  if (nal.length <= MTU) return [nal];
  const room = MTU - 2;
  const pieces: Buffer[] = [];
  for (let at = 1; at < nal.length; at += room) {
    const flags = (at === 1 ? 0x80 : 0) | (at + room >= nal.length ? 0x40 : 0);
    pieces.push(
      Buffer.concat([
        Buffer.of((nal[0]! & 0xe0) | 28, flags | (nal[0]! & 0x1f)),
        nal.subarray(at, at + room),
      ]),
    );
  }
  return pieces;
}

export interface Packed {
  readonly bytes: Buffer;
  /** Where each packet ends in `bytes`. */
  readonly ends: Uint32Array;
  readonly pictures: number;
}

/** Interleaved frames on channel 0 (RFC 2326 10.12), at least `size` bytes of whole pictures. */
export function pack(pictures: readonly Picture[], size: number): Packed {
  const bytes = Buffer.allocUnsafeSlow(size + 1024 * 1024);
  const ends: number[] = [];
  let at = 0;
  let count = 0;
  for (; at < size; count++) at = packPicture(bytes, at, pictures[count % pictures.length]!, count, ends);
  return { bytes: bytes.subarray(0, at), ends: Uint32Array.from(ends), pictures: count };
}

/** Writes one picture's frames at `at`; its packets are numbered on from `ends`. */
export function packPicture(
  bytes: Buffer,
  start: number,
  picture: Picture,
  index: number,
  ends: number[],
): number {
  let at = start;
  picture.forEach((payload, i) => {
    const marker = i === picture.length - 1 ? 0x80 : 0;
    bytes[at] = 0x24;
    bytes[at + 1] = 0;
    bytes.writeUInt16BE(HEADER_BYTES + payload.length, at + 2);
    at += FRAME_BYTES;
    bytes[at] = 0x80;
    bytes[at + 1] = marker | 96;
    bytes.writeUInt16BE(ends.length & 0xffff, at + 2);
    bytes.writeUInt32BE((index * RTP_TICKS) % 2 ** 32, at + 4);
    bytes.writeUInt32BE(0x1234, at + 8);
    at += HEADER_BYTES + payload.copy(bytes, at + HEADER_BYTES);
    ends.push(at);
  });
  return at;
}
