// Duration of audio frames.

import { parseAacConfig } from '../codec/aac-config.js';
import { opusSamples } from '../codec/opus.js';
import type { AudioFormat } from '../codec/unit.js';

const AAC_FRAME = 1024;

/** Samples in an AAC frame, at the format's rate: with SBR twice those of the core codec. */
export function aacFrame({ config, sampleRate }: AudioFormat): number {
  const parsed = config && parseAacConfig(config);
  return parsed === undefined ? AAC_FRAME : (parsed.frameSamples * sampleRate) / parsed.coreRate;
}

/** Samples in a unit's data, at the format's rate; 0 for none. `frame`: samples in an AAC frame. */
export function soundSamples({ codec, channels }: AudioFormat, data: Buffer, frame: number): number {
  if (data.length === 0) return 0;
  if (codec === 'aac') return frame;
  if (codec === 'opus') return opusSamples(data);
  return Math.floor(data.length / (codec === 'l16' ? 2 * channels : channels));
}
