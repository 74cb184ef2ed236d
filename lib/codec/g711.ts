// G.711 over RTP: A-law and µ-law samples of one byte, passed on unchanged (RFC 3551 4.5.14).

import type { MediaDescription } from '../rtsp/sdp.js';
import { PacketAudioDepacketizer } from './packet-audio.js';
import type { MediaUnit } from './unit.js';

export class G711Depacketizer extends PacketAudioDepacketizer {
  constructor(
    payload: MediaDescription['payloads'][number],
    _media: MediaDescription,
    sink: (unit: MediaUnit) => void,
  ) {
    const codec = payload.encoding === 'PCMA' ? 'pcma' : 'pcmu';
    super({ codec, sampleRate: payload.clockRate, channels: payload.channels }, sink);
  }
}
