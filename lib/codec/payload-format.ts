// From RTP packets to media units: the interface that every payload format implements.

import type { NvrError } from '../errors.js';
import type { RtpPacketView } from '../rtp/packet.js';
import type { MediaDescription } from '../rtsp/sdp.js';
import type { BoundaryPolicy } from './assembler-options.js';
import type { ReadWindow } from './read-window.js';
import type { ParameterSetPolicy } from './unit.js';

/**
 * Turns the packets of one track, in sequence order, into units. Sans-IO: it is fed and calls its sink,
 * synchronously.
 *
 * It never throws on what a packet holds: junk is dropped and the unit it belonged to is flagged `damaged`.
 */
export interface Depacketizer {
  /**
   * Takes the next packet. Nothing of `packet` is kept after the call. `arrivalMs`: monotonic milliseconds of
   * the read that brought it.
   */
  push(packet: RtpPacketView, arrivalMs: number): void;
  /** Packets were lost before the next one. */
  gap(): void;
  /** The stream ended (BYE, EOF): hands out what is complete. */
  flush(): void;
  /** A unit that may be whole waits for what follows it: `settle` hands it out. */
  readonly isHolding?: boolean;
  /** Nothing followed for a while. */
  settle?(): void;
  /** A new source (another SSRC): forgets the unit in progress, keeps the parameter sets. */
  reset(): void;
}

/** One payload type of a media section, as the SDP tells it. */
export type PayloadDescription = MediaDescription['payloads'][number];

export interface DepacketizerOptions {
  /** H.264 and H.265: when parameter sets are put in front of a unit. Default `keyframe`. */
  parameterSets?: ParameterSetPolicy;
  /**
   * H.264 and H.265: when a unit ends. Default `marker`; `learn` costs the first unit up to a frame's time,
   * and never tears it.
   */
  boundary?: BoundaryPolicy;
  /**
   * H.264 and H.265: what the socket read that brought the packets holds. Saves copies, changes nothing else.
   */
  window?: ReadWindow;
  /**
   * H.264 and H.265: keep slices that a loss cuts off, as `VideoUnit.cut`. Units without a whole slice then
   * come too, with nothing in `data`.
   */
  cutSlices?: boolean;
  /** AAC: is told of sound that is not what the description says of it. */
  onWarning?: ((error: NvrError) => void) | undefined;
}
