// Sets up a player for a video format: an `init` record with the MIME type and the initialization segment.

import type { VideoUnit } from '../../codec/unit.js';
import { decoderConfig } from '../../media/decoder-config.js';
import { mp4Header } from '../../media/mp4/header.js';
import { LIVE_TIMESCALE } from '../../media/mp4/live-mp4.js';
import { initRecord, type ViewRecord } from './records.js';

/** `unit` is a keyframe of H.264 or H.265. Throws EUNSUPPORTED if it has no valid parameter sets. */
export function pictureInit(camera: number, unit: VideoUnit): ViewRecord {
  const picture = decoderConfig(unit);
  const { codecString } = unit.format;
  const codec = codecString ?? (unit.codec === 'h265' ? 'hvc1.1.6.L93.B0' : 'avc1.64001f');
  const header = mp4Header([{ timescale: LIVE_TIMESCALE, picture }]);
  return initRecord(camera, `video/mp4; codecs="${codec}"`, header, false);
}
