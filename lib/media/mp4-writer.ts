// Writes units of one picture format to a fragmented MP4, or to MOV if MP4 does not support the audio codec.
// A fragment holds a GOP or less, and is written when the next one begins.

import { isEntry } from '../codec/entry.js';
import type { AudioFormat, VideoUnit } from '../codec/unit.js';
import { decoderConfig, sequenceSets } from './decoder-config.js';
import type { DamagedSpan } from './damaged-spans.js';
import { FragmentFile, type ClipSink } from './fragment-file.js';
import type { ClipGap } from './gaps.js';
import type { ClipUnit } from './gop-ring.js';
import {
  isSoundCodec,
  mp4Header,
  needsMov,
  VIDEO_RATE,
  type HeaderTrack,
  type PictureEntry,
  type SoundEntry,
} from './mp4/header.js';
import { moof, type FragmentSample, type TrackRun } from './mp4/moof.js';
import { shownAt } from './mp4/clip-reader.js';
import { PictureTrack, type PictureRun } from './picture-track.js';
import { SoundTrack } from './sound-track.js';

export type { ClipSink } from './fragment-file.js';
export type { ClipGap } from './gaps.js';
export type { DamagedSpan } from './damaged-spans.js';

export interface ClipFacts {
  readonly frames: number;
  /** Size of the file so far. */
  readonly bytes: number;
  readonly durationMs: number;
  /** Units with missing data of their own. */
  readonly damaged: number;
  /** Spans with damaged pictures and those that depend on them. */
  readonly damagedSpans: readonly DamagedSpan[];
  readonly gaps: readonly ClipGap[];
  /** Length of further gaps, which are too many to be listed. */
  readonly unlistedMs: number;
}

const PICTURES = 1;
const SOUND = 2;
/** Least duration of a fragment, if keyframes are more frequent. */
const FRAGMENT_MS = 1000;
/** A fragment longer or larger than this ends inside a GOP: it is held in memory, and lost in a crash. */
const LONG_MS = 5000;
const LARGE_BYTES = 8 * 1024 * 1024;
/** How long the first fragment waits for expected audio, because the file header must declare its tracks. */
const SOUND_WAIT_MS = 2000;

export class Mp4Writer {
  readonly extension: '.mp4' | '.mov';
  private readonly config: PictureEntry;
  private readonly sets: Buffer;
  private readonly file: FragmentFile;
  private readonly pictures: PictureTrack;
  private readonly sounds: SoundTrack | undefined;
  /** Monotonic ms of the first picture. */
  private readonly origin: number;
  private fragments = 0;
  /** The file has an audio track. */
  private withSound = false;
  private failure: Error | undefined;

  /**
   * `first`: the picture that opens the file, with its parameter sets; `sound`: format of the audio, if any.
   * Throws EUNSUPPORTED.
   */
  constructor(
    sink: ClipSink,
    private readonly first: VideoUnit,
    sound?: AudioFormat,
    /** Where players begin, on the clock of the picture times; earlier pictures are only decoded. */
    private readonly shownFrom = -Infinity,
    /** Frames per second measured before, for a stream that does not declare a rate. */
    usualRate?: number,
  ) {
    this.config = decoderConfig(first);
    this.sets = sequenceSets(first);
    this.file = new FragmentFile(sink);
    this.pictures = new PictureTrack(first, usualRate);
    const writable = sound !== undefined && isWritableSound(sound) ? sound : undefined;
    this.sounds = writable && new SoundTrack(writable);
    this.extension = needsMov(writable?.codec) ? '.mov' : '.mp4';
    this.origin = first.mediaTime ?? first.arrival;
  }

  get facts(): ClipFacts {
    const { frames, damaged, damagedSpans, gaps, unlistedMs, endMs } = this.pictures;
    const { bytes } = this.file;
    return { frames, bytes, damaged, damagedSpans, gaps, unlistedMs, durationMs: Math.round(endMs) };
  }

  /** Codec of the file's audio track. */
  get sound(): string | undefined {
    return this.withSound ? this.sounds?.format.codec : undefined;
  }

  /** Counts a picture that is not written to the file. */
  leaveOut(unit: VideoUnit): void {
    this.pictures.leaveOut(unit, this.msOf(unit));
  }

  /** Whether a keyframe can continue this file: same codec, and the same sequence parameter sets or none. */
  fits(keyframe: VideoUnit): boolean {
    const sets = sequenceSets(keyframe);
    return keyframe.codec === this.first.codec && (sets.length === 0 || sets.equals(this.sets));
  }

