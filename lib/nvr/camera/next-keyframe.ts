// Waits for a camera's next keyframe as a subscriber of its hub, and reports why it did not come.

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
   * A keyframe that arrived earlier and is recent enough. The hub is joined even so: that restarts its linger
   * time, so that a burst of snapshots uses one session.
   */
  readonly kept?: VideoUnit | undefined;
  /**
   * `picture` (the default): an undamaged keyframe, or a damaged one if no other came in time. `entry`: any
   * unit that decoding can begin at.
   */
  readonly wants?: 'picture' | 'entry';
  /**
   * Whether a stream that breaks off while it plays gets one more attempt (default true). A camera that
   * cannot be reached gets none.
   */
  readonly outlastsOutages?: boolean;
}

/**
 * Rejects at once with the reason why the camera cannot be reached; with ENOKEYFRAME, EUNSUPPORTED (a stream
 * without keyframes) or ETIMEDOUT after the timeout; with EUNREACHABLE if `signal` aborts.
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
      /**
       * False while `subscribe` replays past events: after a past failure another attempt may be under way.
       */
      let isLater = false;
      timer = setTimeout(() => {
        if (damaged !== undefined) resolve(damaged);
        else if (wants === 'picture' && refreshes) reject(withoutKeyframes());
        else reject(trouble ?? outOfTime(timeout, hub, before));
      }, timeout * 1000);
      callOff = () => {
        reject(new NvrError('EUNREACHABLE', 'The snapshot was cancelled.'));
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
