// One RTP packet, read in place by index (RFC 3550 5.1). One instance is reused for every packet: nothing is
// allocated on the hot path.

import { ntpToEpochMs } from './rtcp.js';

/**
 * ONVIF's replay extension (Streaming Specification 6.3): an NTP time and a word of flags; a JPEG extension
 * (5.1) may follow in the same block, with a header of its own.
 */
const ONVIF_REPLAY = 0xabac;
const ONVIF_REPLAY_WORDS = 3;
const FIXED_HEADER = 12;
const NOTHING = Buffer.alloc(0);

/** A view on the packet that `parse` read last. All its indices count from the start of `buffer`. */
export class RtpPacketView {
  buffer: Buffer = NOTHING;
  /** Where the packet begins in `buffer`, and one past its last byte. */
  start = 0;
  end = 0;
  /** 0 to 127. */
  payloadType = 0;
  marker = false;
  /** 16 bits, wraps. */
  sequence = 0;
  /** 32 bits in the payload's clock rate, wraps. */
  timestamp = 0;
  ssrc = 0;
  /** The payload without CSRCs, header extension and padding; it may be empty. */
  payloadStart = 0;
  payloadEnd = 0;
  /**
   * The header extension's profile word, -1 if there is none, and its bytes after the 4-byte extension
   * header. Behind an ONVIF replay extension: those of the extension inside it.
   */
  extensionProfile = -1;
  extensionStart = 0;
  extensionEnd = 0;
  /** Epoch milliseconds of an ONVIF 0xABAC header extension; NaN if there is none or if it cannot be true. */
  onvifTime = NaN;

  /**
   * Reads the packet in `buffer` from `start` up to `end`. False: this is no RTP packet (version, length,
   * padding), and the view's fields mean nothing.
   */
  parse(buffer: Buffer, start: number, end: number): boolean {
    if (end > buffer.length || end - start < FIXED_HEADER) return false;
    const first = buffer[start]!;
    if (first >> 6 !== 2) return false;
    const second = buffer[start + 1]!;
    this.buffer = buffer;
    this.start = start;
    this.end = end;
    this.marker = second > 127;
    this.payloadType = second & 0x7f;
    this.sequence = (buffer[start + 2]! << 8) | buffer[start + 3]!;
    this.timestamp = uint32(buffer, start + 4);
    this.ssrc = uint32(buffer, start + 8);
    this.extensionProfile = -1;
    this.onvifTime = NaN;

    let payloadStart = start + FIXED_HEADER + 4 * (first & 0x0f);
    if ((first & 0x10) !== 0) {
      payloadStart = this.#readExtension(payloadStart, end);
      if (payloadStart < 0) return false;
    }
    // The last byte counts the padding, itself included; 0 is said by devices that set the bit and pad
    // nothing.
    const payloadEnd = (first & 0x20) !== 0 ? end - buffer[end - 1]! : end;
    if (payloadStart > payloadEnd) return false;
    this.payloadStart = payloadStart;
    this.payloadEnd = payloadEnd;
    return true;
  }

  /**
   * Reads the header extension (RFC 3550 5.3.1) and returns where the payload begins, or -1 when the packet
   * is too short for it.
   */
  #readExtension(at: number, end: number): number {
    if (at + 4 > end) return -1;
    const buffer = this.buffer;
    const words = (buffer[at + 2]! << 8) | buffer[at + 3]!;
    const extensionEnd = at + 4 + 4 * words;
    if (extensionEnd > end) return -1;
    this.extensionProfile = (buffer[at]! << 8) | buffer[at + 1]!;
    this.extensionStart = at + 4;
    this.extensionEnd = extensionEnd;
    if (this.extensionProfile === ONVIF_REPLAY && words >= 2) {
      this.onvifTime = ntpToEpochMs(uint32(buffer, at + 4), uint32(buffer, at + 8));
      if (words > ONVIF_REPLAY_WORDS) this.#readExtension(at + 4 + 4 * ONVIF_REPLAY_WORDS, extensionEnd);
    }
    return extensionEnd;
  }
}

/** Big-endian, by index: on the hot path. */
export function uint32(buffer: Buffer, at: number): number {
  return ((buffer[at]! << 24) | (buffer[at + 1]! << 16) | (buffer[at + 2]! << 8) | buffer[at + 3]!) >>> 0;
}
