// One simulated session: paces the media of its tracks, expires, and says BYE.

import { randomBytes } from 'node:crypto';
import type net from 'node:net';
import { audioClip, channelClip, recordingClip, type Clip } from './clips.js';
import type { Faults } from './faults.js';
import type { VideoKind } from './clips.js';
import type { Settings } from './options.js';
import { LiveSource, liveStart, RecordedSource, type Source } from './source.js';
import { BACKLOG_BYTES, type SimulatedTrack } from './track.js';

export interface SessionTarget {
  readonly channel: number;
  readonly stream: 'main' | 'dual';
  /** Epoch ms at which the recording begins; absent for live. */
  readonly recordedFrom?: number;
}

interface PlayOptions {
  /** Granted Scale of a recording. */
  scale: number;
  /** Send as fast as the socket accepts data. */
  asFast: boolean;
}

/** Most units sent in one go, so that other sessions get their turn. */
const BURST = 1000;
const FULL_SOCKET_MS = 5;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export class SimulatedSession {
  readonly id = randomBytes(4).toString('hex').toUpperCase();
  /** By track number in the control URI: 1 for video, 2 for audio. */
  readonly tracks = new Map<number, SimulatedTrack>();
  isPlaying = false;
  /** Fault: media has stopped while the connection stays. */
  isSilent = false;
  /** Nothing came from the client within the time-out: media has stopped, and requests are answered 454. */
  isExpired = false;
  private scale = 1;
  private asFast = false;
  private begunAt = 0;
  private begunAtEpoch = 0;
  private timer: NodeJS.Timeout | undefined;
  private expiry: NodeJS.Timeout | undefined;
  private ended = false;

  constructor(
    readonly target: SessionTarget,
    readonly socket: net.Socket,
    private readonly settings: Settings,
    private readonly faults: Faults,
  ) {
    this.touch();
  }

  get isEnded(): boolean {
    return this.ended;
  }

  /** A sign of life from the client; restarts the time-out. */
  touch(): void {
    clearTimeout(this.expiry);
    if (this.ended || this.isExpired) return;
    this.expiry = setTimeout(
      () => {
        this.isExpired = true;
        this.close();
      },
      Math.min(this.settings.sessionTimeout * 1000, LONGEST_TIMER_MS),
    );
  }

  /** Starts playing. The first unit is sent at once, before the PLAY reply. `nowMs`: the NVR's clock. */
  play(options: PlayOptions, nowMs: number): { number: number; seq: number; rtptime: number }[] {
    const { recordedFrom } = this.target;
    this.scale = options.scale;
    this.asFast = options.asFast;
    this.isPlaying = true;
    this.begunAt = performance.now();
    this.begunAtEpoch = nowMs;
    const video = clipOf(this.target, this.settings);
    const startMs =
      recordedFrom === undefined ? liveStart(video, nowMs) : Math.floor(recordedFrom / 1000) * 1000;
    const reply = [...this.tracks].map(([number, track]) => {
      const clip = number === 1 ? video : audioClip(this.settings.audio ?? 'aac');
      track.source =
        recordedFrom === undefined
          ? new LiveSource(clip, startMs)
          : new RecordedSource(clip, startMs, nowMs, this.settings);
      return { number, seq: track.sequence, rtptime: track.rtpBase };
    });
    this.pump();
    return reply;
  }

  /** Switches to another picture size. */
  changeResolution(stream: 'main' | 'dual'): void {
    const track = this.tracks.get(1);
    const source: Source | undefined = track?.source;
    if (track === undefined || !(source instanceof LiveSource)) return;
    source.change(clipOf({ channel: this.target.channel, stream }, this.settings));
    track.pending = undefined;
  }

  /** Sends an RTCP BYE in every track and stops the media. */
  sayGoodbye(): void {
    clearTimeout(this.timer);
    if (this.ended || this.isExpired) return;
    for (const track of this.tracks.values()) track.sayGoodbye();
  }

  end(): void {
    if (this.ended) return;
    this.ended = true;
    this.close();
  }

  private close(): void {
    clearTimeout(this.expiry);
    clearTimeout(this.timer);
    for (const track of this.tracks.values()) track.close();
    this.tracks.clear();
  }

  /** Sends every unit that is due, then schedules itself for the next one. */
  private pump(): void {
    for (let burst = 0; burst < BURST; burst++) {
      const track = this.nextTrack();
      if (track === undefined) {
        this.sayGoodbye();
        return;
      }
      if (this.asFast && this.socket.writableLength > BACKLOG_BYTES) break;
      const unit = track.peek()!;
      const afterMs = unit.dueMs / this.scale / this.settings.pace;
      const wait = this.asFast ? 0 : this.begunAt + afterMs - performance.now();
      if (wait > 1) {
        this.schedule(wait);
        return;
      }
      const isHeldBack = unit.keyframe && this.faults.withoutKeyframes.has(this.target.channel);
      track.send({
        ntpMs: this.begunAtEpoch + afterMs,
        scale: this.scale,
        isMuted: this.isSilent || isHeldBack,
        dropsWhenFull: !this.asFast,
      });
    }
    this.schedule(FULL_SOCKET_MS);
  }

  /** The track whose next unit is due first; undefined if all have ended. */
  private nextTrack(): SimulatedTrack | undefined {
    let first: SimulatedTrack | undefined;
    for (const track of this.tracks.values()) {
      const unit = track.peek();
      if (unit !== undefined && (first === undefined || unit.dueMs < first.peek()!.dueMs)) first = track;
    }
    return first;
  }

  private schedule(ms: number): void {
    this.timer = setTimeout(() => {
      this.pump();
    }, ms);
  }
}

/** Codec of a channel's live video. */
export function videoKind(settings: Settings, channel: number): VideoKind {
  return typeof settings.codec === 'string' ? settings.codec : (settings.codec[channel] ?? 'h264');
}

/** The clip for a target's video. */
export function clipOf(target: SessionTarget, settings: Settings): Clip {
  return target.recordedFrom === undefined
    ? channelClip(target.channel, target.stream, videoKind(settings, target.channel))
    : recordingClip();
}
