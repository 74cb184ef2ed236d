// Sends pictures as RFC 2435 says, for tests: type, Q and tables as they are told.

import { rtp } from '../../rtp/build.js';

export interface JpegParts {
  width: number;
  height: number;
  /** 0: 4:2:2, 1: 4:2:0. */
  type: number;
  /** 128 bytes, luminance and chrominance, in zigzag order. */
  tables: Buffer;
  /** Everything behind the SOS segment, EOI included. */
  scan: Buffer;
}

export interface MjpegOptions {
  /** Payload bytes of a packet at most. */
  mtu: number;
  type: number;
  q: number;
  width: number;
  height: number;
  sequence: number;
  timestamp: number;
  /** Sent behind the table header where Q is 128 or more. */
  tables?: Uint8Array;
  precision?: number;
  restart?: number;
  noMarker?: boolean;
  /** ONVIF: the first packet's header extension. */
  extension?: { profile: number; data: Uint8Array };
}

/** Takes a baseline JPEG apart. */
export function jpegParts(file: Buffer): JpegParts {
  const tables: Buffer[] = [];
  let width = 0;
  let height = 0;
  let type = 0;
  for (let at = 2; ;) {
    const marker = file[at + 1]!;
    const end = at + 2 + file.readUInt16BE(at + 2);
    if (marker === 0xdb) tables.push(file.subarray(at + 5, end));
    if (marker === 0xc0) {
      height = file.readUInt16BE(at + 5);
      width = file.readUInt16BE(at + 7);
      type = file[at + 11] === 0x22 ? 1 : 0;
    }
    at = end;
    if (marker === 0xda)
      return { width, height, type, tables: Buffer.concat(tables), scan: file.subarray(at) };
  }
}

export function packetizeMjpeg(scan: Uint8Array, options: MjpegOptions): Buffer[] {
  const packets: Buffer[] = [];
  let offset = 0;
  do {
    const head = [
      Buffer.from([
        0,
        offset >> 16,
        (offset >> 8) & 0xff,
        offset & 0xff,
        options.type,
        options.q,
        options.width / 8,
        options.height / 8,
      ]),
    ];
    // Restart interval, then F and L set and the count 0x3fff: the receiver is to wait for the whole picture
    // (3.1.7).
    if (options.type >= 64)
      head.push(Buffer.from([(options.restart ?? 0) >> 8, (options.restart ?? 0) & 0xff, 0xff, 0xff]));
    if (offset === 0 && options.q >= 128) {
      const tables = options.tables ?? Buffer.alloc(0);
      head.push(
        Buffer.from([0, options.precision ?? 0, tables.length >> 8, tables.length & 0xff]),
        Buffer.from(tables),
      );
    }
    const header = Buffer.concat(head);
    const part = scan.subarray(offset, offset + Math.max(1, options.mtu - header.length));
    const last = offset + part.length >= scan.length;
    packets.push(
      rtp({
        sequence: options.sequence + packets.length,
        timestamp: options.timestamp,
        payloadType: 26,
        marker: last && options.noMarker !== true,
        payload: Buffer.concat([header, part]),
        ...(offset === 0 && options.extension ? { extension: options.extension } : {}),
      }),
    );
    offset += part.length;
  } while (offset < scan.length);
  return packets;
}

/** A marker segment, found in a JPEG by walking its headers. */
export function segmentOf(jpeg: Buffer, marker: number): Buffer | undefined {
  for (let at = 2; at < jpeg.length;) {
    const end = at + 2 + jpeg.readUInt16BE(at + 2);
    if (jpeg[at + 1] === marker) return jpeg.subarray(at, end);
    if (jpeg[at + 1] === 0xda) return undefined;
    at = end;
  }
  return undefined;
}

/** What follows the SOS segment. */
export function scanIn(jpeg: Buffer): Buffer {
  return jpegParts(jpeg).scan;
}
