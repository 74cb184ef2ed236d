// Units of one picture format to a fragmented MP4, or MOV where the sound is G.711: a fragment a GOP, written when the next one begins.

import { isEntry } from '../codec/entry.js';
import type { AudioFormat, AudioUnit, VideoUnit } from '../codec/unit.js';
import { NvrError } from '../errors.js';
import { DamagedSpans, type DamagedSpan } from './damaged-spans.js';
import { decoderConfig, type DecoderConfig } from './decoder-config.js';
import { FragmentFile, type ClipSink } from './fragment-file.js';
import { FragmentTimes } from './fragment-times.js';
import type { ClipUnit } from './gop-ring.js';
import { MediaClock } from './media-clock.js';
import { mediabunny } from './mediabunny.js';
import type { EncodedAudioPacketSource, EncodedVideoPacketSource, Output } from './mediabunny.js';

export type { ClipSink } from './fragment-file.js';

export interface ClipGap {
  /** Milliseconds into the clip of the last picture before it. */
  readonly at: number;
  readonly ms: number;
}

export interface ClipFacts {
  readonly frames: number;
  /** Of the file, so far. */
  readonly bytes: number;
  readonly durationMs: number;
  /** Units that are missing data of their own. */
  readonly damaged: number;
  /** Where they are, and what builds on them. */
  readonly damagedSpans: readonly DamagedSpan[];
  readonly gaps: readonly ClipGap[];
}

/** Ticks a second of the pictures' times. */
export const VIDEO_RATE = 90_000;
/** Bytes of one GOP: it is held until the next one begins. */
const GOP_BYTES = 64 * 1024 * 1024;
/** Pictures without sound after which the sound is taken to have ended: nothing is written while it is waited for. */
const SOUND_WAIT_MS = 2000;
const GAP_MS = 1000;
const MAX_GAPS = 100;
const DEFAULT_FRAME_MS = 40;

const VIDEO_CODECS = { h264: 'avc', h265: 'hevc' } as const;
const AUDIO_CODECS = { aac: 'aac', pcmu: 'ulaw', pcma: 'alaw' } as const;

/** Whether a unit's codec fits the file at all. */
export function isWritable(unit: ClipUnit): boolean {
  return unit.codec in VIDEO_CODECS || unit.codec in AUDIO_CODECS;
}

export class Mp4Writer {
  readonly extension: '.mp4' | '.mov';
  private readonly codec: 'avc' | 'hevc';
  private readonly output: Output;
  private readonly file: FragmentFile;
  private readonly video: EncodedVideoPacketSource;
  private readonly audio: EncodedAudioPacketSource | undefined;
  private readonly clock = new MediaClock(VIDEO_RATE);
  private readonly audioClock: MediaClock | undefined;
  private readonly sets: Buffer;
  private begun: Promise<void> | undefined;
  private config: DecoderConfig | undefined;
  private audioBegun = false;
  private audioOpen: boolean;
  private quietMs = 0;
  private failure: Error | undefined;
  /** The last picture waits for the next one: only the very last needs a duration of its own. */
  private held: { unit: VideoUnit; ms: number } | undefined;
  /** What a picture lasts: as long as the last one, or, with B-frames, the mean. */
  private frameMs = DEFAULT_FRAME_MS;
  private shownMs = 0;
  private reordered = false;
  private endMs = 0;
  private gopBytes = 0;
  /** A GOP outgrew its bound: nothing is taken up to the next one. */
  private broken = false;
  private frames = 0;
  private damaged = 0;
  private readonly spoilt = new DamagedSpans();
  private readonly gaps: ClipGap[] = [];

