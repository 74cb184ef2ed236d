// From RTP packets to media units: the interface every payload format implements, and the factory that picks the class for an SDP payload.

import type { RtpPacketView } from '../rtp/packet.js';

/**
 * Turns the packets of one track, in sequence order, into units. Sans-IO: it is fed and calls its sink, synchronously.
 *
 * It never throws on what a packet holds: junk is dropped and the unit it belonged to is flagged `damaged`.
 */
export interface Depacketizer {
  /** Takes the next packet. Nothing of `packet` is kept after the call. `arrivalMs`: monotonic milliseconds of the read that brought it. */
  push(packet: RtpPacketView, arrivalMs: number): void;
  /** Packets were lost before the next one. */
  gap(): void;
  /** The stream ended (BYE, EOF): hands out what is complete. */
  flush(): void;
  /** A new source (another SSRC): forgets the unit in progress, keeps the parameter sets. */
  reset(): void;
}
