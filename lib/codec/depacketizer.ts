// Chooses the depacketizer for an SDP payload.

import { NvrError } from '../errors.js';
import type { MediaDescription } from '../rtsp/sdp.js';
import { printable } from '../text.js';
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
import type { Depacketizer, PayloadDescription, DepacketizerOptions } from './payload-format.js';
import type { MediaUnit } from './unit.js';

/**
 * The depacketizer for one payload type of `media`. `sink` is called synchronously with each unit.
 *
 * @throws NvrError EUNSUPPORTED for an encoding that is not supported
 */
export function createDepacketizer(
  payload: PayloadDescription,
  media: MediaDescription,
  sink: (unit: MediaUnit) => void,
  options: DepacketizerOptions = {},
): Depacketizer {
  switch (payload.encoding.toUpperCase()) {
    case 'H264':
      return new H264Depacketizer(payload, media, sink, options);
    case 'H265':
      return new H265Depacketizer(payload, media, sink, options);
    case 'JPEG':
      return new MjpegDepacketizer(payload, media, sink);
    case 'MPEG4-GENERIC':
      return new AacDepacketizer(payload, media, sink, options);
    case 'MP4A-LATM':
      return new AacLatmDepacketizer(payload, media, sink, options);
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
        `The ${media.type} track is encoded as ${printable(payload.encoding, 40)}, which cannot be read. Choose another codec in the camera's settings.`,
      );
  }
}
