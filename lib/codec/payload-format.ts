// The interface of every payload format: RTP packets in, media units out.

import type { NvrError } from '../errors.js';
import type { RtpPacketView } from '../rtp/packet.js';
import type { MediaDescription } from '../rtsp/sdp.js';
import type { BoundaryPolicy } from './assembler-options.js';
import type { ReadWindow } from './read-window.js';
import type { ParameterSetPolicy } from './unit.js';

/**
 * Turns the packets of one track, in sequence order, into units. Sans-IO: calls its sink synchronously.
 * Packet contents never make it throw: invalid data is dropped and its unit flagged `damaged`.
 */
export interface Depacketizer {
  /**
   * Takes the next packet and keeps no reference to it. `arrivalMs`: monotonic ms of the socket read that
   * brought it.
   */
  push(packet: RtpPacketView, arrivalMs: number): void;
  /** Packets before the next one were lost. */
  gap(): void;
  /** The stream ended (BYE, EOF): hands out what is complete. */
  flush(): void;
  /** A unit that may be complete waits for what follows it; `releaseHeld` hands it out. */
  readonly isHolding?: boolean;
  /** No packet followed for a while: hands out the unit that waits. */
  releaseHeld?(): void;
  /** A new source (another SSRC): discards the unit in progress, keeps the parameter sets. */
  reset(): void;
}

/** One payload type of a media section in the SDP. */
export type PayloadDescription = MediaDescription['payloads'][number];

export interface DepacketizerOptions {
  /** H.264 and H.265: when parameter sets are inserted before a unit. Default `keyframe`. */
  parameterSets?: ParameterSetPolicy;
  /**
   * H.264 and H.265: what ends a unit. Default `marker`. `learn` delays the first unit by up to a frame
   * interval and never splits it.
   */
  boundary?: BoundaryPolicy;
  /** H.264 and H.265: the socket read that contains the packets. Saves copies; the results are the same. */
  window?: ReadWindow;
  /**
   * H.264 and H.265: keep the received part of slices cut by a loss, as `VideoUnit.cut`. Units without a
   * whole slice are then handed out too, with empty `data`.
   */
  cutSlices?: boolean;
  /** AAC: called if the audio contradicts its description in the SDP. */
  onWarning?: ((error: NvrError) => void) | undefined;
}
