// How each encoding is described in SDP and packed into RTP payloads.

import { AAC_CONFIG_HEX, AAC_RATE, type AudioKind, type VideoKind } from './clips.js';
import { aacPayload, g711Payload } from './payload-audio.js';
import { jpegPayloads } from './payload-jpeg.js';
import { h264Payloads, h265Payloads } from './payload-nal.js';

export interface TrackFormat {
  readonly media: 'video' | 'audio';
  readonly payloadType: number;
  readonly clockRate: number;
  readonly rtpmap: string;
  readonly fmtp?: string;
  /** The last packet of a unit has the marker bit. */
  readonly marks: boolean;
  /** Packs a unit of a clip into RTP payloads. `aggregate`: small parts may share one. */
  payloads(parts: readonly Buffer[], aggregate: boolean): Buffer[];
}

const G711 = { media: 'audio', clockRate: 8000, marks: false, payloads: g711Payload } as const;

export const FORMATS: Readonly<Record<VideoKind | AudioKind, TrackFormat>> = {
  h264: {
    media: 'video',
    payloadType: 99,
    clockRate: 90_000,
    rtpmap: 'H264/90000',
    fmtp: 'packetization-mode=1',
    marks: true,
    payloads: h264Payloads,
  },
  h265: {
    media: 'video',
    payloadType: 98,
    clockRate: 90_000,
    rtpmap: 'H265/90000',
    marks: true,
    payloads: h265Payloads,
  },
  mjpeg: {
    media: 'video',
    payloadType: 26,
    clockRate: 90_000,
    rtpmap: 'JPEG/90000',
    marks: true,
    payloads: jpegPayloads,
  },
  aac: {
    media: 'audio',
    payloadType: 97,
    clockRate: AAC_RATE,
    rtpmap: `MPEG4-GENERIC/${AAC_RATE}/1`,
    fmtp: `streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=${AAC_CONFIG_HEX}`,
    marks: true,
    payloads: aacPayload,
  },
  pcmu: { ...G711, payloadType: 0, rtpmap: 'PCMU/8000' },
  pcma: { ...G711, payloadType: 8, rtpmap: 'PCMA/8000' },
};
