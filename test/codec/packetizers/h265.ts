// Makes RTP packets of H.265 access units, written from RFC 7798 alone. For tests.

import { rtpPacket } from '../../kit/depacketizer-feed.js';
import {
  fragments,
  groups,
  toPackets,
  type PacketizeOptions,
  type Payload,
  type SourcePicture,
} from './packets.js';

/** Single NAL units, aggregation packets, fragmentation units; no decoding order numbers. */
export function packetizeH265(pictures: readonly SourcePicture[], options: PacketizeOptions): Buffer[] {
  return toPackets(pictures, options, (nals) =>
    groups(nals, options.mtu - 2, 2, options.aggregate).flatMap((group) => {
      const nal = group[0]!;
      if (group.length > 1) return [{ bytes: aggregation(group), ends: true }];
      return nal.length <= options.mtu ? [{ bytes: nal, ends: true }] : fragmentation(nal, options.mtu);
    }),
  );
}

/** AP, RFC 7798 4.4.2. With `dons` (one for each NAL unit): DONL and DOND. */
export function aggregation(nals: readonly Buffer[], dons?: readonly number[]): Buffer {
  const parts = nals.flatMap((nal, i) => {
    if (dons === undefined) return [uint16(nal.length), nal];
    const number = i === 0 ? uint16(dons[0]!) : Buffer.of((dons[i]! - dons[i - 1]! - 1) & 0xff);
    return [number, uint16(nal.length), nal];
  });
  return Buffer.concat([Buffer.of(48 << 1, 1), ...parts]);
}

/** FU, RFC 7798 4.4.3. With `don` the first fragment has a DONL. */
export function fragmentation(nal: Buffer, mtu: number, don?: number): Payload[] {
  const parts = fragments(nal.subarray(2), mtu - 3 - (don === undefined ? 0 : 2));
  return parts.map((part, i) => {
    const start = i === 0;
    const ends = i === parts.length - 1;
    const header = (start ? 0x80 : 0) | (ends ? 0x40 : 0) | ((nal[0]! >> 1) & 0x3f);
    const numbered = start && don !== undefined;
    const bytes = Buffer.concat([
      Buffer.of((nal[0]! & 0x81) | (49 << 1), nal[1]!, header),
      numbered ? uint16(don) : Buffer.alloc(0),
      part,
    ]);
    return { bytes, ends };
  });
}

/** Single NAL unit with a DONL, RFC 7798 4.4.1. */
export function numberedSingle(nal: Buffer, don: number): Buffer {
  return Buffer.concat([nal.subarray(0, 2), uint16(don), nal.subarray(2)]);
}

/**
 * With decoding order numbers, in the order that `order` gives: an index list over all NAL units in decoding
 * order.
 */
export function packetizeH265Numbered(
  pictures: readonly SourcePicture[],
  order: readonly number[],
  mtu: number,
  firstDon: number,
): Buffer[] {
  const nals = pictures.flatMap(({ nals: own, rtpTime }) => own.map((nal) => ({ nal, rtpTime })));
  let sequence = 0;
  return order.flatMap((index) => {
    const { nal, rtpTime } = nals[index]!;
    const don = (firstDon + index) & 0xffff;
    const payloads =
      nal.length + 2 <= mtu ? [{ bytes: numberedSingle(nal, don) }] : fragmentation(nal, mtu, don);
    return payloads.map(({ bytes }) =>
      rtpPacket({ sequence: sequence++, timestamp: rtpTime, payload: bytes }),
    );
  });
}

function uint16(value: number): Buffer {
  return Buffer.of(value >> 8, value & 0xff);
}
