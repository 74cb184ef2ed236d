// One playback run: opens sessions, delivers units with their recorded time, resumes after interruptions, and
// reports the end with its reason.

import type { RtspSession, SessionEnd } from '../../client/session.js';
import type { VideoUnit } from '../../codec/unit.js';
import { SECOND_LOGIN_MS } from '../../client/backoff.js';
import { asNvrError, NvrError, type NvrErrorCode } from '../../errors.js';
import { SpanEnd } from '../../media/span-end.js';
import { SessionSlot } from '../session-slot.js';
import { openRecorded, type RecordedHandlers } from './recorded-session.js';
import { SpanHoles } from './span-holes.js';
import type { PlaybackHandlers, PlaybackRequest, RunContext, RunEnd } from './run-types.js';

export type { PlaybackHandlers, PlaybackRequest, RecordedUnit, RunContext, RunEnd } from './run-types.js';

/** A run whose media time does not advance is ended after twice the span's length plus this time (ms). */
const GRACE_MS = 30_000;
/** The waits, in ms, before each resume after the stream broke off; then the run ends. */
const RESUME_AFTER_MS = [0, 2_000, 8_000];
/**
 * Errors after which a retry cannot succeed. 403 and 404 are not among them: an NVR that restarts may answer
 * them for a recording that it played before.
 */
const FINAL: ReadonlySet<NvrErrorCode> = new Set(['EUNSUPPORTED', 'EINPUT', 'ENORECORDING']);
/** The span counts as complete if the last picture is this close (ms) to `to`; more for a slow camera. */
const LAST_PICTURE_MS = 500;

/** Throws EINPUT for a time at or past the end of a run. */
export function checkSeek(from: number, { to }: Pick<PlaybackRequest, 'to'>): void {
  if (to !== undefined && to <= from)
    throw new NvrError('EINPUT', '"from" lies at or past the end of the run; start another one.');
}

export class PlaybackRun {
  state: 'opening' | 'playing' | 'paused' | 'ended' = 'opening';
  /** The recorded time of the newest unit, in epoch ms. */
  reached: number;
  private from: number;
  private readonly to: number | undefined;
  /** Recognises the end of the span in the present session; undefined if the run has no end. */
  private end: SpanEnd | undefined;
  private readonly slot: SessionSlot<RtspSession>;
  private repeatUntil = Number.NEGATIVE_INFINITY;
  private guard: NodeJS.Timeout | undefined;
  private resumeTimer: NodeJS.Timeout | undefined;
  private interruptions = 0;
  /**
   * The time between the last two pictures, and the shorter one of the last two such steps: a gap in the
   * recording must not look like a slow camera. In ms.
   */
  private stepMs = 0;
  private pictureMs = 0;
  private holes: SpanHoles;
  /** The receiver has asked to pause reading. */
  private held = false;

  /** @internal */
  constructor(
    private readonly context: RunContext,
    readonly request: PlaybackRequest,
    private readonly handlers: PlaybackHandlers,
    private readonly openSession = openRecorded,
  ) {
    this.slot = new SessionSlot(context.account.slots);
    this.from = this.reached = request.from;
    this.to = request.to;
    this.holes = new SpanHoles(request.from);
  }

  start(): void {
    void this.open(this.from);
  }

  /** Ends the session with TEARDOWN; `resume` continues from the time reached. */
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

  /** Continues from another time. Throws EINPUT for a time at or past `to`. */
  seek(from: number): void {
    if (this.state === 'ended') return;
    checkSeek(from, this.request);
    this.leave();
    this.from = this.reached = from;
    this.holes = new SpanHoles(from);
    this.repeatUntil = Number.NEGATIVE_INFINITY;
    void this.open(from);
  }

  /** Pauses reading until `letGo`, so that the server feels back-pressure. */
  hold(): void {
    this.held = true;
    this.slot.session?.pauseReading();
  }

  letGo(): void {
    if (!this.held) return;
    this.held = false;
    this.slot.session?.resumeReading();
  }

  /** Ends the run; resolves when TEARDOWN is complete. */
  stop(reason: 'stopped' | 'replaced' = 'stopped'): Promise<void> {
    this.finish(reason);
    return this.slot.closed;
  }

