// One session of a playback run: fetches a key, sends PLAY, and gives each unit its recorded time.

import { openSession } from '../../client/open-session.js';
import type { RtspSession, SessionEnd } from '../../client/session.js';
import type { VideoUnit } from '../../codec/unit.js';
import { NvrError } from '../../errors.js';
import { guarded } from '../../guard.js';
import { LIMITS } from '../../limits.js';
import type { CameraMemory } from '../memory-budget.js';
import { playbackTransportsOf } from '../transport.js';
import { needsKey, playbackPath, type PlaybackSpan } from '../uri-template.js';
import { fetchPlaybackKey } from './key-service.js';
import { onvifReplay } from './onvif-replay.js';
import { RecordedClock } from './recorded-clock.js';
import type { PlaybackRequest, RunContext } from './run-types.js';

/**
 * The part of the event loop's time that reading a recording may take: at most 5,000 frames/s, whatever the
 * flow does with them.
 */
const PLAYBACK_SHARE = 0.5;

export interface RecordedSpan {
  readonly request: PlaybackRequest;
  /** The recorded time to begin at, in epoch ms. */
  readonly at: number;
  readonly to: number | undefined;
}

export interface RecordedHandlers {
  /** Units come from the next turn of the event loop after the session has opened. */
  readonly onUnit: (unit: VideoUnit) => void;
  readonly onWarning: (error: NvrError) => void;
  readonly onEnd: (end: SessionEnd) => void;
  /** `onUnit` threw. */
  readonly onError: (error: NvrError) => void;
}

/** Statuses that a server may answer if the key expired between its HTTP reply and PLAY. */
const KEY_REFUSALS: ReadonlySet<number> = new Set([400, 403, 404, 454, 455]);

/**
 * Opens a session, with a new key for every PLAY. If the key is refused, tries once more with another one.
 * After `signal` aborts, no handler is called.
 */
export async function openRecorded(
  context: RunContext,
  span: RecordedSpan,
  handlers: RecordedHandlers,
  signal: AbortSignal,
): Promise<RtspSession> {
  const open = (): Promise<RtspSession> => openOnce(context, span, handlers, signal);
  try {
    return await open().catch((error: unknown) => {
      if (signal.aborted || !isRefusal(error)) throw error;
      return open();
    });
  } catch (error) {
    if (!signal.aborted && isRefusal(error) && error.status === 404)
      throw await whyNothing(context, span.request, error, signal);
    throw error;
  }
}

async function openOnce(
  context: RunContext,
  { request, at, to }: RecordedSpan,
  handlers: RecordedHandlers,
  signal: AbortSignal,
): Promise<RtspSession> {
  const { settings, account, session, open = openSession } = context;
  const { channel, stream, group, speed } = request;
  const isOnvif = settings.replay === 'onvif';
  const span: PlaybackSpan = { start: at, end: to, key: '' };
  if (needsKey(settings)) {
    const { logger } = session;
    const { onWarning } = handlers;
    const asked = { group, startMs: at, logger, onWarning, signal };
    span.key = (await fetchPlaybackKey(settings, account, asked)).key;
  }
  const units = new RecordedUnits(handlers, context.memory.camera(LIMITS.gopBytes), signal);
  const opened = await open(context.uriOf(playbackPath(settings, channel, stream, span)), {
    ...session,
    signal,
    transport: playbackTransportsOf(settings),
    endsByItself: true,
    memory: account.memory,
    gate: account.gate,
    requestTimeoutMs: settings.requestTimeout * 1000,
    silenceMs: settings.silence * 1000,
    readShare: PLAYBACK_SHARE,
    ...(isOnvif ? onvifReplay(at, to, speed) : { playHeaders: speedHeaders(speed) }),
    onUnit: (unit) => {
      if (unit.kind === 'video') units.take(unit);
    },
    onWarning: (error) => {
      handlers.onWarning(error);
    },
    onEnd: (end) => {
      units.onEnd(end);
    },
  }).catch((error: unknown) => {
    units.drop();
    throw error;
  });
  const { rtpInfo, scale } = opened.playReply;
  // A key service counts in whole seconds.
  const startMs = isOnvif ? at : Math.floor(at / 1000) * 1000;
  const rate = speed > 0 && speed !== 1 ? (scale ?? 1) : 1;
  const clock = new RecordedClock(startMs, rtpInfo[0]?.rtptime, rate, isOnvif);
  const begin = (): void => {
    units.begin(clock);
  };
  // Deferred, so that the caller can first report that the run plays.
  setImmediate(
    guarded(begin, (error) => {
      if (!signal.aborted) handlers.onError(error);
    }),
  );
  return opened;
}

/** PLAY's headers for a speed: 0 is as fast as the reader takes it, without rate control. */
function speedHeaders(speed: number): Record<string, string> {
  if (speed === 0) return { 'Rate-Control': 'no' };
  return speed === 1 ? {} : { Scale: String(speed) };
}

/**
 * Delivers a session's units with their recorded time. PLAY's reply determines that time, so units and an end
 * that come before it are kept until `begin`.
 */
class RecordedUnits {
  private clock: RecordedClock | undefined;
  private readonly early: VideoUnit[] = [];
  private earlyEnd: SessionEnd | undefined;

  /** `memory` counts the early units; beyond it they are dropped. */
  constructor(
    private readonly handlers: RecordedHandlers,
    private readonly memory: CameraMemory,
    private readonly signal: AbortSignal,
  ) {}

  take(unit: VideoUnit): void {
    if (this.clock !== undefined) this.deliver(unit, this.clock);
    else if (this.memory.hold(unit)) this.early.push(unit);
  }

  /** A short span may end before its first units were delivered. */
  onEnd(end: SessionEnd): void {
    if (this.clock === undefined) this.earlyEnd = end;
    else this.handlers.onEnd(end);
  }

  begin(clock: RecordedClock): void {
    this.clock = clock;
    this.memory.close();
    for (const unit of this.early) {
      if (this.signal.aborted) return;
      this.deliver(unit, clock);
    }
    if (this.earlyEnd !== undefined && !this.signal.aborted) this.handlers.onEnd(this.earlyEnd);
  }

  /** The session could not be opened. */
  drop(): void {
    this.memory.close();
  }

  private deliver(unit: VideoUnit, clock: RecordedClock): void {
    const { time, exact, source } = clock.timeOf(unit, Date.now());
    // The time of the recording, not of the arrival.
    unit.time = time;
    unit.mediaTime = exact;
    unit.timeSource = source;
    this.handlers.onUnit(unit);
  }
}

async function whyNothing(
  context: RunContext,
  { channel, stream }: PlaybackRequest,
  refusal: NvrError,
  signal: AbortSignal,
): Promise<NvrError> {
  if (!(await context.hasChannel(channel, stream, signal))) return refusal;
  return new NvrError('ENORECORDING', 'The NVR has no recording of this channel at that time.', {
    status: 404,
  });
}

function isRefusal(error: unknown): error is NvrError {
  return (
    error instanceof NvrError &&
    error.status !== undefined &&
    error.code !== 'EPLAYBACKKEY' &&
    // A 404 from HTTP concerns the tunnel, not the recording.
    error.code !== 'EUNSUPPORTED' &&
    KEY_REFUSALS.has(error.status)
  );
}
