// Sends AAC access units as RFC 3640 says, for tests: as many as fit in a packet, and what does not fit in
// fragments.

import { rtp } from '../../rtp/build.js';

export interface AacOptions {
  /** Payload bytes of a packet at most, headers included. */
  mtu: number;
  sizeLength: number;
  indexLength: number;
  indexDeltaLength: number;
  /** RTP units of one access unit. */
  frameTicks: number;
  sequence: number;
  timestamp: number;
  /** Access units of a packet at most. */
  perPacket?: number;
}

export function packetizeAac(units: readonly Buffer[], options: AacOptions): Buffer[] {
  const packets: Buffer[] = [];
  const headerBits = (count: number): number =>
    count * options.sizeLength + options.indexLength + (count - 1) * options.indexDeltaLength;
  const bytesOf = (group: readonly Buffer[]): number =>
    2 + Math.ceil(headerBits(group.length) / 8) + group.reduce((sum, unit) => sum + unit.length, 0);
  const send = (sizes: readonly number[], data: Buffer, index: number, marker: boolean): void => {
    const timestamp = options.timestamp + index * options.frameTicks;
    const sequence = options.sequence + packets.length;
    packets.push(
      rtp({ sequence, timestamp, marker, payload: Buffer.concat([auHeaders(sizes, options), data]) }),
    );
  };
  for (let i = 0; i < units.length;) {
    const group = [units[i]!];
    while (
      i + group.length < units.length &&
      group.length < (options.perPacket ?? 100) &&
      bytesOf([...group, units[i + group.length]!]) <= options.mtu
    ) {
      group.push(units[i + group.length]!);
    }
    if (bytesOf(group) <= options.mtu) {
      send(
        group.map((unit) => unit.length),
        Buffer.concat(group),
        i,
        true,
      );
    } else {
      const unit = group[0]!;
      const room = Math.max(1, options.mtu - bytesOf([Buffer.alloc(0)]));
      for (let at = 0; at < unit.length; at += room)
        send([unit.length], unit.subarray(at, at + room), i, at + room >= unit.length);
    }
    i += group.length;
  }
  return packets;
}

/** The AU header section: its length in bits, the headers, padding to a byte. */
export function auHeaders(
  sizes: readonly number[],
  widths: { sizeLength: number; indexLength: number; indexDeltaLength: number },
): Buffer {
  let bits = '';
  sizes.forEach((size, i) => {
    bits +=
      size.toString(2).padStart(widths.sizeLength, '0') +
      '0'.repeat(i === 0 ? widths.indexLength : widths.indexDeltaLength);
  });
  return bitsSection(bits);
}

/** Bits as text behind their count in 16 bits, padded to a byte. */
export function bitsSection(bits: string): Buffer {
  const head = Buffer.alloc(2);
  head.writeUInt16BE(bits.length);
  return Buffer.concat([head, bitsToBytes(bits)]);
}

export function bitsToBytes(bits: string): Buffer {
  const padded = bits.padEnd(Math.ceil(bits.length / 8) * 8, '0');
  return Buffer.from((padded.match(/.{8}/g) ?? []).map((byte) => parseInt(byte, 2)));
}
