// Waits for a camera's next keyframe, as one of its users, and says what kept it away.

import { isEntry } from '../../codec/entry.js';
import type { VideoUnit } from '../../codec/unit.js';
import { NvrError } from '../../errors.js';
import type { CameraHub, HubEvent, HubSubscription, StreamStatistics } from '../types.js';
import { whyNoKeyframe } from './no-keyframe.js';

export interface KeyframeOptions {
  /** Seconds. */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
  /** One that came before and will do. The hub is joined all the same: its linger starts anew, and a burst of questions stays one session. */
  readonly kept?: VideoUnit | undefined;
  /** `picture` (the default): a clean keyframe, and a damaged one once the time is over. `entry`: whatever can be begun at. */
  readonly wants?: 'picture' | 'entry';
  /** Whether the next attempt is waited for when the stream breaks off; it is by default. */
  readonly outlastsOutages?: boolean;
}

/**
 * Rejects with ENOKEYFRAME, EUNSUPPORTED (a stream without keyframes) or ETIMEDOUT once the time is over, with what ends the stream, and with
 * EUNREACHABLE where `signal` calls it off.
 */
export async function nextKeyframe(hub: CameraHub, options: KeyframeOptions): Promise<VideoUnit> {
  const { timeout, signal, kept, wants = 'picture', outlastsOutages = true } = options;
  let timer: NodeJS.Timeout | undefined;
  let subscription: HubSubscription | undefined;
  let callOff = (): void => undefined;
  try {
    return await new Promise<VideoUnit>((resolve, reject) => {
      const before = hub.statistics;
      let damaged: VideoUnit | undefined;
      let refreshes = hub.gop[0]?.keyframe === false;
      let trouble: NvrError | undefined;
      timer = setTimeout(() => {
        if (damaged !== undefined) resolve(damaged);
        else if (wants === 'picture' && refreshes) reject(withoutKeyframes());
        else reject(outOfTime(timeout, hub, before, trouble));
      }, timeout * 1000);
      callOff = () => {
        reject(new NvrError('EUNREACHABLE', 'The snapshot was called off.'));
      };
      subscription = hub.subscribe({
        onUnit: (unit) => {
          if (unit.kind !== 'video') return;
          if (wants === 'entry') {
            if (isEntry(unit)) resolve(unit);
            return;
          }
          refreshes ||= isEntry(unit) && !unit.keyframe;
          if (!unit.keyframe) return;
          if (unit.damaged) damaged = unit;
          else resolve(unit);
        },
        onEvent: (event: HubEvent) => {
          if (event.type === 'error') reject(event.error);
          else if (event.type === 'stopped')
            reject(new NvrError('EUNREACHABLE', 'The stream was stopped before a keyframe came.'));
          else if (event.type === 'reconnecting' && !outlastsOutages) reject(event.error);
          else if (event.type === 'reconnecting') trouble = event.error;
          else if (event.type === 'playing') trouble = undefined;
        },
      });
      signal?.addEventListener('abort', callOff);
      if (signal?.aborted === true) callOff();
      if (kept !== undefined) resolve(kept);
    });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', callOff);
    subscription?.unsubscribe();
  }
}

function withoutKeyframes(): NvrError {
  return new NvrError(
    'EUNSUPPORTED',
    'No picture of this stream can be decoded by itself: the camera refreshes it piece by piece (intra refresh) and sends no keyframes. Switch that off on the camera, or use its other stream.',
  );
}

function outOfTime(
  seconds: number,
  { statistics }: CameraHub,
  before: StreamStatistics,
  trouble: NvrError | undefined,
): NvrError {
  const within = `within ${String(seconds)} s`;
  if (statistics.packets > before.packets)
    return new NvrError(
      'ENOKEYFRAME',
      `Video came, but no whole keyframe ${within}: ${whyNoKeyframe(before, statistics)}`,
    );
  const why = trouble === undefined ? '.' : `: ${trouble.message}`;
  return new NvrError('ETIMEDOUT', `No video came ${within}${why}`, trouble ? { cause: trouble } : {});
}
