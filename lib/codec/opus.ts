// Opus over RTP: one Opus packet in each RTP packet (RFC 7587 4.2).

import type { MediaDescription } from '../rtsp/sdp.js';
import { PacketAudioDepacketizer } from './packet-audio.js';
import type { MediaUnit } from './unit.js';

/** Opus always runs on a 48 kHz clock, whatever it was sampled with (RFC 7587 4.1). */
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
