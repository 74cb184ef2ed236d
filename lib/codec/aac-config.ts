// AAC's AudioSpecificConfig (ISO/IEC 14496-3 1.6.2.1): what a decoder must know, and how long a frame is.

/** Sampling rates by index (ISO/IEC 14496-3 table 1.18). */
const SAMPLE_RATES = [
  96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350,
];
const EXPLICIT_RATE = 15;
/** Channels by channelConfiguration (table 1.19); 0 is said by a program config element, which is not read. */
const CHANNELS = [0, 1, 2, 3, 4, 5, 6, 8];

const AAC_LC = 2;
const SBR = 5;
const PARAMETRIC_STEREO = 29;
const ESCAPE_OBJECT_TYPE = 31;

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

/** Reads bits, most significant first; past the end they are 0 and `overrun` is true. */
export class Bits {
  overrun = false;
  readonly #data: Uint8Array;
  #position: number;
  readonly #end: number;

  /** `start` and `end` count bits. */
  constructor(data: Uint8Array, start = 0, end = data.length * 8) {
    this.#data = data;
    this.#position = start;
    this.#end = end;
  }

  /** In bits from the start of the data. */
  get position(): number {
    return this.#position;
  }

  get left(): number {
    return this.#end - this.#position;
  }

  /** An unsigned number of up to 32 bits. */
  read(count: number): number {
    if (count > this.left) {
      this.overrun = true;
      this.#position = this.#end;
      return 0;
    }
    let value = 0;
    for (let i = 0; i < count; i++, this.#position++) {
      value = value * 2 + ((this.#data[this.#position >> 3]! >> (7 - (this.#position & 7))) & 1);
    }
    return value;
  }
}

/** Reads a config of whole bytes; undefined if it is none. */
export function parseAacConfig(bytes: Buffer): AacConfig | undefined {
  const bits = new Bits(bytes);
  const fields = readAacConfig(bits);
  return fields && { ...fields, bytes };
}

/** Reads the part of a config that all AAC object types share, up to and with GASpecificConfig's flags (4.4.1); undefined if it is none. */
export function readAacConfig(bits: Bits): Omit<AacConfig, 'bytes'> | undefined {
  let objectType = readObjectType(bits);
  const coreRate = readRate(bits);
  const channels = CHANNELS[bits.read(4)];
  let sampleRate = coreRate;
  if (objectType === SBR || objectType === PARAMETRIC_STEREO) {
    sampleRate = readRate(bits);
    objectType = readObjectType(bits);
  }
  const short = bits.read(1) === 1;
  if (bits.read(1) === 1) bits.read(14);
  bits.read(1);
  if (bits.overrun || channels === undefined || coreRate === 0 || sampleRate === 0) return undefined;
  const lowDelay = objectType === 23 || objectType === 39;
  return { sampleRate, coreRate, channels, frameSamples: (short ? 960 : 1024) / (lowDelay ? 2 : 1) };
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
