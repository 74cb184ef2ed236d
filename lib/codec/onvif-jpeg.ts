// ONVIF's extension of JPEG over RTP: JPEG marker segments in the RTP header extension, used for pictures
// above 2040 pixels among others (ONVIF Streaming Specification 5.1).

import { JPEG_MARKER } from './jpeg-header.js';

/** Profile words of the header extension: on the first packet of a picture, and on the others. */
export const ONVIF_JPEG_FIRST = 0xffd8;
export const ONVIF_JPEG_NEXT = 0xffff;

/** The marker segments of a picture's extension by kind, each complete; empty if there is none of a kind. */
export interface JpegExtension {
  readonly tables: Buffer;
  readonly huffman: Buffer;
  readonly restart: Buffer;
  readonly frame: Buffer;
  readonly scan: Buffer;
  /** APPn, COM and others. */
  readonly other: Buffer;
  /** Data behind the SOS segment: the beginning of the scan. */
  readonly scanData: Buffer;
}

const NONE: Buffer = Buffer.alloc(0);

/**
 * Parses an extension: marker segments, with 0xFF bytes between them as padding. Undefined if it contains
 * anything else.
 */
export function readJpegExtension(bytes: Buffer): JpegExtension | undefined {
  const found = {
    tables: [] as Buffer[],
    huffman: [] as Buffer[],
    restart: NONE,
    frame: NONE,
    scan: NONE,
    other: [] as Buffer[],
    scanData: NONE,
  };
  let at = 0;
  while (at < bytes.length) {
    if (bytes[at] !== 0xff) return undefined;
    const marker = bytes[at + 1] ?? 0xff;
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    if (at + 4 > bytes.length) return undefined;
    const end = at + 2 + bytes.readUInt16BE(at + 2);
    if (end > bytes.length || end < at + 4) return undefined;
    const segment = bytes.subarray(at, end);
    if (marker === JPEG_MARKER.DQT) found.tables.push(segment);
    else if (marker === JPEG_MARKER.DHT) found.huffman.push(segment);
    else if (marker === JPEG_MARKER.DRI) found.restart = segment;
    else if (isFrameHeader(marker)) found.frame = segment;
    else if (marker === JPEG_MARKER.SOS) {
      found.scan = segment;
      found.scanData = bytes.subarray(end);
      break;
    } else found.other.push(segment);
    at = end;
  }
  if (found.frame.length > 0 && found.frame.length < 10) return undefined;
  // The bytes belong to the caller's memory, so they are copied.
  return {
    tables: Buffer.concat(found.tables),
    huffman: Buffer.concat(found.huffman),
    restart: Buffer.from(found.restart),
    frame: Buffer.from(found.frame),
    scan: Buffer.from(found.scan),
    other: Buffer.concat(found.other),
    scanData: Buffer.from(found.scanData),
  };
}

/** Width and height in pixels from a frame header segment (T.81 B.2.2). */
export function frameSize(frame: Buffer): { width: number; height: number } {
  return { width: frame.readUInt16BE(7), height: frame.readUInt16BE(5) };
}

function isFrameHeader(marker: number): boolean {
  const { SOF0, SOF15, DHT, JPG, DAC } = JPEG_MARKER;
  return marker >= SOF0 && marker <= SOF15 && marker !== DHT && marker !== JPG && marker !== DAC;
}
