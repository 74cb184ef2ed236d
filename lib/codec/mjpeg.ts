// JPEG over RTP (RFC 2435, and ONVIF's extension of it): assembles the fragments of a picture behind rebuilt
// JPEG headers.

import { LIMITS } from '../limits.js';
import type { RtpPacketView } from '../rtp/packet.js';
import type { MediaDescription, PictureSize } from '../rtsp/sdp.js';
import { ByteCollector } from './byte-collector.js';
import type { Depacketizer } from './payload-format.js';
import type { QuantTables } from './jpeg-header.js';
import {
  DEFAULT_HUFFMAN,
  JPEG_END,
  JPEG_START,
  START_OF_SCAN,
  restartInterval,
  scaledTables,
  startOfFrame,
  tablesOf,
} from './jpeg-header.js';
import { ONVIF_JPEG_FIRST, ONVIF_JPEG_NEXT, frameSize, readJpegExtension } from './onvif-jpeg.js';
import type { JpegExtension } from './onvif-jpeg.js';
import type { MediaUnit, VideoFormat } from './unit.js';
import { UnitOrigin } from './unit-origin.js';

const MAIN_HEADER = 8;
const RESTART_HEADER = 4;
const TABLE_HEADER = 4;
const RESTART_TYPES = 64;
const FIRST_IN_BAND_Q = 128;
const LAST_SCALED_Q = 99;
const EXTENSION_BYTES = 64 * 1024;
const NOTHING = Buffer.alloc(0);

/** What a picture's first packet says about it. */
interface Picture {
  readonly type: number;
  /** In pixels; 0 if the picture is too large for the header and the SDP gives no size. */
  readonly width: number;
  readonly height: number;
  /** Restart interval in MCUs; 0 for none. */
  readonly restart: number;
  /** Undefined for Q = 0: use those of the last picture (ONVIF). */
  readonly tables: QuantTables | undefined;
}

/**
 * One unit per picture, always a keyframe, always whole: a picture with a missing part, or without a usable
 * size or tables, is dropped, and the next one is flagged `damaged`. A picture ends at the marker bit, at a
 * new timestamp, or where the next begins with offset 0.
 */
export class MjpegDepacketizer implements Depacketizer {
  private readonly sink: (unit: MediaUnit) => void;
  private readonly frameRate: number | undefined;
  /** Picture size from the SDP. */
  private readonly sdpSize: PictureSize | undefined;
  private readonly origin = new UnitOrigin();
  private readonly data = new ByteCollector(LIMITS.unitBytes);
  private readonly extension = new ByteCollector(EXTENSION_BYTES);
  /**
   * Quantization tables by Q. In-band ones also serve later pictures that refer to them with length 0 (RFC
   * 2435 3.1.8).
   */
  private readonly tables = new Map<number, QuantTables>();

  private open = false;
  private broken = false;
  /** Whether this picture, or any before it, began with an ONVIF extension. */
  private extended = false;
  private extendedStream = false;
  private picture: Picture | undefined;
  /** Scan bytes so far, which is the offset expected of the next fragment. */
  private offset = 0;
  private headerWritten = false;
  private sequence = 0;
  /** A picture, or the end of one, was lost. */
  private afterLoss = false;
  /** False until the beginning of a picture was seen: joining in the middle of one is not damage. */
  private joined = false;

  // What ONVIF allows a picture to inherit from the previous one.
  private lastTables: Buffer = NOTHING;
  private lastQuant: QuantTables | undefined;
  private lastHuffman: Buffer = NOTHING;
  private lastFrame: Buffer = NOTHING;

  private format: VideoFormat = { codec: 'mjpeg', width: 0, height: 0 };
  private width = 0;
  private height = 0;

  constructor(
    _payload: MediaDescription['payloads'][number],
    media: MediaDescription,
    sink: (unit: MediaUnit) => void,
  ) {
    this.sink = sink;
    this.frameRate = media.frameRate;
    this.sdpSize = media.pictureSize;
  }

