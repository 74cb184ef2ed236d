// RTCP packets (RFC 3550 6): a lenient reader of compound packets, and a writer for the few types that this
// client sends.

import { NvrError } from '../errors.js';

const SENDER_REPORT = 200;
const RECEIVER_REPORT = 201;
const SOURCE_DESCRIPTION = 202;
const BYE = 203;
/** Range of RTCP packet types that RFC 5761 4 keeps distinct from RTP: 192 to 223. */
const FIRST_TYPE = 192;
const LAST_TYPE = 223;
const BLOCK_BYTES = 24;

/** ms from the start of NTP era 0 (1900) to 1970, and the length of an era. */
const NTP_TO_UNIX_MS = 2_208_988_800_000;
const ERA_MS = 2 ** 32 * 1000;
const ERA_1_MS = ERA_MS - NTP_TO_UNIX_MS;
const YEAR_MS = 365 * 86_400_000;
const YEAR_2000_MS = 946_684_800_000;
const YEAR_2080_MS = 3_471_292_800_000;

/** Callbacks of `parseRtcp`, called in the order of the compound packet. */
export interface RtcpHandler {
  /**
   * A sender report: `ntpMs` in epoch ms (NaN if implausible), the RTP time of the same instant, and the
   * middle 32 bits of the NTP time, which a report block echoes as LSR.
   */
  onSenderReport?(ssrc: number, ntpMs: number, rtpTime: number, ntpMiddle: number): void;
  onReceiverReport?(ssrc: number): void;
  /** Called once for each source that leaves. */
  onBye?(ssrc: number): void;
}

/** A report block (RFC 3550 6.4.1), as `RtpReceiver.report` makes it. */
export interface ReportBlock {
  /** The source reported on. */
  readonly ssrc: number;
  /** 0 to 255: share of packets lost since the last report, in 1/256. */
  readonly fractionLost: number;
  /** Written as signed 24 bits; larger values are clamped. */
  readonly cumulativeLost: number;
  /** 32 bits: cycles and the highest sequence number. */
  readonly highestSequence: number;
  /** In RTP ticks. */
  readonly jitter: number;
  /** Middle 32 bits of the last sender report's NTP time; 0 before any. */
  readonly lastSr: number;
  /** In 1/65536 s; 0 before any sender report. */
  readonly delaySinceLastSr: number;
}

/**
 * Reads the compound packet in `buffer` from `start` up to `end`. Never throws: a truncated packet is read as
 * far as it goes, and parsing stops at anything unreadable. True if at least one RTCP header was found.
 */
export function parseRtcp(buffer: Buffer, start: number, end: number, handler: RtcpHandler): boolean {
  const limit = Math.min(end, buffer.length);
  let at = start;
  while (at + 4 <= limit) {
    const type = buffer[at + 1]!;
    if (buffer[at]! >> 6 !== 2 || type < FIRST_TYPE || type > LAST_TYPE) break;
    const next = at + 4 + 4 * buffer.readUInt16BE(at + 2);
    readPacket(buffer, at, Math.min(next, limit), type, handler);
    at = next;
  }
  return at > start;
}

function readPacket(buffer: Buffer, at: number, end: number, type: number, handler: RtcpHandler): void {
  if (type === SENDER_REPORT && at + 20 <= end) {
    const high = buffer.readUInt32BE(at + 8);
    const low = buffer.readUInt32BE(at + 12);
    const middle = (((high & 0xffff) << 16) | (low >>> 16)) >>> 0;
    handler.onSenderReport?.(
      buffer.readUInt32BE(at + 4),
      ntpToEpochMs(high, low),
      buffer.readUInt32BE(at + 16),
      middle,
    );
  } else if (type === RECEIVER_REPORT && at + 8 <= end) {
    handler.onReceiverReport?.(buffer.readUInt32BE(at + 4));
  } else if (type === BYE) {
    const sources = buffer[at]! & 0x1f;
    for (let i = 0, source = at + 4; i < sources && source + 4 <= end; i++, source += 4) {
      handler.onBye?.(buffer.readUInt32BE(source));
    }
  }
}

/**
 * Converts an NTP time (RFC 5905 6: seconds since 1900 and a fraction in 1/2^32 s) to whole epoch ms. Seconds
 * without the top bit belong to era 1, which begins on 2036-02-07.
 *
 * NaN for implausible times: before 2000 (a device whose clock starts in 1970), the first year of era 1 (a
 * device that counts from 0), and from 2080 on (a device that forgets to add the 70 years between 1900 and
 * 1970).
 */