  /**
   * Adds the next unit in order of arrival, beginning with the first picture. Rejects with the sink's error.
   */
  async add(unit: ClipUnit): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    const ms = this.msOf(unit);
    if (unit.kind === 'video') await this.addPicture(unit, ms);
    else if (this.pictures.frames > 0 && this.takes(unit.format)) this.sounds?.add(unit, ms);
  }

  /** Writes the remaining units and ends the file. */
  async finish(): Promise<ClipFacts> {
    if (this.failure !== undefined) throw this.failure;
    const rest = this.pictures.take(PICTURES);
    if (rest !== undefined) await this.write(rest);
    if (this.fragments > 0) await this.guard(this.file.close());
    return this.facts;
  }

  private async addPicture(unit: VideoUnit, ms: number): Promise<void> {
    // Pictures before the first one depend on pictures that are not in the file.
    if (unit.nals.length === 0 || (this.pictures.frames === 0 ? unit !== this.first : ms < 0)) return;
    const shown = this.pictures.place(ms, unit.keyframe);
    if (this.isDue(isEntry(unit), shown)) {
      const run = this.pictures.take(PICTURES, { shown, keyframe: unit.keyframe });
      if (run !== undefined) await this.write(run, ms);
    }
    this.pictures.add(unit, shown);
  }

  /** Whether the waiting pictures make a fragment, if the next one is displayed at `shown`. */
  private isDue(isEntry: boolean, shown: number): boolean {
    const waitingMs = this.pictures.waitingMs(shown);
    if (this.pictures.bytes > LARGE_BYTES || waitingMs > LONG_MS) return true;
    if (!isEntry || waitingMs < FRAGMENT_MS) return false;
    return this.fragments > 0 || this.sounds?.begun !== false || waitingMs > SOUND_WAIT_MS;
  }

  /**
   * Writes a fragment with the audio that belongs to it. `untilMs`: where the next one begins; without it
   * everything is written.
   */
  private async write(pictures: PictureRun, untilMs?: number): Promise<void> {
    if (this.fragments === 0) this.begin(pictures.run);
    const { sounds } = this;
    const delay = sounds && Math.round((this.pictures.delay * sounds.format.sampleRate) / VIDEO_RATE);
    const sound = this.withSound ? sounds!.take(SOUND, delay!, untilMs) : undefined;
    const runs = sound === undefined ? [pictures] : [pictures, sound];
    this.fragments++;
    this.file.fragment(
      moof(
        this.fragments,
        runs.map(({ run }) => run),
      ),
      runs.flatMap(({ samples }) => samples),
      pictures.opens,
    );
    await this.guard(this.file.flush());
  }

  /** An audio track that stays silent would block players, so it is declared only if audio has arrived. */
  private begin({ time, samples }: TrackRun): void {
    this.withSound = this.sounds?.begun === true;
    const tracks: HeaderTrack[] = [
      { timescale: VIDEO_RATE, picture: this.config, skip: this.skipOf(time, samples) },
    ];
    const { format } = this.sounds ?? {};
    if (this.withSound && format !== undefined)
      tracks.push({ timescale: format.sampleRate, sound: format as SoundEntry });
    this.file.box(mp4Header(tracks));
  }

  /** Ticks before the picture on screen at `shownFrom`, as far as the first fragment shows. */
  private skipOf(from: number, samples: readonly FragmentSample[]): number {
    const skip = Math.round(((this.shownFrom - this.origin) * VIDEO_RATE) / 1000);
    if (!(skip > 0)) return 0;
    let time = from;
    const timed = samples.map(({ duration, offset }) => {
      time += duration;
      return { time: time - duration, offset };
    });
    const wanted = skip + this.pictures.delay;
    return wanted < time ? shownAt(timed, wanted) : wanted;
  }

  /** ms since the first picture, on the session's time line. */
  private msOf({ mediaTime, arrival }: ClipUnit): number {
    return (mediaTime ?? arrival) - this.origin;
  }

  private takes({ codec, sampleRate, channels }: AudioFormat): boolean {
    const { format } = this.sounds ?? {};
    return format?.codec === codec && format.sampleRate === sampleRate && format.channels === channels;
  }

  /** After the sink has rejected, nothing more is written. */
  private async guard(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      this.failure =
        error instanceof Error ? error : new Error('the file cannot be written', { cause: error });
      throw this.failure;
    }
  }
}

/** Whether a file can hold audio of this format. */
export function isWritableSound({ codec, config }: AudioFormat): boolean {
  return isSoundCodec(codec) && (codec !== 'aac' || config !== undefined);
}
