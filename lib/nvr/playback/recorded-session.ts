// One session of a playback run: a key, PLAY, and units that bear the time they were recorded at.

import { openSession } from '../../client/open-session.js';
import type { RtspSession, SessionEnd } from '../../client/session.js';
import type { VideoUnit } from '../../codec/unit.js';
import { NvrError } from '../../errors.js';
import { guarded } from '../../guard.js';
import { LIMITS } from '../../limits.js';
import { playbackTransportsOf } from '../transport.js';
import { needsKey, playbackPath, type PlaybackSpan } from '../uri-template.js';
import { fetchPlaybackKey } from './key-service.js';
import { onvifReplay } from './onvif-replay.js';
import { RecordedClock } from './recorded-clock.js';
import type { PlaybackRequest, RunContext } from './run-types.js';

/**
 * Part of the loop's time that reading a recording may take: 5,000 pictures a second at most, whatever the
 * flow does with them.
 */
const PLAYBACK_SHARE = 0.5;

export interface RecordedSpan {
  readonly request: PlaybackRequest;
  /** Where to begin, epoch ms. */
  readonly at: number;
  readonly to: number | undefined;
}

export interface RecordedHandlers {
  /** The first one comes a turn after the session has opened. */
  readonly onUnit: (unit: VideoUnit) => void;
  readonly onWarning: (error: NvrError) => void;
  readonly onEnd: (end: SessionEnd) => void;
  /** Whoever takes the units has failed. */
  readonly onError: (error: NvrError) => void;
}

/** Answers that a key which expired between HTTP and RTSP may get. */
const KEY_REFUSALS: ReadonlySet<number> = new Set([400, 403, 404, 454, 455]);

/**
 * A new key for every PLAY, and one silent retry with another where the first was refused. After `signal`
 * nothing is told any more.
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
  const { settings, account, session } = context;
  const { channel, stream, group, speed } = request;
  const isOnvif = settings.replay === 'onvif';
  const span: PlaybackSpan = { start: at, end: to, key: '' };
  if (needsKey(settings)) {
    const { logger } = session;
    const { onWarning } = handlers;
    const { key } = await fetchPlaybackKey(settings, account, {
      group,
      startMs: at,
      logger,
      onWarning,
      signal,
    });
    span.key = key;
  }
  const timing: { clock?: RecordedClock; end?: SessionEnd } = {};
  const early: VideoUnit[] = [];
  const memory = context.memory.camera(LIMITS.gopBytes);
  const take = (unit: VideoUnit, clock: RecordedClock): void => {
    const { time, exact, source } = clock.timeOf(unit, Date.now());
    // When it was recorded, and not when it came, at whatever speed.
    unit.time = time;
    unit.mediaTime = exact;
    unit.timeSource = source;
    handlers.onUnit(unit);
  };
  const opened = await openSession(context.uriOf(playbackPath(settings, channel, stream, span)), {
    ...session,
    signal,
    transport: playbackTransportsOf(settings),
    endsByItself: true,
    memory: account.memory,
    gate: account.gate,
    requestTimeoutMs: settings.requestTimeout * 1000,
    silenceMs: settings.silence * 1000,
    readShare: PLAYBACK_SHARE,
    ...(isOnvif
      ? onvifReplay(at, to, speed)
      : {
          playHeaders: speed === 0 ? { 'Rate-Control': 'no' } : speed === 1 ? {} : { Scale: String(speed) },
        }),
    onUnit: (unit) => {
      if (unit.kind !== 'video') return;
      // Units that come before PLAY's reply wait for what it says of speed and time.
      if (timing.clock !== undefined) take(unit, timing.clock);
      else if (memory.hold(unit)) early.push(unit);
    },
    onWarning: (error) => {
      handlers.onWarning(error);
    },
    onEnd: (end) => {
      // A short span pulled at once may be over before its first pictures have had their turn.
      if (timing.clock === undefined) timing.end = end;
      else handlers.onEnd(end);
    },
  }).catch((error: unknown) => {
    memory.close();
    throw error;
  });
  const { rtpInfo, scale } = opened.playReply;
  // A key service knows whole seconds.
  const startMs = isOnvif ? at : Math.floor(at / 1000) * 1000;
  const rate = speed > 0 && speed !== 1 ? (scale ?? 1) : 1;
  const clock = new RecordedClock(startMs, rtpInfo[0]?.rtptime, rate, isOnvif);
  const begin = (): void => {
    timing.clock = clock;
    memory.close();
    for (const unit of early) {
      if (signal.aborted) return;
      take(unit, clock);
    }
    if (timing.end !== undefined && !signal.aborted) handlers.onEnd(timing.end);
  };
  // After whoever opened it has told that it plays.
  setImmediate(
    guarded(begin, (error) => {
      if (!signal.aborted) handlers.onError(error);
    }),
  );
  return opened;
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
    // A 404 of HTTP tells of the tunnel, not of a recording.
    error.code !== 'EUNSUPPORTED' &&
    KEY_REFUSALS.has(error.status)
  );
}