  push(packet: RtpPacketView, arrivalMs: number): void {
    const { buffer, payloadStart, payloadEnd } = packet;
    if (this.open && packet.timestamp !== this.origin.rtpTime) this.finish();
    const hasHeader = payloadEnd - payloadStart >= MAIN_HEADER;
    const offset = hasHeader ? buffer.readUIntBE(payloadStart + 1, 3) : this.offset;
    if (this.open && offset === 0 && (this.offset > 0 || this.picture === undefined) && hasHeader)
      this.finish();
    if (!this.open) this.begin(packet, arrivalMs, hasHeader && offset === 0);
    this.sequence = packet.sequence;

    if (!this.broken) this.broken = !this.takeExtension(packet);
    if (!this.broken && payloadEnd > payloadStart) {
      this.broken =
        !hasHeader || offset !== this.offset || !this.takeFragment(buffer, payloadStart, payloadEnd, offset);
    }
    if (packet.marker) this.finish();
  }

  gap(): void {
    this.broken = this.open;
    this.afterLoss = true;
  }

  flush(): void {
    // Without a marker, a picture counts as whole only if it ends with EOI.
    if (this.open && this.endsLikeJpeg()) this.finish();
    this.close();
  }

  reset(): void {
    this.close();
    this.tables.clear();
    this.lastTables = this.lastHuffman = this.lastFrame = NOTHING;
    this.lastQuant = undefined;
  }

  private begin(packet: RtpPacketView, arrivalMs: number, atOffset0: boolean): void {
    const extended = packet.extensionProfile === ONVIF_JPEG_FIRST;
    // Offset 0 may also be the second packet, if the first held only an extension and was lost.
    const atStart = atOffset0 && (extended || !this.extendedStream || !this.afterLoss);
    this.open = true;
    this.broken = !atStart;
    this.joined ||= atStart;
    this.extended = extended;
    this.extendedStream ||= extended;
    this.origin.begin(packet, arrivalMs);
  }

  /**
   * Marker segments from the header extension: part of the header until the scan begins, then part of the
   * scan.
   */
  private takeExtension(packet: RtpPacketView): boolean {
    const profile = packet.extensionProfile;
    if (profile !== ONVIF_JPEG_FIRST && profile !== ONVIF_JPEG_NEXT) return true;
    const target = this.headerWritten ? this.data : this.extension;
    return target.append(packet.buffer, packet.extensionStart, packet.extensionEnd);
  }

  private takeFragment(buffer: Buffer, start: number, end: number, offset: number): boolean {
    const type = buffer[start + 4]!;
    const q = buffer[start + 5]!;
    let at = start + MAIN_HEADER;
    let restart = 0;
    if (type >= RESTART_TYPES) {
      if (at + RESTART_HEADER > end) return false;
      restart = buffer.readUInt16BE(at);
      at += RESTART_HEADER;
    }
    if (offset === 0) {
      const tablesAt = at;
      if (q >= FIRST_IN_BAND_Q) {
        if (at + TABLE_HEADER > end) return false;
        at += TABLE_HEADER + buffer.readUInt16BE(at + 2);
        if (at > end) return false;
      }
      this.picture ??= {
        type: type % RESTART_TYPES,
        ...this.sizeOf(buffer[start + 6]!, buffer[start + 7]!),
        restart,
        tables: this.tablesFor(q, buffer, tablesAt, at),
      };
    }
    if (at === end) return true;
    if (!this.headerWritten && !this.writeHeader(this.picture, type)) return false;
    this.offset += end - at;
    return this.data.append(buffer, at, end);
  }

  /**
   * Size in pixels, from the sides in blocks of 8. The SDP's size is used if it fits, because the header
   * cannot hold more than 2040, nor a remainder of 1 to 7. Senders of larger pictures write 0, or the number
   * modulo 256.
   */
  private sizeOf(columns: number, rows: number): PictureSize {
    const sdpSize = this.sdpSize;
    if (sdpSize && fits(columns, sdpSize.width) && fits(rows, sdpSize.height)) return sdpSize;
    return { width: columns * 8, height: rows * 8 };
  }

  /**
   * The picture's quantization tables. For Q from 128 on they are between `at` and `end`, behind their own
   * header, or came with an earlier picture.
   */
  private tablesFor(q: number, buffer: Buffer, at: number, end: number): QuantTables | undefined {
    // 100 to 127 are reserved; senders that use them mean the best quality.
    if (q < FIRST_IN_BAND_Q) {
      if (q > 0 && !this.tables.has(q)) this.tables.set(q, scaledTables(Math.min(q, LAST_SCALED_Q)));
    } else if (end - at > TABLE_HEADER)
      this.tables.set(q, tablesOf(buffer.subarray(at + TABLE_HEADER, end), buffer[at + 1]!));
    return this.tables.get(q);
  }

