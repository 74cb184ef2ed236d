// A feed into the H.264 depacketizer. For tests.

import { H264Depacketizer } from '../../../lib/codec/h264/depacketizer.js';
import type { ParameterSetPolicy } from '../../../lib/codec/unit.js';
import { Feed, videoMedia } from '../../kit/depacketizer-feed.js';
import { PPS, SPS } from './nals.js';

export const SPROP = `${SPS.toString('base64')},${PPS.toString('base64')}`;

export interface SetUp {
  fmtp?: Record<string, string>;
  frameRate?: number;
  parameterSets?: ParameterSetPolicy;
}

export function h264({ fmtp = {}, frameRate, parameterSets }: SetUp = {}): Feed & {
  depacketizer: H264Depacketizer;
} {
  const media = videoMedia('H264', fmtp, frameRate);
  const options = parameterSets === undefined ? {} : { parameterSets };
  return new Feed((m, sink) => new H264Depacketizer(m.payloads[0]!, m, sink, options), media) as Feed & {
    depacketizer: H264Depacketizer;
  };
}

export const hex = (...nals: Buffer[]): string[] => nals.map((nal) => nal.toString('hex'));
