// What an SDP says of one track, for tests that need no SDP.

import type { MediaDescription } from '../../../lib/rtsp/sdp.js';

type Payload = MediaDescription['payloads'][number];

export function payload(
  encoding: string,
  clockRate: number,
  fmtp: Record<string, string> = {},
  channels = 1,
): Payload {
  return { type: 96, encoding, clockRate, channels, fmtp: new Map(Object.entries(fmtp)) };
}

export function media(of: Payload, frameRate?: number): MediaDescription {
  const type = of.encoding.startsWith('VND') ? 'application' : 'video';
  return {
    index: 0,
    type,
    protocol: 'RTP/AVP',
    payloads: [of],
    ...(frameRate === undefined ? {} : { frameRate }),
  };
}
