// One playback run: a key, a session, units with the time they were recorded at, and an end with its reason.

import { openSession } from '../../client/open-session.js';
import type { ServerOptions } from '../../client/session-options.js';
import type { RtspSession, SessionEnd } from '../../client/session.js';
import type { VideoUnit } from '../../codec/unit.js';
import { asNvrError, NvrError, type NvrErrorCode } from '../../errors.js';
import { guarded } from '../../guard.js';
import { LIMITS } from '../../limits.js';
import type { Account } from '../account.js';
import type { MemoryBudget } from '../memory-budget.js';
import { fetchPlaybackKey } from './key-service.js';
import { playbackPreferenceOf, toldTransport } from '../transport.js';
import type { NvrSettings } from '../types.js';
import { needsKey, playbackPath, type PlaybackSpan } from '../uri-template.js';
import { RecordedClock } from './recorded-clock.js';

export interface PlaybackRequest {
  readonly run: string;
  readonly channel: number;
  readonly stream: string;
  readonly group: number;
  /** Epoch ms. */
  readonly from: number;
  /** Epoch ms; absent: until the recording ends. */
  readonly to?: number;
  /** Times real speed by `Scale`; 0: as fast as the server sends (`Rate-Control: no`). */
  readonly speed: number;
}

/** A unit of a run; `time` is the recorded time. `repeated`: sent before, and again after a resume because decoders need the keyframe. */
export interface RecordedUnit {
  readonly unit: VideoUnit;
  readonly repeated: boolean;
}

/** `reached`: `to` on the media clock. `stopped`: by the user. `stalled`: the media clock stood still. The others as the session's. */
export type RunEnd =
  | 'reached'
  | 'stopped'
  | 'bye'
  | 'eof'
  | 'teardown'
  | 'redirect'
  | 'silence'
  | 'stalled'
  | 'expired'
  | 'replaced';

export interface PlaybackHandlers {
  onUnit(recorded: RecordedUnit): void;
  onConnecting?(): void;
  onPlaying?(transport: string): void;
  onPaused?(at: number): void;
  onWarning?(error: NvrError): void;
  /** The stream broke off before `to`; the run goes on from where it got to, in `retryInMs`. */
  onInterrupted?(error: NvrError, attempt: number, retryInMs: number): void;
  /**
   * The run is over; once. `missingMs`: what of the span asked for has not come; 0 where all of it has, or no end was asked for. An error tells why
   * something is missing.
   */
  onEnd(reason: RunEnd | 'error', error: NvrError | undefined, missingMs: number): void;
}

export interface RunContext {
  readonly settings: NvrSettings;
  readonly account: Account;
  readonly session: ServerOptions;
  readonly memory: MemoryBudget;
  uriOf(path: string): string;
  /** Whether a channel streams at all: tells "no such channel" from "no recording". */
  hasChannel(channel: number, stream: string): Promise<boolean>;
}

/** Beyond twice the span's length and this, a run whose media clock stands still is ended. */
const GRACE_MS = 30_000;
/** How often a run goes on after its stream broke off, and how long it waits before each time. */
const RESUME_AFTER_MS = [0, 2_000, 8_000];
/** Causes that another try does not mend. An NVR that starts anew may answer 403 or 404 for what it played before. */
const FINAL: ReadonlySet<NvrErrorCode> = new Set(['EAUTH', 'EUNSUPPORTED', 'EINPUT', 'ENORECORDING']);
/** A last picture so close to `to` may last until it; a slow camera's lasts longer. */
const LAST_PICTURE_MS = 500;
/** Answers that a key which expired between HTTP and RTSP may get. */
const KEY_REFUSALS: ReadonlySet<number> = new Set([400, 403, 404, 454, 455]);

