// AAC over RTP as MPEG4-GENERIC (RFC 3640, modes AAC-hbr and AAC-lbr): extracts access units by their AU
// headers, several per packet or one in several packets.

import { LIMITS } from '../limits.js';
import type { RtpPacketView } from '../rtp/packet.js';
import type { MediaDescription } from '../rtsp/sdp.js';
import type { AacConfig } from './aac-config.js';
import { defaultAacConfig, parseAacConfig } from './aac-config.js';
import { Bits } from './bits.js';
import { ByteCollector, ownCopy } from './byte-collector.js';
import { AacRateGuard } from './aac-rate.js';
import type { Depacketizer, DepacketizerOptions } from './payload-format.js';
import type { AudioFormat, MediaUnit } from './unit.js';
import { UnitOrigin } from './unit-origin.js';

const ADTS_HEADER = 7;

/** Widths in bits of the AU header fields (RFC 3640 3.2.1 and 4.1), and defaults for absent fields. */
interface AuLayout {
  readonly size: number;
  readonly index: number;
  readonly indexDelta: number;
  readonly cts: number;
  readonly dts: number;
  readonly randomAccess: number;
  readonly streamState: number;
  /** Width of the auxiliary section's length field; 0 if there is no such section. */
  readonly auxiliary: number;
  /** Size in bytes of every access unit if AU headers do not give it; 0 if they do. */
  readonly constantSize: number;
}

/**
 * One unit per access unit, raw (without ADTS). Units in a packet are one frame apart in RTP time, in packet
 * order; in interleaved streams `index` shifts their RTP time. A unit with a missing part is dropped, and the
 * one after any loss is flagged `damaged`.
 */
export class AacDepacketizer implements Depacketizer {
  private readonly units: AacRateGuard;
  private readonly layout: AuLayout;
  private readonly format: AudioFormat;
  /** RTP ticks per frame. */
  private readonly frameTicks: number;
  private readonly origin = new UnitOrigin();
  private readonly fragments = new ByteCollector(LIMITS.unitBytes);
  /** Size in bytes of the fragmented access unit in progress; 0 if there is none. */
  private wanted = 0;
  private damagedNext = false;

  constructor(
    payload: MediaDescription['payloads'][number],
    _media: MediaDescription,
    sink: (unit: MediaUnit) => void,
    { onWarning }: DepacketizerOptions = {},
  ) {
    const config = configOf(payload);
    this.units = new AacRateGuard(payload.clockRate, sink, onWarning);
    this.layout = layoutOf(payload.fmtp);
    this.frameTicks = Math.round((config.frameSamples * payload.clockRate) / config.coreRate);
    this.format = {
      codec: 'aac',
      sampleRate: config.sampleRate,
      channels: config.channels === 0 ? payload.channels : config.channels,
      config: config.bytes,
    };
  }

  push(packet: RtpPacketView, arrivalMs: number): void {
    const { buffer, payloadStart, payloadEnd } = packet;
    // The fragments of a unit share its timestamp.
    if (this.wanted > 0 && packet.timestamp !== this.origin.rtpTime) this.dropFragments();
    if (this.wanted === 0) this.origin.begin(packet, arrivalMs);
    const headers =
      this.layout.constantSize > 0 ? undefined : this.headerBits(buffer, payloadStart, payloadEnd);
    let at = headers === undefined ? payloadStart : Math.ceil(headers.end / 8);
    at = this.skipAuxiliary(buffer, at, payloadEnd);
    if (at >= payloadEnd) {
      // Headers without data, or headers that reach past the packet.
      if (payloadEnd > payloadStart) this.dropFragments();
      return;
    }
    if (headers === undefined) this.takeConstant(buffer, at, payloadEnd, packet.sequence);
    else this.takeUnits(headers.bits, buffer, at, payloadEnd, packet.sequence);
  }

  gap(): void {
    this.dropFragments();
    this.damagedNext = true;
  }

  flush(): void {
    this.reset();
  }

  reset(): void {
    this.fragments.clear();
    this.wanted = 0;
  }

  /**
   * Reads the AU header section (RFC 3640 3.2.1): its length in bits, then the headers. `end`: its end, in
   * bits from the start of the buffer.
   */
  private headerBits(buffer: Buffer, start: number, end: number): { bits: Bits; end: number } {
    const from = (start + 2) * 8;
    const length = start + 2 <= end ? buffer.readUInt16BE(start) : 0;
    const until = Math.min(from + length, end * 8);
    return { bits: new Bits(buffer, from, until), end: from + length };
  }

  private skipAuxiliary(buffer: Buffer, at: number, end: number): number {
    const width = this.layout.auxiliary;
    if (width === 0 || at >= end) return at;
    const length = new Bits(buffer, at * 8, end * 8).read(width);
    return at + Math.ceil((width + length) / 8);
  }

