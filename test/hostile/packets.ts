// Bytes of hostile streams: short cycles that are repeated, with continuing sequence numbers.

import { idrSlice, interleaved, PPS, rtp, SPS } from '../kit/scripted-server.js';

/** Sequence numbers wrap after this many packets, so a cycle of this length can be repeated seamlessly. */
const ROUND = 65_536;

/** `count` packets of one track as interleaved frames; `payload` makes the packet with a given index. */
export function cycle(
  payload: (index: number) => { payload: Buffer; marker?: boolean; timestamp?: number; payloadType?: number },
  { channel = 0, count = ROUND, ssrc = 0x1234 } = {},
): Buffer {
  return Buffer.concat(
    Array.from({ length: count }, (_, i) => {
      const { payload: bytes, marker = true, timestamp = i * 3600, payloadType = 99 } = payload(i);
      return interleaved(channel, rtp(i, timestamp, marker, bytes, { payloadType, ssrc }));
    }),
  );
}

/** SPS, PPS and a keyframe: the last three packets before a cycle. */
export function opening(): Buffer {
  return Buffer.concat(
    [SPS, PPS, idrSlice()].map((nal, i) => interleaved(0, rtp(65_533 + i, 0, i === 2, nal))),
  );
}

/** NAL units in one aggregation packet (RFC 6184 5.7.1). */
export function stapA(nals: readonly Buffer[]): Buffer {
  const parts = nals.flatMap((nal) => [Buffer.of(nal.length >> 8, nal.length & 255), nal]);
  return Buffer.concat([Buffer.of(0x78), ...parts]);
}
