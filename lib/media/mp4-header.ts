// The boxes in front of a file's fragments: the muxer makes them, of one picture and, where there is sound, one frame of it, and nothing else.

import type { AudioFormat, ColourDescription, VideoUnit } from '../codec/unit.js';
import type { DecoderConfig } from './decoder-config.js';
import { mediabunny } from './mediabunny.js';

/** Ticks a second of the pictures' times. */
export const VIDEO_RATE = 90_000;

const VIDEO_CODECS = { h264: 'avc', h265: 'hevc' } as const;
/** What the muxer calls a codec. The description goes with it; the string is checked and goes nowhere. */
const VIDEO_STRINGS = { h264: 'avc1.640028', h265: 'hvc1.1.6.L93.B0' } as const;
const AUDIO_CODECS = { aac: 'aac', opus: 'opus', pcmu: 'ulaw', pcma: 'alaw', l16: 'pcm-s16be' } as const;
const AAC_STRING = 'mp4a.40.2';
/** What a 16.16 number holds. */
const MAX_SIDE = 65_535;
/** What MOV has a place for and MP4 has not. */
const MOV_ONLY: ReadonlySet<string> = new Set(['pcmu', 'pcma', 'l16']);

/** Codes of ISO 23091-2 that the muxer has words for, and cameras a use. */
const PRIMARIES = new Map([
  [1, 'bt709'],
  [5, 'bt470bg'],
  [6, 'smpte170m'],
] as const);
const TRANSFER = new Map([
  [1, 'bt709'],
  [6, 'smpte170m'],
  [13, 'iec61966-2-1'],
] as const);
const MATRIX = PRIMARIES;
const UNSAID = 2;

type WritableAudio = keyof typeof AUDIO_CODECS;

/** Whether there is a file for sound of this kind. */
export function isWritableSound({ codec, config }: AudioFormat): boolean {
  return codec in AUDIO_CODECS && (codec !== 'aac' || config !== undefined);
}

/** Sound decides of the kind of file. */
export function extensionFor(sound: AudioFormat | undefined): '.mp4' | '.mov' {
  return sound !== undefined && MOV_ONLY.has(sound.codec) ? '.mov' : '.mp4';
}

export interface HeaderParts {
  readonly first: VideoUnit;
  readonly config: DecoderConfig;
  /** Track 2; the pictures are track 1. */
  readonly sound?: AudioFormat;
  readonly extension: '.mp4' | '.mov';
}

/** ftyp and moov. */
export async function mp4Header({ first, config, sound, extension }: HeaderParts): Promise<Buffer> {
  const { Output, NullTarget, Mp4OutputFormat, MovOutputFormat } = mediabunny();
  const { EncodedVideoPacketSource, EncodedAudioPacketSource, EncodedPacket } = mediabunny();
  const parts: Uint8Array[] = [];
  const keep = (box: Uint8Array): void => void parts.push(Uint8Array.from(box));
  const options = { fastStart: 'fragmented', onFtyp: keep, onMoov: keep } as const;
  const output = new Output({
    format: extension === '.mov' ? new MovOutputFormat(options) : new Mp4OutputFormat(options),
    target: new NullTarget(),
  });
  const codec = first.codec as keyof typeof VIDEO_CODECS;
  const video = new EncodedVideoPacketSource(VIDEO_CODECS[codec]);
  // The time scale is made of the frame rate: RTP's own leaves nothing to round.
  output.addVideoTrack(video, { frameRate: VIDEO_RATE });
  const audio =
    sound === undefined
      ? undefined
      : new EncodedAudioPacketSource(AUDIO_CODECS[sound.codec as WritableAudio]);
  if (audio !== undefined) output.addAudioTrack(audio);
  await output.start();
  const { width, height, sar = { width: 1, height: 1 }, record } = config;
  const colour = first.format.colour && colourWords(first.format.colour);
  await video.add(new EncodedPacket(Buffer.alloc(1), 'key', 0, 1), {
    decoderConfig: {
      codec: VIDEO_STRINGS[codec],
      codedWidth: width,
      codedHeight: height,
      displayAspectWidth: width * sar.width,
      displayAspectHeight: height * sar.height,
      description: record,
      ...(colour && { colorSpace: colour }),
    },
  });
  if (audio !== undefined && sound !== undefined)
    await audio.add(new EncodedPacket(Buffer.alloc(4), 'key', 0, 1), { decoderConfig: audioConfig(sound) });
  await output.finalize();
  const header = Buffer.concat(parts);
  showSquare(header, Math.min(MAX_SIDE, Math.round((width * sar.width) / sar.height)), height);
  return header;
}

function audioConfig(sound: AudioFormat): {
  codec: string;
  sampleRate: number;
  numberOfChannels: number;
  description?: Uint8Array;
} {
  const { codec, sampleRate, channels, config } = sound;
  const description = codec === 'opus' ? opusHead(channels) : config;
  return {
    codec: codec === 'aac' ? AAC_STRING : AUDIO_CODECS[codec as WritableAudio],
    sampleRate,
    numberOfChannels: channels,
    ...(description && { description }),
  };
}

/** RFC 7845 5.1. Nothing is to be skipped: the recording begins in the midst of the sound. */
function opusHead(channels: number): Buffer {
  const head = Buffer.alloc(19);
  head.write('OpusHead', 'latin1');
  head[8] = 1;
  head[9] = channels;
  head.writeUInt32LE(48_000, 12);
  return head;
}

/** Undefined where a code has no word: half a statement would be a wrong one. */
function colourWords(colour: ColourDescription): VideoColorSpaceInit | undefined {
  const primaries = wordFor(PRIMARIES, colour.primaries);
  const transfer = wordFor(TRANSFER, colour.transfer);
  const matrix = wordFor(MATRIX, colour.matrix);
  if (primaries === undefined || transfer === undefined || matrix === undefined) return undefined;
  return { primaries, transfer, matrix, fullRange: colour.fullRange };
}

/** null: nothing is said; undefined: it cannot be said. */
function wordFor<Word>(words: ReadonlyMap<number, Word>, code: number): Word | null | undefined {
  return code === UNSAID ? null : words.get(code);
}

/** The track is shown in square pixels, as tkhd has it: 16.16 numbers at its end (ISO 14496-12 8.3.2). The pictures' track comes first. */
function showSquare(header: Buffer, width: number, height: number): void {
  const at = header.indexOf('tkhd', 0, 'latin1') - 4;
  const end = at + header.readUInt32BE(at);
  header.writeUInt32BE(width * 65_536, end - 8);
  header.writeUInt32BE(height * 65_536, end - 4);
}
