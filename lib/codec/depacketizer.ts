// From RTP packets to media units: the interface every payload format implements, and the factory that picks the class for an SDP payload.

import { NvrError } from '../errors.js';
import type { RtpPacketView } from '../rtp/packet.js';
import type { MediaDescription } from '../rtsp/sdp.js';
import { AacLatmDepacketizer } from './aac-latm.js';
import { AacDepacketizer } from './aac.js';
import { G711Depacketizer } from './g711.js';
import { G726Depacketizer } from './g726.js';
import { H264Depacketizer } from './h264/depacketizer.js';
import { H265Depacketizer } from './h265/depacketizer.js';
import { L16Depacketizer } from './l16.js';
import { MjpegDepacketizer } from './mjpeg.js';
import { OnvifMetadataDepacketizer } from './onvif-metadata.js';
import { OpusDepacketizer } from './opus.js';
import type { BoundaryPolicy } from './access-unit.js';
import type { ReadWindow } from './read-window.js';
import type { MediaUnit, ParameterSetPolicy } from './unit.js';

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
  /** A unit that may be whole waits for what follows it: `settle` hands it out. */
  readonly isHolding?: boolean;
  /** Nothing followed for a while. */
  settle?(): void;
  /** A new source (another SSRC): forgets the unit in progress, keeps the parameter sets. */
  reset(): void;
}

/** One payload type of a media section, as the SDP tells it. */
export type PayloadDescription = MediaDescription['payloads'][number];

export interface VideoOptions {
  /** H.264 and H.265: when parameter sets are put in front of a unit. Default `keyframe`. */
  parameterSets?: ParameterSetPolicy;
  /** H.264 and H.265: when a unit ends. Default `marker`; `learn` costs the first unit up to a frame's time, and never tears it. */
  boundary?: BoundaryPolicy;
  /** H.264 and H.265: what the socket read that brought the packets holds. Saves copies, changes nothing else. */
  window?: ReadWindow;
}

/**
 * The depacketizer for one payload type of `media`. `sink` is called synchronously with each unit.
 *
 * @throws NvrError EUNSUPPORTED for an encoding that cannot be read
 */
export function createDepacketizer(
  payload: PayloadDescription,
  media: MediaDescription,
  sink: (unit: MediaUnit) => void,
  options: VideoOptions = {},
): Depacketizer {
  switch (payload.encoding.toUpperCase()) {
    case 'H264':
      return new H264Depacketizer(payload, media, sink, options);
    case 'H265':
      return new H265Depacketizer(payload, media, sink, options);
    case 'JPEG':
      return new MjpegDepacketizer(payload, media, sink);
    case 'MPEG4-GENERIC':
      return new AacDepacketizer(payload, media, sink);
    case 'MP4A-LATM':
      return new AacLatmDepacketizer(payload, media, sink);
    case 'PCMA':
    case 'PCMU':
      return new G711Depacketizer(payload, media, sink);
    case 'G726-16':
    case 'G726-24':
    case 'G726-32':
    case 'G726-40':
    case 'AAL2-G726-16':
    case 'AAL2-G726-24':
    case 'AAL2-G726-32':
    case 'AAL2-G726-40':
      return new G726Depacketizer(payload, media, sink);
    case 'L16':
      return new L16Depacketizer(payload, media, sink);
    case 'OPUS':
      return new OpusDepacketizer(payload, media, sink);
    case 'VND.ONVIF.METADATA':
      return new OnvifMetadataDepacketizer(payload, media, sink);
    default:
      throw new NvrError(
        'EUNSUPPORTED',
        `The ${media.type} track is encoded as ${payload.encoding.slice(0, 40)}, which cannot be read. Choose another codec in the camera's settings.`,
      );
  }
}
