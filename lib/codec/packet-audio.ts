// Audio formats in which each packet is a unit: no headers, no fragments.

import type { RtpPacketView } from '../rtp/packet.js';
import { ownCopy } from './byte-collector.js';
import type { Depacketizer } from './payload-format.js';
import type { AudioFormat, MediaUnit } from './unit.js';
import { UnitOrigin } from './unit-origin.js';

/** One unit per non-empty packet; the one after lost packets is flagged `damaged`. */
export class PacketAudioDepacketizer implements Depacketizer {
  private readonly sink: (unit: MediaUnit) => void;
  private readonly format: AudioFormat;
  private readonly origin = new UnitOrigin();
  private damagedNext = false;

  constructor(format: AudioFormat, sink: (unit: MediaUnit) => void) {
    this.format = format;
    this.sink = sink;
  }

  push(packet: RtpPacketView, arrivalMs: number): void {
    const data = this.dataOf(packet);
    if (data.length === 0) return;
    this.origin.begin(packet, arrivalMs);
    const damaged = this.damagedNext;
    this.damagedNext = false;
    this.sink({
      kind: 'audio',
      codec: this.format.codec,
      ...this.origin.times(packet.sequence),
      data,
      damaged,
      format: this.format,
    });
  }

  gap(): void {
    this.damagedNext = true;
  }

  flush(): void {
    // Nothing to do: each unit was handed out with its packet.
  }

  reset(): void {
    // Nothing to do: no state is kept between packets.
  }

  /** The unit of a packet, in its own memory; may be empty. */
  protected dataOf(packet: RtpPacketView): Buffer {
    return ownCopy(packet.buffer, packet.payloadStart, packet.payloadEnd);
  }
}