  /** `first`: the keyframe that opens the file, with its parameter sets; `audio`: the sound that comes with it, if any. Throws EUNSUPPORTED. */
  constructor(
    sink: ClipSink,
    private readonly first: VideoUnit,
    private readonly audioFormat?: AudioFormat,
    audioRate = audioFormat?.sampleRate,
  ) {
    const { codec } = first;
    if (codec === 'mjpeg')
      throw new NvrError('EUNSUPPORTED', 'MJPEG cannot be recorded; use an H.264 or H.265 stream.');
    this.codec = VIDEO_CODECS[codec];
    this.sets = parameterSets(first);
    const isMov = audioFormat?.codec === 'pcmu' || audioFormat?.codec === 'pcma';
    this.extension = isMov ? '.mov' : '.mp4';
    const {
      Output,
      NullTarget,
      Mp4OutputFormat,
      MovOutputFormat,
      EncodedVideoPacketSource,
      EncodedAudioPacketSource,
    } = mediabunny();
    this.file = new FragmentFile(sink, new FragmentTimes([VIDEO_RATE, audioFormat?.sampleRate ?? 1]));
    const box = (data: Uint8Array): void => {
      this.file.box(data);
    };
    const options = {
      fastStart: 'fragmented',
      onFtyp: box,
      onMoov: box,
      onMoof: (data: Uint8Array) => {
        this.file.moof(data);
      },
    } as const;
    this.output = new Output({
      format: isMov ? new MovOutputFormat(options) : new Mp4OutputFormat(options),
      // The muxer makes the boxes; what it would copy, and copy again, goes past it.
      target: new NullTarget(),
    });
    this.video = new EncodedVideoPacketSource(this.codec);
    // The time scale is made of the frame rate: RTP's own leaves nothing to round.
    this.output.addVideoTrack(this.video, { frameRate: VIDEO_RATE });
    const audioCodec = audioFormat === undefined ? undefined : audioCodecOf(audioFormat);
    this.audioOpen = audioCodec !== undefined;
    if (audioCodec !== undefined) {
      this.audio = new EncodedAudioPacketSource(audioCodec);
      this.audioClock = new MediaClock(audioRate!);
      this.output.addAudioTrack(this.audio);
    }
  }

  get facts(): ClipFacts {
    const { frames, damaged, gaps, endMs } = this;
    const damagedSpans = this.spoilt.until(endMs);
    return { frames, bytes: this.file.bytes, damaged, damagedSpans, gaps, durationMs: Math.round(endMs) };
  }

  /** Codec of the sound that is in the file. */
  get sound(): string | undefined {
    return this.audioBegun ? this.audioFormat!.codec : undefined;
  }

  /** A picture that shall not be in the file: it is counted all the same. */
  leaveOut(unit: VideoUnit): void {
    this.count(unit, this.endMs);
  }

  /** Whether a keyframe can go on in this file: same codec, same parameter sets for the sequence. */
  fits(keyframe: VideoUnit): boolean {
    return keyframe.codec === this.first.codec && parameterSets(keyframe).equals(this.sets);
  }

  /** The next unit in order of arrival, the first one included. Rejects with what the sink rejected with. */
  async add(unit: ClipUnit): Promise<void> {
    this.begun ??= this.begin();
    await this.guard(this.begun);
    await this.guard(unit.kind === 'video' ? this.addVideo(unit) : this.addAudio(unit));
  }

  /** Writes what is held and ends the file. */
  async finish(): Promise<ClipFacts> {
    if (this.held !== undefined) {
      await this.guard(this.release(this.frameMs));
      this.endMs += this.frameMs;
      await this.guard(this.output.finalize());
      await this.guard(this.file.close());
    }
    return this.facts;
  }

  /** Lets go of what is held, after a failure. */
  async abandon(): Promise<void> {
    this.held = undefined;
    if (this.output.state !== 'finalized') await this.output.cancel().catch(() => undefined);
  }

  private async begin(): Promise<void> {
    this.config = await decoderConfig(this.codec, this.first);
    await this.output.start();
  }

  private async addVideo(unit: VideoUnit): Promise<void> {
    const opens = isEntry(unit) && parameterSets(unit).length > 0;
    if (opens) {
      this.broken = false;
      this.gopBytes = 0;
    }
    this.gopBytes += unit.data.length;
    if (this.gopBytes > GOP_BYTES) this.broken = true;
    if (this.broken || (this.frames === 0 && !opens)) return;

    const ms = this.frames === 0 ? this.clock.start(unit, 0) : this.clock.next(unit, opens);
    // Pictures in front of the first keyframe refer to what is not there.
    if (ms < 0) return;
    this.frames++;
    this.count(unit, ms);
    if (this.held !== undefined) {
      this.follow(ms);
      await this.release(0);
    }
    this.endMs = Math.max(this.endMs, ms);
    this.held = { unit, ms };
  }

