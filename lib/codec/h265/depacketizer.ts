// H.265 over RTP: turns single NAL units, aggregation packets and fragmentation units (RFC 7798 4.4) into
// access units.

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
import { H265Rules } from './nal.js';
import type { H265Sps } from './sps.js';

/** Payload structures (RFC 7798 4.4). Types below 48 are single NAL units. */
const AP = 48;
const FU = 49;
const PACI = 50;

const FU_START = 0x80;
const FU_END = 0x40;
const HEADER_BYTES = 2;

/** Largest sprop-max-don-diff and sprop-depack-buf-nalus (RFC 7798 7.1). */
const MAX_DEPTH = 32_767;

/**
 * Reads AP, FU and single NAL units, with decoding order numbers if `sprop-max-don-diff` announces them.
 * Parameter sets come from `sprop-vps`, `sprop-sps` and `sprop-pps`; those in band take precedence.
 * `sprop-sei` is not read.
 */
export class H265Depacketizer implements Depacketizer {
  private readonly units: AccessUnitAssembler<H265Sps>;
  /** Present if packets carry decoding order numbers. */
  private readonly deinterleaver: Deinterleaver | undefined;
  private readonly nals: NalTarget;

  constructor(
    payload: PayloadDescription,
    media: MediaDescription,
    sink: (unit: MediaUnit) => void,
    options: DepacketizerOptions = {},
  ) {
    const rules = new H265Rules();
    const { fmtp } = payload;
    for (const key of ['sprop-vps', 'sprop-sps', 'sprop-pps']) {
      for (const nal of parseSprop(fmtp.get(key))) rules.sets.learn(nal, 0);
    }
    const maxDonDiff = fmtpNumber(fmtp, 'sprop-max-don-diff', MAX_DEPTH) ?? 0;
    const depth = fmtpNumber(fmtp, 'sprop-depack-buf-nalus', MAX_DEPTH) ?? 0;
    this.units = new AccessUnitAssembler(rules, sink, {
      ...options,
      ...(media.frameRate !== undefined && { frameRate: media.frameRate }),
      ...(depth > 0 && maxDonDiff > 0 && { boundary: 'timestamp' }),
    });
    if (maxDonDiff > 0) {
      this.deinterleaver = new Deinterleaver(this.units, { depth, maxDonDiff, counts: () => true });
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
    const type = (buffer[start]! >> 1) & 0x3f;
    if (start + HEADER_BYTES >= end) {
      // End of sequence and end of bitstream consist of a header only.
      if (start + HEADER_BYTES === end && type < AP) nals.nal(buffer, start, end);
      else nals.missing();
    } else if (type === AP) {
      this.aggregate(buffer, start + HEADER_BYTES, end);
    } else if (type === FU) {
      this.fragment(buffer, start, end);
    } else if (type >= PACI) {
      nals.missing();
    } else if (this.deinterleaver === undefined) {
      nals.nal(buffer, start, end);
    } else if (this.decodingOrder(buffer, start + HEADER_BYTES, end)) {
      nals.beginNal(buffer[start]!, buffer[start + 1]!);
      nals.continueNal(buffer, start + HEADER_BYTES + 2, end);
      nals.closeNal();
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

  // DONL: decoding order number of the next NAL unit.
  private decodingOrder(buffer: Buffer, at: number, end: number): boolean {
    if (at + 2 > end) {
      this.nals.missing();
      return false;
    }
    this.deinterleaver?.number(buffer.readUInt16BE(at));
    return true;
  }

  // AP: repeated size and NAL unit. With decoding order numbers, DONL before the first and DOND before each
  // later one (RFC 7798 4.4.2).
  private aggregate(buffer: Buffer, from: number, end: number): void {
    const queue = this.deinterleaver;
    let at = from;
    let number = 0;
    if (queue !== undefined) {
      if (!this.decodingOrder(buffer, at, end)) return;
      number = buffer.readUInt16BE(at);
      at += 2;
    }
    let count = 0;
    while (at + 2 <= end) {
      const size = (buffer[at]! << 8) | buffer[at + 1]!;
      at += 2;
      if (at + size > end || count === LIMITS.packetNals) {
        this.nals.missing();
        return;
      }
      if (size > 0) {
        this.nals.nal(buffer, at, at + size);
        count++;
      }
      at += size;
      if (queue !== undefined && at < end) {
        number = (number + buffer[at]! + 1) & 0xffff;
        queue.number(number);
        at += 1;
      }
    }
  }

  // FU: the NAL unit header is the payload header with the FU header's type (RFC 7798 4.4.3).
  private fragment(buffer: Buffer, start: number, end: number): void {
    const header = buffer[start + HEADER_BYTES]!;
    let from = start + HEADER_BYTES + 1;
    if ((header & FU_START) !== 0) {
      if (this.deinterleaver !== undefined) {
        if (!this.decodingOrder(buffer, from, end)) return;
        from += 2;
      }
      // Use only the first fragment's type: some cameras send another one in later fragments.
      this.nals.beginNal((buffer[start]! & 0x81) | ((header & 0x3f) << 1), buffer[start + 1]!);
    }
    this.nals.continueNal(buffer, from, end);
    if ((header & FU_END) !== 0) this.nals.closeNal();
  }
}
