// AAC's AudioSpecificConfig (ISO/IEC 14496-3 1.6.2.1): what a decoder must know, and how long a frame is.

import { Bits } from './bits.js';

/** Sampling rates by index (ISO/IEC 14496-3 table 1.18). */
const SAMPLE_RATES = [
  96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350,
];
const EXPLICIT_RATE = 15;
/**
 * Channels by channelConfiguration (table 1.19); 0 is said by a program config element, which is not read.
 */
const CHANNELS = [0, 1, 2, 3, 4, 5, 6, 8];

const AAC_LC = 2;
const SBR = 5;
const PARAMETRIC_STEREO = 29;
const AAC_LD = 23;
const AAC_ELD = 39;
const ESCAPE_OBJECT_TYPE = 31;
/** AAC Main, LC, SSR and LTP: nothing follows GASpecificConfig's three fields. */
const LAST_PLAIN_TYPE = 4;
/** ER AAC LC, ER AAC LTP and ER AAC LD: resilience flags and a protection config follow. */
const ERROR_RESILIENT = [17, 19, AAC_LD];

/**
 * A config with a program config element and its comment has 300 bytes; each message of the sound carries a
 * copy.
 */
export const CONFIG_BYTES = 512;

export interface AacConfig {
  /** The config itself, whole bytes. */
  readonly bytes: Buffer;
  /** Samples per second that come out of a decoder, SBR included where it is signalled. */
  readonly sampleRate: number;
  /** Samples per second of the core, of which a frame has `frameSamples`. */
  readonly coreRate: number;
  /** 0 if only a program config element says. */
  readonly channels: number;
  /** 1024 or 960 (512 or 480 for AAC-LD). */
  readonly frameSamples: number;
}

/** Reads a config of whole bytes; undefined if it is none. */
export function parseAacConfig(bytes: Buffer): AacConfig | undefined {
  if (bytes.length > CONFIG_BYTES) return undefined;
  const fields = readAacConfig(new Bits(bytes));
  return fields && { ...fields, bytes };
}

/**
 * Reads a config and leaves `bits` behind its last bit, where `complete` is true: the syntax of some object
 * types, and a program config element, is not followed to its end. Undefined if it is none.
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
  // GASpecificConfig (4.4.1): frame length, core coder delay, extension flag.
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

/** Whether sound may be sampled so (table 1.18). */
export function isAacRate(rate: number): boolean {
  return SAMPLE_RATES.includes(rate);
}

/** The config of AAC-LC, for streams whose SDP has none. */
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