  private count(unit: VideoUnit, ms: number): void {
    if (unit.damaged) this.damaged++;
    this.spoilt.add(ms, !unit.damaged && unit.reference === undefined);
  }

  /** Keeps the length of a frame, gaps, and how long the sound has been quiet. */
  private follow(ms: number): void {
    const step = ms - this.endMs;
    this.reordered ||= step < 0;
    if (step <= 0) return;
    if (step > GAP_MS && step > 8 * this.frameMs) {
      if (this.gaps.length < MAX_GAPS) this.gaps.push({ at: Math.round(this.endMs), ms: Math.round(step) });
      return;
    }
    this.quietMs += step;
    this.shownMs += step;
    this.frameMs = this.reordered ? this.shownMs / (this.frames - 1) : step;
  }

  private async release(durationMs: number): Promise<void> {
    const { unit, ms } = this.held!;
    this.held = undefined;
    if (this.audioOpen && this.quietMs > SOUND_WAIT_MS) {
      this.audioOpen = false;
      this.audio!.close();
    }
    const { EncodedPacket } = mediabunny();
    const packet = new EncodedPacket(
      unit.data,
      // A player may begin there, at a recovery point as at a keyframe.
      isEntry(unit) ? 'key' : 'delta',
      ms / 1000,
      durationMs / 1000,
    );
    this.file.hold(0, unit);
    await this.video.add(packet, { decoderConfig: this.config! });
    await this.file.flush();
  }

  private async addAudio(unit: AudioUnit): Promise<void> {
    const { audioFormat } = this;
    if (!this.audioOpen || this.frames === 0 || unit.data.length === 0) return;
    const { codec, sampleRate, channels, config } = unit.format;
    if (codec !== audioFormat!.codec || sampleRate !== audioFormat!.sampleRate) return;
    const clock = this.audioClock!;
    const ms = this.audioBegun ? clock.next(unit, true) : clock.start(unit, soundOffset(this.first, unit));
    if (ms < 0) return;
    this.audioBegun = true;
    this.quietMs = 0;
    const samples = codec === 'aac' ? 1024 : unit.data.length / channels;
    const { EncodedPacket } = mediabunny();
    const packet = new EncodedPacket(unit.data, 'key', ms / 1000, samples / sampleRate);
    this.file.hold(1, { data: unit.data });
    await this.audio!.add(packet, {
      decoderConfig: {
        codec: codec === 'aac' ? 'mp4a.40.2' : codec === 'pcmu' ? 'ulaw' : 'alaw',
        sampleRate,
        numberOfChannels: channels,
        ...(config !== undefined && { description: config }),
      },
    });
    await this.file.flush();
  }

  /** The muxer's rejection, or the sink's that is behind it. After one, nothing more is written. */
  private async guard(work: Promise<void>): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    try {
      await work;
    } catch (error) {
      this.failure ??=
        error instanceof Error ? error : new Error('the file cannot be written', { cause: error });
      throw this.failure;
    }
  }
}

function audioCodecOf({ codec, config }: AudioFormat): 'aac' | 'ulaw' | 'alaw' | undefined {
  if (!(codec in AUDIO_CODECS) || (codec === 'aac' && config === undefined)) return undefined;
  return AUDIO_CODECS[codec as keyof typeof AUDIO_CODECS];
}

/** The sequence's parameter sets in front of a keyframe: a change of them needs another file. */
function parameterSets({ codec, data, nals }: VideoUnit): Buffer {
  const found = nals.filter(({ type }) => (codec === 'h265' ? type === 32 || type === 33 : type === 7));
  return Buffer.concat(found.map(({ start, end }) => data.subarray(start, end)));
}

/** Milliseconds from the first picture to a sound: by the server's claims where it makes both, as only their difference counts; else by arrival. */
function soundOffset(picture: VideoUnit, sound: AudioUnit): number {
  const byTime = sound.time - picture.time;
  const arrived = sound.arrival - picture.arrival;
  const smoothed = Math.abs(byTime - arrived) < 1000 ? byTime : arrived;
  if (picture.captureTime === undefined || sound.captureTime === undefined) return smoothed;
  const claimed = sound.captureTime - picture.captureTime;
  return Math.abs(claimed - arrived) < 1000 ? claimed : smoothed;
}
