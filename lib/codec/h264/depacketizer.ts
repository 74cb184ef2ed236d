// H.264 over RTP: turns single NAL units, aggregates and fragments (RFC 6184 5) into access units.

import { AccessUnitAssembler } from '../access-unit.js';
import type { AssemblerStats } from '../assembler-options.js';
import { parseSprop } from '../annexb.js';
import { Deinterleaver, type NalTarget } from '../deinterleaver.js';
import type { Depacketizer, PayloadDescription, DepacketizerOptions } from '../payload-format.js';
import { fmtpNumber } from '../fmtp.js';
import { LIMITS } from '../../limits.js';
import type { RtpPacketView } from '../../rtp/packet.js';
import type { MediaDescription } from '../../rtsp/sdp.js';
import type { MediaUnit } from '../unit.js';
import { H264_NAL, H264Rules } from './nal.js';
import type { H264Sps } from './sps.js';

/** Payload structures (RFC 6184 table 1). 1 to 23 are single NAL units. */
const STAP_A = 24;
const STAP_B = 25;
const MTAP16 = 26;
const MTAP24 = 27;
const FU_A = 28;
const FU_B = 29;

const FU_START = 0x80;
const FU_END = 0x40;
const ONE_BYTE_HEADER = -1;

/** Interleaved mode (RFC 6184 6.4), and the largest buffer depth it can declare (8.1). */
const INTERLEAVED = 2;
const MAX_DEPTH = 32_767;

/**
 * Reads every payload structure of RFC 6184, whatever `packetization-mode` says. Parameter sets come from
 * `sprop-parameter-sets`; those in band take precedence.
 */
export class H264Depacketizer implements Depacketizer {
  private readonly units: AccessUnitAssembler<H264Sps>;
  private readonly deinterleaver: Deinterleaver | undefined;
  private readonly nals: NalTarget;

  constructor(
    payload: PayloadDescription,
    media: MediaDescription,
    sink: (unit: MediaUnit) => void,
    options: DepacketizerOptions = {},
  ) {
    const rules = new H264Rules();
    const { fmtp } = payload;
    for (const nal of parseSprop(fmtp.get('sprop-parameter-sets'))) rules.sets.learn(nal, 0);
    const interleaved = fmtpNumber(fmtp, 'packetization-mode', INTERLEAVED) === INTERLEAVED;
    this.units = new AccessUnitAssembler(rules, sink, {
      ...options,
      ...(media.frameRate !== undefined && { frameRate: media.frameRate }),
      ...(interleaved && { boundary: 'timestamp' }),
    });
    if (interleaved) {
      const maxDonDiff = fmtpNumber(fmtp, 'sprop-max-don-diff', MAX_DEPTH);
      this.deinterleaver = new Deinterleaver(this.units, {
        depth: fmtpNumber(fmtp, 'sprop-interleaving-depth', MAX_DEPTH) ?? 0,
        ...(maxDonDiff !== undefined && { maxDonDiff }),
        counts: isVcl,
      });
    }
    this.nals = this.deinterleaver ?? this.units;
  }

  get stats(): Readonly<AssemblerStats> {
    return this.units.stats;
  }

  push(packet: RtpPacketView, arrivalMs: number): void {
    const { buffer, payloadStart: start, payloadEnd: end } = packet;
    if (start >= end) return;
    const nals = this.nals;
    nals.at(packet, arrivalMs);
    switch (buffer[start]! & 0x1f) {
      case STAP_A:
        this.aggregate(buffer, start + 1, end);
        break;
      case STAP_B:
        if (this.decodingOrder(buffer, start + 1, end)) this.aggregate(buffer, start + 3, end);
        break;
      case MTAP16:
        if (this.decodingOrder(buffer, start + 1, end)) this.multiTime(packet, arrivalMs, 2);
        break;
      case MTAP24:
        if (this.decodingOrder(buffer, start + 1, end)) this.multiTime(packet, arrivalMs, 3);
        break;
      case FU_A:
        this.fragment(buffer, start, start + 2, end);
        break;
      case FU_B:
        if (this.decodingOrder(buffer, start + 2, end)) this.fragment(buffer, start, start + 4, end);
        break;
      default:
        nals.nal(buffer, start, end);
    }
    if (packet.marker) this.units.marker();
  }

  gap(): void {
    this.deinterleaver?.gap();
    this.units.gap();
  }

  get isHolding(): boolean {
    return this.units.isHolding;
  }

  releaseHeld(): void {
    this.units.releaseHeld();
  }

  flush(): void {
    this.deinterleaver?.flush();
    this.units.flush();
  }

  reset(): void {
    this.deinterleaver?.reset();
    this.units.reset();
  }

  // Reads the 16-bit decoding order number before the NAL units. Outside interleaved mode it is ignored: NAL
  // units are in order.
  private decodingOrder(buffer: Buffer, at: number, end: number): boolean {
    if (at + 2 > end) {
      this.nals.missing();
      return false;
    }
    this.deinterleaver?.number(buffer.readUInt16BE(at));
    return true;
  }

  // STAP: repeated size and NAL unit (RFC 6184 5.7.1).
  private aggregate(buffer: Buffer, from: number, end: number): void {
    let at = from;
    let count = 0;
    while (at + 2 <= end) {
      const size = (buffer[at]! << 8) | buffer[at + 1]!;
      at += 2;
      if (at + size > end || count === LIMITS.packetNals) {
        this.nals.missing();
        return;
      }
      // Some cameras add padding of size 0.
      if (size > 0) {
        this.nals.nal(buffer, at, at + size);
        count++;
      }
      at += size;
    }
  }

  // MTAP: repeated size, decoding order number difference, timestamp offset, NAL unit (RFC 6184 5.7.2).
  private multiTime(packet: RtpPacketView, arrivalMs: number, offsetBytes: 2 | 3): void {
    const { buffer, payloadEnd: end, sequence, onvifTime } = packet;
    const base = buffer.readUInt16BE(packet.payloadStart + 1);
    const header = 3 + offsetBytes;
    let at = packet.payloadStart + 3;
    for (let count = 0; at + header <= end; count++) {
      const size = buffer.readUInt16BE(at);
      const from = at + header;
      at = from + size;
      if (at > end || count === LIMITS.packetNals) {
        this.nals.missing();
        return;
      }
      if (size === 0) continue;
      const timestamp = (packet.timestamp + buffer.readUIntBE(from - offsetBytes, offsetBytes)) >>> 0;
      this.deinterleaver?.number((base + buffer[from - offsetBytes - 1]!) & 0xffff);
      this.nals.at({ timestamp, sequence, onvifTime }, arrivalMs);
      this.nals.nal(buffer, from, at);
    }
  }

  // FU: the NAL unit header consists of the indicator's upper bits and the FU header's type (RFC 6184 5.8).
  private fragment(buffer: Buffer, start: number, from: number, end: number): void {
    if (from > end) {
      this.nals.missing();
      return;
    }
    const header = buffer[start + 1]!;
    // Use only the first fragment's type: some cameras send another one in later fragments.
    if ((header & FU_START) !== 0)
      this.nals.beginNal((buffer[start]! & 0xe0) | (header & 0x1f), ONE_BYTE_HEADER);
    this.nals.continueNal(buffer, from, end);
    if ((header & FU_END) !== 0) this.nals.closeNal();
  }
}

function isVcl(firstByte: number): boolean {
  const type = firstByte & 0x1f;
  return type >= H264_NAL.slice && type <= H264_NAL.idr;
}
