// Reads one RTP packet in place, by index (RFC 3550 5.1). One instance is reused for every packet, so that
// the hot path allocates nothing.

import { ntpToEpochMs } from './rtcp.js';

/**
 * ONVIF's replay extension (Streaming Specification 6.3): an NTP time and a word of flags. A JPEG extension
 * (5.1) with its own header may follow in the same block.
 */
const ONVIF_REPLAY = 0xabac;
const ONVIF_REPLAY_WORDS = 3;
const FIXED_HEADER = 12;
const NOTHING = Buffer.alloc(0);

/** A view of the packet that `parse` read last. All its indices count from the start of `buffer`. */
export class RtpPacketView {
  buffer: Buffer = NOTHING;
  /** Index of the first byte in `buffer`, and one past the last. */
  start = 0;
  end = 0;
  /** 0 to 127. */
  payloadType = 0;
  marker = false;
  /** 16 bits; wraps. */
  sequence = 0;
  /** 32 bits in units of the payload's clock rate; wraps. */
  timestamp = 0;
  ssrc = 0;
  /** The payload without CSRCs, header extension and padding; may be empty. */
  payloadStart = 0;
  payloadEnd = 0;
  /**
   * Profile word of the header extension (-1 if there is none), and its data after the 4-byte extension
   * header. If an ONVIF replay extension holds another extension, these describe the inner one.
   */
  extensionProfile = -1;
  extensionStart = 0;
  extensionEnd = 0;
  /** Epoch ms from an ONVIF 0xABAC header extension; NaN if absent or implausible. */
  onvifTime = NaN;

  /**
   * Reads the packet in `buffer` from `start` up to `end`. False if this is not an RTP packet (version,
   * length, padding); the fields are then undefined.
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
    this.timestamp = int32(buffer, start + 4) >>> 0;
    this.ssrc = int32(buffer, start + 8) >>> 0;
    this.extensionProfile = -1;
    this.onvifTime = NaN;

    let payloadStart = start + FIXED_HEADER + 4 * (first & 0x0f);
    if ((first & 0x10) !== 0) {
      payloadStart = this.readExtension(payloadStart, end);
      if (payloadStart < 0) return false;
    }
    // The last byte is the padding length, itself included. Some devices set the P bit without padding, and
    // the byte is 0.
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
  private readExtension(at: number, end: number): number {
    if (at + 4 > end) return -1;
    const buffer = this.buffer;
    const words = (buffer[at + 2]! << 8) | buffer[at + 3]!;
    const extensionEnd = at + 4 + 4 * words;
    if (extensionEnd > end) return -1;
    this.extensionProfile = (buffer[at]! << 8) | buffer[at + 1]!;
    this.extensionStart = at + 4;
    this.extensionEnd = extensionEnd;
    if (this.extensionProfile === ONVIF_REPLAY && words >= 2) {
      this.onvifTime = ntpToEpochMs(int32(buffer, at + 4) >>> 0, int32(buffer, at + 8) >>> 0);
      if (words > ONVIF_REPLAY_WORDS) this.readExtension(at + 4 + 4 * ONVIF_REPLAY_WORDS, extensionEnd);
    }
    return extensionEnd;
  }
}

/**
 * Four bytes as a signed number, big-endian, by index: called per packet. The caller makes it unsigned
 * (`>>> 0`): a call that returns 2^31 or more may allocate a number, one that returns a signed 32-bit number
 * does not.
 */
export function int32(buffer: Buffer, at: number): number {
  return (buffer[at]! << 24) | (buffer[at + 1]! << 16) | (buffer[at + 2]! << 8) | buffer[at + 3]!;
}
