// How long a frame of sound lasts.

import { parseAacConfig } from '../codec/aac-config.js';
import { opusSamples } from '../codec/opus.js';
import type { AudioFormat } from '../codec/unit.js';

const AAC_FRAME = 1024;

/** Samples, by the format's rate, of one AAC frame: SBR doubles those of the core. */
export function aacFrame({ config, sampleRate }: AudioFormat): number {
  const parsed = config && parseAacConfig(config);
  return parsed === undefined ? AAC_FRAME : (parsed.frameSamples * sampleRate) / parsed.coreRate;
}

/** Samples, by the format's rate, that a unit's data makes; 0 for none. `frame`: those of a frame of AAC. */
export function soundSamples({ codec, channels }: AudioFormat, data: Buffer, frame: number): number {
  if (data.length === 0) return 0;
  if (codec === 'aac') return frame;
  if (codec === 'opus') return opusSamples(data);
  return Math.floor(data.length / (codec === 'l16' ? 2 * channels : channels));
}
