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
  /**
   * One that came before and will do. The hub is joined all the same: its linger starts anew, and a burst of
   * questions stays one session.
   */
  readonly kept?: VideoUnit | undefined;
  /**
   * `picture` (the default): a clean keyframe, and a damaged one once the time is over. `entry`: whatever can
   * be begun at.
   */
  readonly wants?: 'picture' | 'entry';
  /**
   * Whether a stream that breaks off while it plays gets one more attempt; it does by default. A camera that
   * cannot be reached gets none.
   */
  readonly outlastsOutages?: boolean;
}

/**
 * Rejects with why the camera cannot be reached, at once; with ENOKEYFRAME, EUNSUPPORTED (a stream without
 * keyframes) or ETIMEDOUT once the time is over; with EUNREACHABLE where `signal` calls it off.
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
      let hasPlayed = false;
      /** Beyond what a newcomer is told of the past, after which another attempt may be on its way. */
      let isLater = false;
      timer = setTimeout(() => {
        if (damaged !== undefined) resolve(damaged);
        else if (wants === 'picture' && refreshes) reject(withoutKeyframes());
        else reject(trouble ?? outOfTime(timeout, hub, before));
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
          if (event.type === 'stopped')
            reject(new NvrError('EUNREACHABLE', 'The stream was stopped before a keyframe came.'));
          else if (event.type === 'connecting' || event.type === 'playing') {
            trouble = undefined;
            hasPlayed ||= event.type === 'playing';
          } else if (event.type === 'reconnecting' || event.type === 'error') {
            trouble = event.error;
            const isBreak = event.type === 'reconnecting' && hasPlayed && outlastsOutages;
            hasPlayed = false;
            if (isLater && !isBreak) reject(trouble);
          }
        },
      });
      signal?.addEventListener('abort', callOff);
      if (signal?.aborted === true) callOff();
      if (kept !== undefined) resolve(kept);
      if (trouble !== undefined) reject(trouble);
      isLater = true;
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

function outOfTime(seconds: number, { statistics }: CameraHub, before: StreamStatistics): NvrError {
  const within = `within ${String(seconds)} s`;
  if (statistics.packets > before.packets)
    return new NvrError(
      'ENOKEYFRAME',
      `Video came, but no whole keyframe ${within}: ${whyNoKeyframe(before, statistics)}`,
    );
  return new NvrError('ETIMEDOUT', `No video came ${within}.`);
}