export function ntpToEpochMs(seconds: number, fraction: number): number {
  const eraMs = seconds >= 0x8000_0000 ? 0 : ERA_MS;
  const ms = Math.round(eraMs + seconds * 1000 + (fraction * 1000) / 2 ** 32) - NTP_TO_UNIX_MS;
  if (ms < YEAR_2000_MS || ms >= YEAR_2080_MS) return NaN;
  return ms >= ERA_1_MS && ms < ERA_1_MS + YEAR_MS ? NaN : ms;
}

/**
 * A receiver report with at most 31 blocks (RFC 3550 6.4.2). Append `buildSdes`: every compound packet must
 * carry a CNAME.
 */
export function buildReceiverReport(ssrc: number, blocks: readonly ReportBlock[] = []): Buffer {
  const packet = header(RECEIVER_REPORT, blocks.length, 8 + BLOCK_BYTES * blocks.length);
  packet.writeUInt32BE(ssrc >>> 0, 4);
  writeBlocks(packet, 8, blocks);
  return packet;
}

/**
 * A sender report (RFC 3550 6.4.1). `ntpMs` is in epoch ms; `packets` and `bytes` count what was sent so far.
 */
export function buildSenderReport(
  sender: { ssrc: number; ntpMs: number; rtpTime: number; packets: number; bytes: number },
  blocks: readonly ReportBlock[] = [],
): Buffer {
  const packet = header(SENDER_REPORT, blocks.length, 28 + BLOCK_BYTES * blocks.length);
  const ntp = sender.ntpMs + NTP_TO_UNIX_MS;
  packet.writeUInt32BE(sender.ssrc >>> 0, 4);
  packet.writeUInt32BE(Math.floor(ntp / 1000) >>> 0, 8);
  packet.writeUInt32BE(Math.floor(((ntp % 1000) / 1000) * 2 ** 32), 12);
  packet.writeUInt32BE(sender.rtpTime >>> 0, 16);
  packet.writeUInt32BE(sender.packets >>> 0, 20);
  packet.writeUInt32BE(sender.bytes >>> 0, 24);
  writeBlocks(packet, 28, blocks);
  return packet;
}

/** A source description with a CNAME (RFC 3550 6.5.1), truncated to 255 bytes of UTF-8. */
export function buildSdes(ssrc: number, cname: string): Buffer {
  const text = Buffer.from(cname, 'utf8').subarray(0, 255);
  // The item list ends with at least one null byte and is padded to a 32-bit word.
  const packet = header(SOURCE_DESCRIPTION, 1, Math.ceil((10 + text.length + 1) / 4) * 4);
  packet.writeUInt32BE(ssrc >>> 0, 4);
  packet[8] = 1;
  packet[9] = text.length;
  text.copy(packet, 10);
  return packet;
}

/** A BYE for one source (RFC 3550 6.6). */
export function buildBye(ssrc: number): Buffer {
  const packet = header(BYE, 1, 8);
  packet.writeUInt32BE(ssrc >>> 0, 4);
  return packet;
}

function header(type: number, count: number, bytes: number): Buffer {
  if (count > 31)
    throw new NvrError('EINPUT', `An RTCP packet holds at most 31 report blocks, not ${count}.`);
  const packet = Buffer.alloc(bytes);
  packet[0] = 0x80 | count;
  packet[1] = type;
  packet.writeUInt16BE(bytes / 4 - 1, 2);
  return packet;
}

function writeBlocks(packet: Buffer, at: number, blocks: readonly ReportBlock[]): void {
  let offset = at;
  for (const block of blocks) {
    packet.writeUInt32BE(block.ssrc >>> 0, offset);
    packet[offset + 4] = block.fractionLost;
    packet.writeIntBE(Math.max(-0x80_0000, Math.min(0x7f_ffff, block.cumulativeLost)), offset + 5, 3);
    packet.writeUInt32BE(block.highestSequence >>> 0, offset + 8);
    packet.writeUInt32BE(block.jitter >>> 0, offset + 12);
    packet.writeUInt32BE(block.lastSr >>> 0, offset + 16);
    packet.writeUInt32BE(block.delaySinceLastSr >>> 0, offset + 20);
    offset += BLOCK_BYTES;
  }
}
