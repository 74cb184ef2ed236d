// LATM's StreamMuxConfig (ISO/IEC 14496-3 1.7.3.2): how the access units of an AAC stream are arranged in its
// mux elements.

import type { AacConfig } from './aac-config.js';
import { CONFIG_BYTES, readAacConfig } from './aac-config.js';
import type { Bits } from './bits.js';
import { copyBits } from './bits.js';

/** Supports what cameras send: one program, one layer, AAC. */
export interface LatmConfig {
  readonly aac: AacConfig;
  /** Access units per mux element. */
  readonly frames: number;
  /** Bytes of every access unit; 0 if a length precedes each. */
  readonly frameBytes: number;
}

const VARIABLE_LENGTH = 0;
const FIXED_LENGTH = 1;
/** Most escape bytes of an otherDataPresent length; more would exceed any packet. */
const MAX_ESCAPES = 4;

/**
 * Parses a config from `data` at the position of `bits`, and leaves `bits` behind it. Undefined if it is not
 * supported.
 */
export function readLatmConfig(data: Uint8Array, bits: Bits): LatmConfig | undefined {
  const version = bits.read(1);
  if (version === 1 && bits.read(1) === 1) return undefined;
  if (version === 1) readValue(bits);
  const sameTiming = bits.read(1) === 1;
  const frames = bits.read(6) + 1;
  const programs = bits.read(4) + 1;
  const layers = bits.read(3) + 1;
  if (!sameTiming || programs > 1 || layers > 1) return undefined;

  const length = version === 1 ? readValue(bits) : 0;
  const start = bits.position;
  const aac = readAacConfig(bits);
  if (aac === undefined || (version === 0 && !aac.complete)) return undefined;
  if (version === 1) {
    if (bits.position > start + length || length > bits.position + bits.left - start) return undefined;
    bits.moveTo(start + length);
  }
  if (bits.position - start > CONFIG_BYTES * 8) return undefined;
  const bytes = copyBits(data, start, bits.position);

  // Some senders (GStreamer) end the SDP's config here. Bits past the end read as 0, which is what those
  // senders mean.
  const lengthType = bits.read(3);
  let frameBytes = 0;
  if (lengthType === VARIABLE_LENGTH) bits.read(8);
  else if (lengthType === FIXED_LENGTH) frameBytes = bits.read(9) + 20;
  else return undefined;
  if (bits.read(1) === 1 && !skipOtherDataLength(bits, version)) return undefined;
  if (bits.read(1) === 1) bits.read(8);
  return { aac: { ...aac, bytes }, frames, frameBytes };
}

/** Only the length is read: the other data itself follows the access units and is ignored. */
function skipOtherDataLength(bits: Bits, version: number): boolean {
  if (version === 1) {
    readValue(bits);
    return true;
  }
  for (let i = 0; i < MAX_ESCAPES; i++) {
    const more = bits.read(1);
    bits.read(8);
    if (more === 0) return true;
  }
  return false;
}

/** LatmGetValue (1.7.3.2): one to four bytes. */
function readValue(bits: Bits): number {
  return bits.read(8 * (bits.read(2) + 1));
}