  private writeHeader(picture: Picture | undefined, type: number): boolean {
    this.headerWritten = true;
    if (picture === undefined || type >= 2 * RESTART_TYPES) return false;
    if (this.extended) {
      const extension = readJpegExtension(this.extension.bytes);
      return extension !== undefined && this.writeExtended(picture, extension);
    }
    const { tables, width, height } = picture;
    if (tables === undefined || tables.count === 0 || picture.type > 1 || width === 0 || height === 0)
      return false;
    const frame = startOfFrame(picture, tables);
    this.remember(tables, NOTHING, frame);
    const restart = picture.restart > 0 ? restartInterval(picture.restart) : NOTHING;
    return this.append(JPEG_START, tables.segments, frame, DEFAULT_HUFFMAN, restart, START_OF_SCAN);
  }

  /**
   * ONVIF Streaming Specification 5.1.2: segments in the extension take precedence; missing ones come from
   * the header or the last picture.
   */
  private writeExtended(picture: Picture, extension: JpegExtension): boolean {
    const tables = picture.tables ?? this.lastQuant;
    const inherited = picture.tables === undefined ? this.lastTables : NOTHING;
    const huffman = extension.huffman.length > 0 ? extension.huffman : this.lastHuffman;
    let frame = extension.frame;
    if (frame.length === 0) {
      if (picture.width === 0 && picture.height === 0) frame = this.lastFrame;
      else if (tables !== undefined && picture.type <= 1) frame = startOfFrame(picture, tables);
    }
    if (frame.length === 0) return false;
    let restart = extension.restart;
    if (restart.length === 0 && picture.restart > 0) restart = restartInterval(picture.restart);
    const own = extension.tables.length > 0 ? extension.tables : inherited;
    const quant = tables?.segments ?? NOTHING;
    if (quant.length + own.length === 0) return false;
    this.remember(tables, own, frame);
    this.lastHuffman = huffman;
    const start = JPEG_START.subarray(0, 2);
    const scan = extension.scan.length > 0 ? extension.scan : START_OF_SCAN;
    return this.append(
      start,
      extension.other,
      quant,
      own,
      frame,
      DEFAULT_HUFFMAN,
      huffman,
      restart,
      scan,
      extension.scanData,
    );
  }

  private remember(quant: QuantTables | undefined, tables: Buffer, frame: Buffer): void {
    this.lastQuant = quant;
    this.lastTables = tables;
    this.lastFrame = frame;
    const { width, height } = frameSize(frame);
    this.width = width;
    this.height = height;
  }

  private append(...parts: readonly Buffer[]): boolean {
    return parts.every((part) => this.data.append(part));
  }

  private finish(): void {
    if (!this.broken && this.offset > 0 && (this.endsLikeJpeg() || this.data.append(JPEG_END))) this.emit();
    else this.afterLoss ||= this.joined;
    this.close();
  }

  private endsLikeJpeg(): boolean {
    return this.data.bytes.subarray(-2).equals(JPEG_END);
  }

  private emit(): void {
    if (this.format.width !== this.width || this.format.height !== this.height) {
      const size = { codec: 'mjpeg' as const, width: this.width, height: this.height };
      this.format = this.frameRate === undefined ? size : { ...size, frameRate: this.frameRate };
    }
    this.afterLoss = false;
    this.sink({
      kind: 'video',
      codec: 'mjpeg',
      ...this.origin.times(this.sequence),
      data: this.data.take(),
      nals: [],
      keyframe: true,
      // Always false: a picture with a missing part is dropped.
      damaged: false,
      format: this.format,
    });
  }

  /** Discards the picture in progress. */
  private close(): void {
    this.open = false;
    this.broken = false;
    this.extended = false;
    this.picture = undefined;
    this.offset = 0;
    this.headerWritten = false;
    this.data.clear();
    this.extension.clear();
  }
}

function fits(blocks: number, pixels: number): boolean {
  return blocks === 0 || blocks === (Math.ceil(pixels / 8) & 255);
}
