// A network between a packetizer and a depacketizer: it loses, delays and doubles packets as it is told.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import type { Depacketizer } from '../../../lib/codec/payload-format.js';
import { RtpPacketView } from '../../../lib/rtp/packet.js';
import { ReorderBuffer } from '../../../lib/rtp/reorder.js';

/** The fate of one packet: how many packets later it comes, and whether it comes at all or twice. */
export type Fate = readonly [delay: number, kind: 'keep' | 'lose' | 'twice'];

export const fates = (maxLength: number): fc.Arbitrary<Fate[]> =>
  fc.array(fc.tuple(fc.nat(6), fc.constantFrom('keep', 'keep', 'keep', 'keep', 'keep', 'lose', 'twice')), {
    minLength: maxLength,
    maxLength,
  });

/** Feeds packets in order and tells the depacketizer of numbers that are missing, as a TCP track does. */
export function feed(depacketizer: Depacketizer, packets: readonly Buffer[], arrivalMs = 0): void {
  const view = new RtpPacketView();
  let expected = -1;
  for (const packet of packets) {
    if (!view.parse(packet, 0, packet.length))
      throw new Error('the test sent something that is no RTP packet');
    if (expected >= 0 && view.sequence !== expected) depacketizer.gap();
    expected = (view.sequence + 1) & 0xffff;
    depacketizer.push(view, arrivalMs);
  }
}

/** Sends packets over a bad UDP network, through the reorder buffer. */
export function feedBadly(
  depacketizer: Depacketizer,
  packets: readonly Buffer[],
  plan: readonly Fate[],
): void {
  const view = new RtpPacketView();
  const reorder = new ReorderBuffer(
    (buffer, start, end) => {
      if (view.parse(buffer, start, end)) depacketizer.push(view, 0);
    },
    {
      onGap: () => {
        depacketizer.gap();
      },
    },
  );
  const arriving: { at: number; packet: Buffer }[] = [];
  packets.forEach((packet, i) => {
    const [delay, kind] = plan[i % plan.length] ?? [0, 'keep'];
    // The first packet is not lost or late: nobody could miss what came before it.
    if (i === 0) arriving.push({ at: -1, packet });
    else if (kind !== 'lose') arriving.push({ at: i + delay, packet });
    if (kind === 'twice') arriving.push({ at: i + delay + 2, packet });
  });
  arriving.sort((a, b) => a.at - b.at);
  for (const { packet } of arriving) reorder.push(packet, 0, packet.length, 0);
  reorder.flush(1000);
}

/** The packets of a capture in test/fixtures/rtp: each behind its length in 16 bits (RFC 4571). */
export function capture(name: string): Buffer[] {
  const bytes = fixture(name);
  const packets: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += 2 + bytes.readUInt16BE(at)) {
    packets.push(bytes.subarray(at + 2, at + 2 + bytes.readUInt16BE(at)));
  }
  return packets;
}

export function fixture(name: string): Buffer {
  return readFileSync(join(__dirname, '../../fixtures/rtp', name));
}

/** The frames of an ADTS file, without their headers (ISO/IEC 14496-3 1.A.2). */
export function adtsFrames(name: string): Buffer[] {
  const bytes = fixture(name);
  const frames: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = (bytes.readUIntBE(at + 3, 3) >> 5) & 0x1fff;
    frames.push(bytes.subarray(at + ((bytes[at + 1]! & 1) === 1 ? 7 : 9), at + length));
    at += length;
  }
  return frames;
}
