// Audio whose packets are units of their own: no headers, no fragments.

import type { RtpPacketView } from '../rtp/packet.js';
import { ownCopy } from './byte-collector.js';
import type { Depacketizer } from './payload-format.js';
import type { AudioFormat, MediaUnit } from './unit.js';
import { UnitOrigin } from './unit-origin.js';

/** One unit per packet that holds anything; the one that follows lost packets is flagged `damaged`. */
export class PacketAudioDepacketizer implements Depacketizer {
  readonly #sink: (unit: MediaUnit) => void;
  readonly #format: AudioFormat;
  readonly #origin = new UnitOrigin();
  #damagedNext = false;

  constructor(format: AudioFormat, sink: (unit: MediaUnit) => void) {
    this.#format = format;
    this.#sink = sink;
  }

  push(packet: RtpPacketView, arrivalMs: number): void {
    const data = this.dataOf(packet);
    if (data.length === 0) return;
    this.#origin.begin(packet, arrivalMs);
    const damaged = this.#damagedNext;
    this.#damagedNext = false;
    this.#sink({
      kind: 'audio',
      codec: this.#format.codec,
      ...this.#origin.times(packet.sequence),
      data,
      damaged,
      format: this.#format,
    });
  }

  gap(): void {
    this.#damagedNext = true;
  }

  flush(): void {
    // Every unit went out with its packet.
  }

  reset(): void {
    // Nothing is kept from one packet to the next.
  }

  /** The unit of a packet, in memory of its own; empty for none. */
  protected dataOf(packet: RtpPacketView): Buffer {
    return ownCopy(packet.buffer, packet.payloadStart, packet.payloadEnd);
  }
}
