// Opus over RTP: one Opus packet per RTP packet (RFC 7587 4.2).

import type { MediaDescription } from '../rtsp/sdp.js';
import { PacketAudioDepacketizer } from './packet-audio.js';
import type { MediaUnit } from './unit.js';

/** The RTP clock of Opus is always 48 kHz, whatever the input's sampling rate (RFC 7587 4.1). */
const SAMPLE_RATE = 48_000;

export class OpusDepacketizer extends PacketAudioDepacketizer {
  constructor(
    payload: MediaDescription['payloads'][number],
    _media: MediaDescription,
    sink: (unit: MediaUnit) => void,
  ) {
    super({ codec: 'opus', sampleRate: SAMPLE_RATE, channels: payload.channels }, sink);
  }
}

/** Samples per frame at 48 kHz, by the configuration in the first byte (RFC 6716 3.1): SILK, hybrid, CELT. */
const SILK = [480, 960, 1920, 2880];
const HYBRID = [480, 960];
const CELT = [120, 240, 480, 960];
const LAST_SILK = 11;
const LAST_HYBRID = 15;

/** Samples at 48 kHz in a packet; 0 if it is empty. */
export function opusSamples(packet: Buffer): number {
  const [head = 0, count = 0] = packet;
  const config = head >> 3;
  const code = head & 3;
  // Code 0: one frame; 1 and 2: two frames; 3: as many as the next byte says (3.2).
  const frames = packet.length === 0 ? 0 : code === 0 ? 1 : code < 3 ? 2 : count & 0x3f;
  if (config <= LAST_SILK) return frames * SILK[config & 3]!;
  if (config <= LAST_HYBRID) return frames * HYBRID[config & 1]!;
  return frames * CELT[config & 3]!;
}
