// Makes RTP packets of H.264 access units, written from RFC 6184 alone. For tests.

import { rtpPacket } from '../../kit/depacketizer-feed.js';
import {
  fragments,
  groups,
  toPackets,
  type PacketizeOptions,
  type Payload,
  type SourcePicture,
} from './packets.js';

/** Non-interleaved mode (RFC 6184 6.3): single NAL units, STAP-A, FU-A. */
export function packetizeH264(pictures: readonly SourcePicture[], options: PacketizeOptions): Buffer[] {
  return toPackets(pictures, options, (nals) =>
    groups(nals, options.mtu - 1, 2, options.aggregate).flatMap((group) => {
      const nal = group[0]!;
      if (group.length > 1) return [{ bytes: stapA(group), ends: true }];
      return nal.length <= options.mtu ? [{ bytes: nal, ends: true }] : fuA(nal, options.mtu);
    }),
  );
}

/** STAP-A, RFC 6184 5.7.1. */
export function stapA(nals: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.of(indicator(nals, 24)), ...nals.flatMap((nal) => [uint16(nal.length), nal])]);
}

/** STAP-B: as STAP-A, with the decoding order number of the first. */
export function stapB(nals: readonly Buffer[], don: number): Buffer {
  return Buffer.concat([
    Buffer.of(indicator(nals, 25)),
    uint16(don),
    ...nals.flatMap((nal) => [uint16(nal.length), nal]),
  ]);
}

/** MTAP16 or MTAP24, RFC 6184 5.7.2. */
export function mtap(
  offsetBytes: 2 | 3,
  base: number,
  nals: readonly { nal: Buffer; dond: number; offset: number }[],
): Buffer {
  const parts = nals.flatMap(({ nal, dond, offset }) => {
    const time = Buffer.alloc(offsetBytes);
    time.writeUIntBE(offset, 0, offsetBytes);
    return [uint16(nal.length), Buffer.of(dond), time, nal];
  });
  return Buffer.concat([Buffer.of(offsetBytes === 2 ? 26 : 27), uint16(base), ...parts]);
}

/** FU-A, RFC 6184 5.8; with `don` the first fragment is an FU-B. */
export function fuA(nal: Buffer, mtu: number, don?: number): Payload[] {
  const parts = fragments(nal.subarray(1), mtu - 2 - (don === undefined ? 0 : 2));
  return parts.map((part, i) => {
    const start = i === 0;
    const ends = i === parts.length - 1;
    const header = (start ? 0x80 : 0) | (ends ? 0x40 : 0) | (nal[0]! & 0x1f);
    const numbered = start && don !== undefined;
    const bytes = Buffer.concat([
      Buffer.of((nal[0]! & 0xe0) | (numbered ? 29 : 28), header),
      numbered ? uint16(don) : Buffer.alloc(0),
      part,
    ]);
    return { bytes, ends };
  });
}

/**
 * Interleaved mode (RFC 6184 6.4): the NAL units go out in the order that `order` gives, an index list over
 * all NAL units in decoding order.
 */
export function packetizeH264Interleaved(
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
    const payloads = nal.length + 5 <= mtu ? [{ bytes: stapB([nal], don) }] : fuA(nal, mtu, don);
    return payloads.map(({ bytes }) =>
      rtpPacket({ sequence: sequence++, timestamp: rtpTime, payload: bytes }),
    );
  });
}

function indicator(nals: readonly Buffer[], type: number): number {
  return Math.max(...nals.map((nal) => nal[0]! & 0x60)) | type;
}

function uint16(value: number): Buffer {
  return Buffer.of(value >> 8, value & 0xff);
}
