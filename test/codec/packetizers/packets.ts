// What the packetizers share: source pictures, options, and the RTP packets around payloads.

import { rtpPacket } from '../../kit/depacketizer-feed.js';

export interface SourcePicture {
  nals: Buffer[];
  rtpTime: number;
}

export interface PacketizeOptions {
  /** Bytes of a payload. */
  mtu: number;
  /** Small NAL units share a packet. */
  aggregate: boolean;
  /**
   * Where the marker bit stands: on a picture's last packet, nowhere, or on the last packet of every NAL
   * unit.
   */
  marker?: 'last' | 'never' | 'every';
  firstSequence?: number;
}

/** A payload on its way to a packet: `ends` says that a NAL unit ends in it. */
export interface Payload {
  bytes: Buffer;
  ends: boolean;
}

export function toPackets(
  pictures: readonly SourcePicture[],
  options: PacketizeOptions,
  payloadsOf: (nals: readonly Buffer[]) => Payload[],
): Buffer[] {
  const packets: Buffer[] = [];
  let sequence = options.firstSequence ?? 0;
  for (const { nals, rtpTime } of pictures) {
    const payloads = payloadsOf(nals);
    payloads.forEach(({ bytes, ends }, i) => {
      const last = i === payloads.length - 1;
      const marker = options.marker === 'every' ? ends : options.marker === 'never' ? false : last;
      packets.push(rtpPacket({ sequence, timestamp: rtpTime, payload: bytes, marker }));
      sequence += 1;
    });
  }
  return packets;
}

/** Groups of NAL units that fit a packet together, by the size each takes; what is too large stands alone. */
export function groups(
  nals: readonly Buffer[],
  room: number,
  overhead: number,
  aggregate: boolean,
): Buffer[][] {
  const result: Buffer[][] = [];
  let size = 0;
  for (const nal of nals) {
    const last = result[result.length - 1];
    if (aggregate && last !== undefined && size + overhead + nal.length <= room) {
      last.push(nal);
    } else {
      result.push([nal]);
      size = 0;
    }
    size += overhead + nal.length;
  }
  return result;
}

/** Cuts a NAL unit's body into fragments of at most `room` bytes: at least two. */
export function fragments(body: Buffer, room: number): Buffer[] {
  const size = Math.max(1, Math.min(room, Math.ceil(body.length / 2)));
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length; at += size) parts.push(body.subarray(at, at + size));
  return parts;
}