export class PlaybackRun {
  state: 'opening' | 'playing' | 'paused' | 'ended' = 'opening';
  /** Recorded time of the newest unit, epoch ms. */
  reached: number;
  private from: number;
  private readonly to: number | undefined;
  private session: RtspSession | undefined;
  private generation = 0;
  private repeatUntil = Number.NEGATIVE_INFINITY;
  private guard: NodeJS.Timeout | undefined;
  private resumeTimer: NodeJS.Timeout | undefined;
  private interruptions = 0;
  /** The last step between two pictures, and the shorter one of the last two: a gap in the recording is no slow camera. */
  private stepMs = 0;
  private pictureMs = 0;
  /** Whoever takes the units has enough of them. */
  private held = false;
  private closing: Promise<void> = Promise.resolve();

  constructor(
    private readonly context: RunContext,
    readonly request: PlaybackRequest,
    private readonly handlers: PlaybackHandlers,
  ) {
    this.from = this.reached = request.from;
    this.to = request.to;
  }

  start(): void {
    void this.open(this.from);
  }

  /** TEARDOWN; `resume` goes on from the time reached. */
  pause(): void {
    if (this.state !== 'opening' && this.state !== 'playing') return;
    this.leave();
    this.state = 'paused';
    this.handlers.onPaused?.(this.reached);
  }

  resume(): void {
    if (this.state !== 'paused') return;
    this.repeatUntil = this.reached;
    void this.open(this.reached);
  }

  /** Goes on from another time. Throws EINPUT for one at or past `to`. */
  seek(from: number): void {
    if (this.state === 'ended') return;
    if (this.to !== undefined && this.to <= from)
      throw new NvrError('EINPUT', '"from" lies at or past the end of the run; start another one.');
    this.leave();
    this.from = this.reached = from;
    this.repeatUntil = Number.NEGATIVE_INFINITY;
    void this.open(from);
  }

  /** Reads no more until `letGo`: the server feels back-pressure. */
  hold(): void {
    this.held = true;
    // Until it plays, replies are waited for.
    if (this.state === 'playing') this.session?.pauseReading();
  }

  letGo(): void {
    if (!this.held) return;
    this.held = false;
    this.session?.resumeReading();
  }

  /** Ends the run; resolves when TEARDOWN is through. */
  stop(reason: 'stopped' | 'replaced' = 'stopped'): Promise<void> {
    this.finish(reason);
    return this.closing;
  }

  private async open(at: number): Promise<void> {
    this.state = 'opening';
    const generation = ++this.generation;
    this.handlers.onConnecting?.();
    try {
      await this.closing;
      const opened = await this.openWithKey(at, generation);
      if (generation !== this.generation) {
        await opened.session.close();
        return;
      }
      this.session = opened.session;
      this.state = 'playing';
      if (this.held) opened.session.pauseReading();
      this.handlers.onPlaying?.(toldTransport(this.context.settings, opened.transport));
      this.warnOfSpeed(opened.session);
      this.armGuard(generation);
    } catch (error) {
      if (generation !== this.generation) return;
      const cause = asNvrError(error, 'EPROTOCOL', 'The recording could not be opened.');
      if (this.interruptions > 0) this.interrupted('error', cause);
      else this.finish('error', cause);
    }
  }

  /** A new key for every PLAY, and one silent retry with another where the first was refused. */
  private async openWithKey(at: number, generation: number): ReturnType<typeof openSession> {
    const release = await this.context.account.slots.acquire();
    try {
      if (generation !== this.generation) throw new NvrError('EBUSY', 'The run was given up.');
      return await this.openOnce(at, generation).catch(async (error: unknown) => {
        if (generation !== this.generation || !isRefusal(error)) throw error;
        return this.openOnce(at, generation);
      });
    } catch (error) {
      if (isRefusal(error) && error.status !== 403) throw await this.whyNothing(error);
      throw error;
    } finally {
      release();
    }
  }