  private takeConstant(buffer: Buffer, start: number, end: number, sequence: number): void {
    const size = this.layout.constantSize;
    let count = 0;
    let at = start;
    for (; at + size <= end && count < LIMITS.packetUnits; at += size)
      this.emit(ownCopy(buffer, at, at + size), sequence, count++);
    if (at !== end) this.damagedNext = true;
  }

  private takeUnits(bits: Bits, buffer: Buffer, start: number, end: number, sequence: number): void {
    const layout = this.layout;
    let at = start;
    let position = 0;
    for (let count = 0; bits.left > 0 && at < end && count < LIMITS.packetUnits; count++) {
      const size = bits.read(layout.size);
      if (count === 0) bits.read(layout.index);
      else position += 1 + bits.read(layout.indexDelta);
      skipTimes(bits, layout);
      if (bits.overrun) break;
      if (count === 0 && (this.wanted > 0 || size > end - at)) {
        this.takeFragment(size, buffer, at, end, sequence);
        return;
      }
      if (size > end - at) break;
      if (size > 0) this.emit(withoutAdts(buffer, at, at + size), sequence, position);
      at += size;
    }
    // The numbers of headers and units do not match, so the headers are wrong.
    if (at !== end || bits.left >= layout.size + layout.indexDelta) this.damagedNext = true;
  }

  /** Each packet holds one fragment and repeats the size of the whole unit (RFC 3640 3.2.3). */
  private takeFragment(size: number, buffer: Buffer, start: number, end: number, sequence: number): void {
    if (this.wanted === 0) this.wanted = size;
    const total = this.fragments.size + end - start;
    if (size !== this.wanted || total > size || !this.fragments.append(buffer, start, end)) {
      this.dropFragments();
      return;
    }
    if (total < size) return;
    this.wanted = 0;
    this.emit(this.fragments.take(), sequence, 0);
  }

  private dropFragments(): void {
    if (this.wanted > 0) this.damagedNext = true;
    this.reset();
  }

  private emit(data: Buffer, sequence: number, position: number): void {
    const damaged = this.damagedNext;
    this.damagedNext = false;
    this.units.take({
      kind: 'audio',
      codec: 'aac',
      ...this.origin.times(sequence, position * this.frameTicks),
      data,
      damaged,
      format: this.format,
    });
  }
}

/**
 * Removes the ADTS header that some cameras put before every access unit, against MPEG4-GENERIC. No access
 * unit begins like one.
 */
function withoutAdts(buffer: Buffer, start: number, end: number): Buffer {
  const size = end - start;
  if (size > ADTS_HEADER && buffer[start] === 0xff && (buffer[start + 1]! & 0xf6) === 0xf0) {
    const length = (buffer.readUIntBE(start + 3, 3) >> 5) & 0x1fff;
    const header = (buffer[start + 1]! & 1) === 1 ? ADTS_HEADER : ADTS_HEADER + 2;
    if (length === size && size > header) return ownCopy(buffer, start + header, end);
  }
  return ownCopy(buffer, start, end);
}

function skipTimes(bits: Bits, layout: AuLayout): void {
  if (layout.cts > 0 && bits.read(1) === 1) bits.read(layout.cts);
  if (layout.dts > 0 && bits.read(1) === 1) bits.read(layout.dts);
  bits.read(layout.randomAccess);
  bits.read(layout.streamState);
}

function layoutOf(fmtp: ReadonlyMap<string, string>): AuLayout {
  // Default without parameters: AAC-hbr (RFC 3640 3.3.6), which all cameras send. AAC-lbr is 3.3.5.
  const low = fmtp.get('mode')?.toLowerCase() === 'aac-lbr';
  const width = (name: string, otherwise: number): number => numberOf(fmtp.get(name), 32, otherwise);
  const size = width('sizelength', 0);
  const constantSize = size > 0 ? 0 : numberOf(fmtp.get('constantsize'), LIMITS.packetBytes, 0);
  return {
    size: size > 0 || constantSize > 0 ? size : low ? 6 : 13,
    index: width('indexlength', low ? 2 : 3),
    indexDelta: width('indexdeltalength', low ? 2 : 3),
    cts: width('ctsdeltalength', 0),
    dts: width('dtsdeltalength', 0),
    randomAccess: width('randomaccessindication', 0) > 0 ? 1 : 0,
    streamState: width('streamstateindication', 0),
    auxiliary: width('auxiliarydatasizelength', 0),
    constantSize,
  };
}

function numberOf(text: string | undefined, most: number, otherwise: number): number {
  const value = Number(text ?? NaN);
  return Number.isInteger(value) && value >= 0 && value <= most ? value : otherwise;
}

function configOf(payload: MediaDescription['payloads'][number]): AacConfig {
  const hex = payload.fmtp.get('config') ?? '';
  const config = /^([0-9a-f]{2})+$/i.test(hex) ? parseAacConfig(Buffer.from(hex, 'hex')) : undefined;
  return config ?? defaultAacConfig(payload.clockRate, payload.channels);
}
