// Linear 16-bit audio over RTP, high byte first, channels interleaved (RFC 3551 4.5.11).

import type { RtpPacketView } from '../rtp/packet.js';
import type { MediaDescription } from '../rtsp/sdp.js';
import { ownCopy } from './byte-collector.js';
import { PacketAudioDepacketizer } from './packet-audio.js';
import type { MediaUnit } from './unit.js';

/** Units hold whole samples of all channels; an incomplete one at the end of a packet is dropped. */
export class L16Depacketizer extends PacketAudioDepacketizer {
  private readonly sampleBytes: number;

  constructor(
    payload: MediaDescription['payloads'][number],
    _media: MediaDescription,
    sink: (unit: MediaUnit) => void,
  ) {
    super({ codec: 'l16', sampleRate: payload.clockRate, channels: payload.channels }, sink);
    this.sampleBytes = 2 * payload.channels;
  }

  protected override dataOf(packet: RtpPacketView): Buffer {
    const torn = (packet.payloadEnd - packet.payloadStart) % this.sampleBytes;
    return ownCopy(packet.buffer, packet.payloadStart, packet.payloadEnd - torn);
  }
}