  private async openOnce(at: number, generation: number): ReturnType<typeof openSession> {
    const { settings, account, session } = this.context;
    const { channel, stream, group, speed } = this.request;
    const span: PlaybackSpan = { start: at, end: this.to, key: '' };
    if (needsKey(settings)) {
      const onWarning = (error: NvrError): void => this.handlers.onWarning?.(error);
      const { logger } = session;
      span.key = (await fetchPlaybackKey(settings, account, { group, startMs: at, logger, onWarning })).key;
    }
    const timing: { clock?: RecordedClock; end?: SessionEnd } = {};
    const early: VideoUnit[] = [];
    const memory = this.context.memory.camera(LIMITS.gopBytes);
    const startMs = Math.floor(at / 1000) * 1000;

    const opened = await openSession({
      ...session,
      uri: this.context.uriOf(playbackPath(settings, channel, stream, span)),
      preference: playbackPreferenceOf(settings),
      endsByItself: true,
      memory: account.memory,
      gate: account.gate,
      requestTimeoutMs: settings.requestTimeout * 1000,
      silenceMs: settings.silence * 1000,
      readShare: 1,
      playHeaders: speed === 0 ? { 'Rate-Control': 'no' } : speed === 1 ? {} : { Scale: String(speed) },
      onAttempt: (attempt) => {
        if (generation === this.generation) this.session = attempt;
      },
      onUnit: (unit) => {
        if (generation !== this.generation || unit.kind !== 'video') return;
        // Units that come before PLAY's reply wait for what it says of speed and time.
        if (timing.clock === undefined) {
          if (memory.hold(unit)) early.push(unit);
        } else {
          this.take(unit, timing.clock, generation);
        }
      },
      onWarning: (error) => {
        if (generation === this.generation) this.handlers.onWarning?.(error);
      },
      onEnd: (end) => {
        // A short span pulled at once may be over before its first pictures have had their turn.
        if (timing.clock === undefined) timing.end = end;
        else if (generation === this.generation) this.onSessionEnd(end);
      },
    }).catch((error: unknown) => {
      memory.close();
      throw error;
    });
    if (generation !== this.generation) {
      memory.close();
      return opened;
    }
    const { rtpInfo, scale } = opened.session.playReply;
    const clock = new RecordedClock(
      startMs,
      rtpInfo[0]?.rtptime,
      speed > 0 && speed !== 1 ? (scale ?? 1) : 1,
    );
    // After `playing` has been told.
    const drain = (): void => {
      timing.clock = clock;
      memory.close();
      for (const unit of early) this.take(unit, clock, generation);
      if (timing.end !== undefined && generation === this.generation) this.onSessionEnd(timing.end);
    };
    setImmediate(
      guarded(drain, (error) => {
        if (generation === this.generation) this.finish('error', error);
      }),
    );
    return opened;
  }

  private take(unit: VideoUnit, clock: RecordedClock, generation: number): void {
    if (generation !== this.generation) return;
    const { time, exact, source } = clock.timeOf(unit, Date.now());
    if (this.to !== undefined && time >= this.to) {
      this.finish('reached');
      return;
    }
    unit.time = time;
    // When it was recorded, and not when it came, at whatever speed.
    unit.mediaTime = exact;
    unit.timeSource = source;
    const repeated = time <= this.repeatUntil;
    if (time > this.reached) {
      const step = time - this.reached;
      this.pictureMs = Math.min(step, this.stepMs);
      this.stepMs = step;
      this.reached = time;
    }
    this.handlers.onUnit({ unit, repeated });
  }

  private onSessionEnd(end: SessionEnd): void {
    if (end.withoutMedia && this.reached === this.from) {
      this.finish(
        'error',
        new NvrError('ENORECORDING', 'Nothing is recorded at that time: the NVR sent no media.'),
      );
    } else if (end.reason === 'bye' || end.reason === 'teardown') {
      // The NVR's own word that there is no more.
      this.finishShort(
        end.reason,
        new NvrError('ENORECORDING', 'The NVR ended the recording before the end asked for.'),
      );
    } else {
      this.interrupted(end.reason, end.error);
    }
  }

