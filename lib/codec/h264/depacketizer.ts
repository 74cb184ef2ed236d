// H.264 over RTP: single NAL units, aggregates and fragments (RFC 6184 5) into access units.

import { AccessUnitAssembler, type AssemblerStats } from '../access-unit.js';
import { parseSprop } from '../annexb.js';
import type { Depacketizer, PayloadDescription, VideoOptions } from '../depacketizer.js';
import type { RtpPacketView } from '../../rtp/packet.js';
import type { MediaDescription } from '../../rtsp/sdp.js';
import type { MediaUnit } from '../unit.js';
import { H264Rules } from './nal.js';
import type { H264Sps } from './sps.js';

/** Payload structures, RFC 6184 table 1; 1 to 23 are NAL units as they are. */
const STAP_A = 24;
const STAP_B = 25;
const MTAP16 = 26;
const MTAP24 = 27;
const FU_A = 28;
const FU_B = 29;

const FU_START = 0x80;
const FU_END = 0x40;

/**
 * Reads every payload structure of RFC 6184, whatever `packetization-mode` promises. Parameter sets come from `sprop-parameter-sets`, or in band, which wins.
 */
export class H264Depacketizer implements Depacketizer {
  readonly #units: AccessUnitAssembler<H264Sps>;

  constructor(
    payload: PayloadDescription,
    media: MediaDescription,
    sink: (unit: MediaUnit) => void,
    options: VideoOptions = {},
  ) {
    const rules = new H264Rules();
    for (const nal of parseSprop(payload.fmtp.get('sprop-parameter-sets')))
      rules.sets.learn(nal, rules.typeOf(nal[0]!), 0);
    this.#units = new AccessUnitAssembler(rules, sink, {
      ...options,
      ...(media.frameRate !== undefined && { frameRate: media.frameRate }),
    });
  }

  get stats(): Readonly<AssemblerStats> {
    return this.#units.stats;
  }

  push(packet: RtpPacketView, arrivalMs: number): void {
    const { buffer, payloadStart: start, payloadEnd: end } = packet;
    if (start >= end) return;
    const units = this.#units;
    units.at(packet.timestamp, arrivalMs, packet.sequence, packet.onvifTime);
    switch (buffer[start]! & 0x1f) {
      case STAP_A:
        this.#aggregate(buffer, start + 1, end);
        break;
      case STAP_B:
        this.#aggregate(buffer, start + 3, end);
        break;
      case MTAP16:
      case MTAP24:
        break;
      case FU_A:
        this.#fragment(buffer, start, start + 2, end);
        break;
      case FU_B:
        this.#fragment(buffer, start, start + 4, end);
        break;
      default:
        units.nal(buffer, start, end);
    }
    if (packet.marker) units.marker();
  }

  gap(): void {
    this.#units.gap();
  }

  flush(): void {
    this.#units.flush();
  }

  reset(): void {
    this.#units.reset();
  }

  #aggregate(buffer: Buffer, from: number, end: number): void {
    let at = from;
    while (at + 2 <= end) {
      const size = (buffer[at]! << 8) | buffer[at + 1]!;
      at += 2;
      if (at + size > end) {
        this.#units.missing();
        return;
      }
      // Size 0 is padding, which some cameras add.
      if (size > 0) this.#units.nal(buffer, at, at + size);
      at += size;
    }
  }

  #fragment(buffer: Buffer, start: number, from: number, end: number): void {
    if (from > end) {
      this.#units.missing();
      return;
    }
    const header = buffer[start + 1]!;
    // Only the first fragment's type counts: with some cameras it drifts in the later ones.
    if ((header & FU_START) !== 0) this.#units.beginNal((buffer[start]! & 0xe0) | (header & 0x1f));
    this.#units.continueNal(buffer, from, end);
    if ((header & FU_END) !== 0) this.#units.closeNal();
  }
}
