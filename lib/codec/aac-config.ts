// AAC's AudioSpecificConfig (ISO/IEC 14496-3 1.6.2.1): what a decoder needs to know, and the length of a
// frame.

import { Bits } from './bits.js';

/** Sampling rates by index (ISO/IEC 14496-3 table 1.18). */
const SAMPLE_RATES = [
  96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350,
];
const EXPLICIT_RATE = 15;
/**
 * Channels by channelConfiguration (table 1.19). 0 means that a program config element gives the number; that
 * is not read.
 */
const CHANNELS = [0, 1, 2, 3, 4, 5, 6, 8];

const AAC_LC = 2;
const SBR = 5;
const PARAMETRIC_STEREO = 29;
const AAC_LD = 23;
const AAC_ELD = 39;
const ESCAPE_OBJECT_TYPE = 31;
/** AAC Main, LC, SSR and LTP: after them GASpecificConfig has only its three fields. */
const LAST_PLAIN_TYPE = 4;
/** ER AAC LC, ER AAC LTP and ER AAC LD: resilience flags and a protection config follow GASpecificConfig. */
const ERROR_RESILIENT = [17, 19, AAC_LD];

/**
 * Upper bound. A config with a program config element and its comment has about 300 bytes, and every audio
 * message carries a copy.
 */
export const CONFIG_BYTES = 512;

export interface AacConfig {
  /** The config itself, as whole bytes. */
  readonly bytes: Buffer;
  /** Samples per second of the decoder's output, including SBR if signalled. */
  readonly sampleRate: number;
  /** Samples per second of the core codec, in which `frameSamples` counts. */
  readonly coreRate: number;
  /** 0 if only a program config element gives the number. */
  readonly channels: number;
  /** 1024 or 960 (512 or 480 for AAC-LD). */
  readonly frameSamples: number;
}

/** Parses a config of whole bytes; undefined if it is not valid. */
export function parseAacConfig(bytes: Buffer): AacConfig | undefined {
  if (bytes.length > CONFIG_BYTES) return undefined;
  const fields = readAacConfig(new Bits(bytes));
  return fields && { ...fields, bytes };
}

/**
 * Parses a config; undefined if it is not valid. If `complete` is true, `bits` then stands behind its last
 * bit; for some object types, and for a program config element, the end is not found.
 */
export function readAacConfig(bits: Bits): (Omit<AacConfig, 'bytes'> & { complete: boolean }) | undefined {
  let objectType = readObjectType(bits);
  const coreRate = readRate(bits);
  const channels = CHANNELS[bits.read(4)];
  let sampleRate = coreRate;
  if (objectType === SBR || objectType === PARAMETRIC_STEREO) {
    sampleRate = readRate(bits);
    objectType = readObjectType(bits);
  }
  // GASpecificConfig (4.4.1): frameLengthFlag, core coder delay, extensionFlag.
  const short = bits.read(1) === 1;
  if (bits.read(1) === 1) bits.read(14);
  const extended = bits.read(1) === 1;
  if (bits.overrun || channels === undefined || coreRate === 0 || sampleRate === 0) return undefined;
  const resilient = ERROR_RESILIENT.includes(objectType);
  if (resilient && extended) bits.read(4);
  if (resilient) bits.read(2);
  const complete = channels > 0 && (resilient || (objectType <= LAST_PLAIN_TYPE && !extended));
  const lowDelay = objectType === AAC_LD || objectType === AAC_ELD;
  return {
    sampleRate,
    coreRate,
    channels,
    frameSamples: (short ? 960 : 1024) / (lowDelay ? 2 : 1),
    complete,
  };
}

/** Whether a sampling rate exists in AAC (table 1.18). */
export function isAacRate(rate: number): boolean {
  return SAMPLE_RATES.includes(rate);
}

/** An AAC-LC config, for streams whose SDP has none. */
export function defaultAacConfig(sampleRate: number, channels: number): AacConfig {
  const index = SAMPLE_RATES.indexOf(sampleRate);
  const channelBits = Math.max(1, CHANNELS.indexOf(channels));
  const head = AAC_LC * 2 ** 4;
  const bytes = Buffer.alloc(index < 0 ? 5 : 2);
  if (index >= 0) {
    bytes.writeUInt16BE(((head | index) << 7) | (channelBits << 3));
  } else {
    // 5 bits object type, 4 bits escape, 24 bits rate, 4 bits channels, 3 flags.
    const value =
      (BigInt(head | EXPLICIT_RATE) << 31n) |
      (BigInt(sampleRate & 0xffffff) << 7n) |
      BigInt(channelBits << 3);
    bytes.writeUIntBE(Number(value), 0, 5);
  }
  return { bytes, sampleRate, coreRate: sampleRate, channels: CHANNELS[channelBits]!, frameSamples: 1024 };
}

function readObjectType(bits: Bits): number {
  const type = bits.read(5);
  return type === ESCAPE_OBJECT_TYPE ? 32 + bits.read(6) : type;
}

function readRate(bits: Bits): number {
  const index = bits.read(4);
  return index === EXPLICIT_RATE ? bits.read(24) : (SAMPLE_RATES[index] ?? 0);
}