  /** The stream broke off: before `to` the run goes on from where it got to, a few times; else that was its end. */
  private interrupted(reason: RunEnd | 'error', error: NvrError): void {
    const retryInMs = RESUME_AFTER_MS[this.interruptions];
    if (this.missingMs === 0 || retryInMs === undefined || FINAL.has(error.code)) {
      this.finishShort(reason, error);
      return;
    }
    this.interruptions++;
    this.leave();
    this.state = 'opening';
    this.handlers.onInterrupted?.(error, this.interruptions, retryInMs);
    this.resumeTimer = setTimeout(() => {
      this.repeatUntil = this.reached;
      void this.open(this.reached);
    }, retryInMs);
  }

  /** What has not come of the span asked for, in ms. */
  private get missingMs(): number {
    if (this.to === undefined) return 0;
    const missing = this.to - this.reached;
    return missing > Math.max(LAST_PICTURE_MS, 2 * this.pictureMs) ? missing : 0;
  }

  /** The end of what came: with its cause, where something of the span is missing. */
  private finishShort(reason: RunEnd | 'error', cause: NvrError): void {
    const missing = this.missingMs;
    if (missing === 0 && reason !== 'error') {
      // An end at the end of the span, whoever made it, is the one asked for.
      this.finish(this.to === undefined ? reason : 'reached');
      return;
    }
    const seconds = Math.round(missing / 100) / 10;
    const words = missing === 0 ? '' : ` The last ${seconds} s of the span are missing.`;
    this.finish(reason, new NvrError(cause.code, cause.message + words, { cause }), missing);
  }

  private async whyNothing(refusal: NvrError): Promise<NvrError> {
    if (refusal.status !== 404) return refusal;
    const { channel, stream } = this.request;
    if (!(await this.context.hasChannel(channel, stream))) return refusal;
    return new NvrError('ENORECORDING', 'The NVR has no recording of this channel at that time.', {
      status: 404,
    });
  }

  private warnOfSpeed(session: RtspSession): void {
    const { speed } = this.request;
    if (speed === 1) return;
    const { scale, rateControl } = session.playReply;
    if (speed === 0 ? rateControl === 'no' : scale === speed) return;
    const granted = speed === 0 ? 'in real time' : `at speed ${scale ?? 1}`;
    this.handlers.onWarning?.(
      new NvrError('EUNSUPPORTED', `The NVR does not play at the speed asked for; it plays ${granted}.`),
    );
  }

  private armGuard(generation: number): void {
    clearTimeout(this.guard);
    if (this.to === undefined) return;
    const spanMs = (this.to - this.reached) / Math.min(this.request.speed || 1, 1);
    this.guard = setTimeout(
      () => {
        if (generation !== this.generation) return;
        const late = new NvrError(
          'ETIMEDOUT',
          'The recording does not go on: its pictures bear the same time.',
        );
        this.finishShort('stalled', late);
      },
      Math.min(2 * spanMs + GRACE_MS, 2 ** 31 - 1),
    );
  }

  private leave(): void {
    this.generation++;
    clearTimeout(this.guard);
    clearTimeout(this.resumeTimer);
    const { session } = this;
    this.session = undefined;
    if (session !== undefined)
      this.closing = Promise.all([this.closing, session.close()]).then(() => undefined);
  }

  private finish(reason: RunEnd | 'error', error?: NvrError, missingMs = 0): void {
    if (this.state === 'ended') return;
    this.leave();
    this.state = 'ended';
    this.handlers.onEnd(reason, error, missingMs);
  }
}

function isRefusal(error: unknown): error is NvrError {
  return (
    error instanceof NvrError &&
    error.status !== undefined &&
    error.code !== 'EPLAYBACKKEY' &&
    // A 404 of HTTP tells of the tunnel, not of a recording.
    error.code !== 'EUNSUPPORTED' &&
    KEY_REFUSALS.has(error.status)
  );
}