  private async open(at: number): Promise<void> {
    this.state = 'opening';
    this.end = this.to === undefined ? undefined : new SpanEnd(this.to);
    const span = { request: this.request, at, to: this.to };
    const handlers: RecordedHandlers = {
      onUnit: (unit) => {
        this.take(unit);
      },
      onWarning: (error) => this.handlers.onWarning?.(error),
      onEnd: (end) => {
        this.onSessionEnd(end);
      },
      onError: (error) => {
        this.finish('error', error);
      },
    };
    try {
      const opening = this.slot.open((signal) => this.openSession(this.context, span, handlers, signal));
      this.handlers.onConnecting?.();
      const session = await opening;
      if (session === undefined) return;
      this.state = 'playing';
      if (this.held) session.pauseReading();
      this.handlers.onPlaying?.(session.transport.name);
      this.warnOfSpeed(session);
      this.armGuard();
    } catch (error) {
      const cause = asNvrError(error, 'EPROTOCOL', 'The recording could not be opened.');
      if (this.interruptions > 0) this.interrupted('error', cause);
      else this.finish('error', cause);
    }
  }

  private take(unit: VideoUnit): void {
    const place = this.end?.place(unit);
    if (place === 'over') this.finishWhole();
    if (place === 'over' || place === 'held') return;
    for (const behind of this.end?.takeHeld() ?? []) this.handlers.onUnit({ unit: behind, repeated: false });
    this.deliver(unit);
  }

  private deliver(unit: VideoUnit): void {
    const { time } = unit;
    const repeated = time <= this.repeatUntil;
    this.holes.take(time);
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
      // The NVR itself says that the recording has ended.
      this.finishShort(
        end.reason,
        new NvrError('ENORECORDING', 'The NVR ended the recording before the end asked for.'),
      );
    } else {
      this.interrupted(end.reason, end.error);
    }
  }

  /**
   * The stream broke off. Before `to` the run resumes from the time reached, a few times; otherwise the run
   * ends.
   */
  private interrupted(reason: RunEnd | 'error', error: NvrError): void {
    const retryInMs = this.retryAfter(error);
    if (this.missingMs === 0 || retryInMs === undefined) {
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

  /** Milliseconds until the next resume; undefined if none can help, or there were enough. */
  private retryAfter({ code, status }: NvrError): number | undefined {
    const usual = RESUME_AFTER_MS[this.interruptions];
    if (usual === undefined) return undefined;
    if (code === 'EAUTH') {
      // After a log-in that was accepted before, the gate permits one more try: the NVR may be booting.
      const { waitMs } = this.context.account.gate;
      return waitMs > 0 && waitMs <= SECOND_LOGIN_MS ? Math.max(usual, Math.ceil(waitMs)) : undefined;
    }
    // A 404 is retried, because the recording was there a moment ago.
    return FINAL.has(code) && status !== 404 ? undefined : usual;
  }

  /** The part of the requested span that has not arrived, in ms. */
  private get missingMs(): number {
    if (this.to === undefined) return 0;
    const missing = this.to - this.reached;
    return missing > Math.max(LAST_PICTURE_MS, 2 * this.pictureMs) ? missing : 0;
  }

  /** Ends the run; `cause` becomes its error if a part of the span is missing. */
  private finishShort(reason: RunEnd | 'error', cause: NvrError): void {
    const missing = this.missingMs;
    if (missing === 0 && reason !== 'error') {
      // At the end of the span, it does not matter who ended the session.
      if (this.to === undefined) this.finish(reason);
      else this.finishWhole();
      return;
    }
    const seconds = Math.round(missing / 100) / 10;
    const words = missing === 0 ? '' : ` The last ${seconds} s of the span are missing.`;
    this.finish(
      reason,
      new NvrError(cause.code, cause.message + words, { cause }),
      missing + this.holes.within,
    );
  }

  /** The span has been played to its end. Holes in the recording itself count as missing. */
  private finishWhole(): void {
    this.finish('reached', undefined, this.holes.upTo(this.to!));
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

  private armGuard(): void {
    clearTimeout(this.guard);
    if (this.to === undefined) return;
    const spanMs = (this.to - this.reached) / Math.min(this.request.speed || 1, 1);
    this.guard = setTimeout(
      () => {
        const late = new NvrError(
          'ETIMEDOUT',
          'The recording does not advance: all its pictures have the same time.',
        );
        this.finishShort('stalled', late);
      },
      Math.min(2 * spanMs + GRACE_MS, 2 ** 31 - 1),
    );
  }

  private leave(): void {
    clearTimeout(this.guard);
    clearTimeout(this.resumeTimer);
    this.slot.leave();
  }

  private finish(reason: RunEnd | 'error', error?: NvrError, missingMs = 0): void {
    if (this.state === 'ended') return;
    this.leave();
    this.state = 'ended';
    this.handlers.onEnd(reason, error, missingMs);
  }
}
