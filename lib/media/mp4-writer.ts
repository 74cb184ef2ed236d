// Units of one picture format to a fragmented MP4, or MOV where the sound has no place in MP4: a fragment a
// GOP, or less, written when the next one begins.

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
  /** Of the file, so far. */
  readonly bytes: number;
  readonly durationMs: number;
  /** Units that are missing data of their own. */
  readonly damaged: number;
  /** Where they are, and what builds on them. */
  readonly damagedSpans: readonly DamagedSpan[];
  readonly gaps: readonly ClipGap[];
}

const PICTURES = 1;
const SOUND = 2;
/** A fragment is at least this long, where keyframes come more often. */
const FRAGMENT_MS = 1000;
/** A fragment ends in the midst of a GOP beyond this: it is what memory holds, and what a crash costs. */
const LONG_MS = 5000;
const LARGE_BYTES = 8 * 1024 * 1024;
/** How long the first fragment waits for sound that has been heard: what the file holds is said in front. */
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
  /** The file was begun with sound. */
  private withSound = false;
  private failure: Error | undefined;

  /**
   * `first`: the picture that opens the file, with its parameter sets; `sound`: what is heard with it, if
   * anything. Throws EUNSUPPORTED.
   */
  constructor(
    sink: ClipSink,
    private readonly first: VideoUnit,
    sound?: AudioFormat,
    /** Where players begin, on the clock of the pictures' times; earlier pictures only serve to decode. */
    private readonly shownFrom = -Infinity,
    /** Pictures a second as they came before, for a stream that says none. */
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
    const { frames, damaged, damagedSpans, gaps, endMs } = this.pictures;
    const { bytes } = this.file;
    return { frames, bytes, damaged, damagedSpans, gaps, durationMs: Math.round(endMs) };
  }

  /** Codec of the sound that is in the file. */
  get sound(): string | undefined {
    return this.withSound ? this.sounds?.format.codec : undefined;
  }

  /** A picture that shall not be in the file: it is counted all the same. */
  leaveOut(unit: VideoUnit): void {
    this.pictures.leaveOut(unit, this.msOf(unit));
  }

  /**
   * Whether a keyframe can go on in this file: same codec, same parameter sets for the sequence, or none of
   * its own.
   */
  fits(keyframe: VideoUnit): boolean {
    const sets = sequenceSets(keyframe);
    return keyframe.codec === this.first.codec && (sets.length === 0 || sets.equals(this.sets));
  }

  /** The next unit in order of arrival, the first one included. Rejects with what the sink rejected with. */
  async add(unit: ClipUnit): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    const ms = this.msOf(unit);
    if (unit.kind === 'video') await this.addPicture(unit, ms);
    else if (this.pictures.frames > 0 && this.takes(unit.format)) this.sounds?.add(unit, ms);
  }

  /** Writes what waits and ends the file. */
  async finish(): Promise<ClipFacts> {
    if (this.failure !== undefined) throw this.failure;
    const rest = this.pictures.take(PICTURES);
    if (rest !== undefined) await this.write(rest);
    if (this.fragments > 0) await this.guard(this.file.close());
    return this.facts;
  }

  private async addPicture(unit: VideoUnit, ms: number): Promise<void> {
    // Pictures in front of the first one, or in its place, build on what is not there.
    if (unit.nals.length === 0 || (this.pictures.frames === 0 ? unit !== this.first : ms < 0)) return;
    const shown = this.pictures.place(ms, unit.keyframe);
    if (this.isDue(isEntry(unit), shown)) {
      const run = this.pictures.take(PICTURES, { shown, keyframe: unit.keyframe });
      if (run !== undefined) await this.write(run, ms);
    }
    this.pictures.add(unit, shown);
  }

  /** Whether what waits makes a fragment, in front of a picture shown at `shown`. */
  private isDue(isEntry: boolean, shown: number): boolean {
    const waitingMs = this.pictures.waitingMs(shown);
    if (this.pictures.bytes > LARGE_BYTES || waitingMs > LONG_MS) return true;
    if (!isEntry || waitingMs < FRAGMENT_MS) return false;
    return this.fragments > 0 || this.sounds?.begun !== false || waitingMs > SOUND_WAIT_MS;
  }

  /**
   * A fragment, with the sound that goes with it. `untilMs`: where the next one begins; without it everything
   * goes.
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

  /** A declared track that stays silent would hold players up: it is declared when sound has come. */
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

  /** Ticks in front of the picture on screen at `shownFrom`, as far as the first fragment tells. */
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

  /** From the first picture on, on the time line of the camera's session. */
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

/** Whether a file can hold sound of this kind. */
export function isWritableSound({ codec, config }: AudioFormat): boolean {
  return isSoundCodec(codec) && (codec !== 'aac' || config !== undefined);
}
