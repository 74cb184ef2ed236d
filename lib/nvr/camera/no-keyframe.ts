// Why no keyframe came: the loss on the way where there is one, else the camera's settings. Words for people.

import type { StreamStatistics } from '../types.js';

/** Counters at some moment. */
export type Count = Pick<StreamStatistics, 'packets' | 'lost'>;

/** Less than this, in percent, does not keep keyframes away. */
const SERIOUS_PERCENT = 0.2;

/** Share of the packets that were lost between two moments, in percent with one decimal. */
export function lossPercent(before: Count, now: Count): number {
  const lost = Math.max(0, now.lost - before.lost);
  const all = Math.max(0, now.packets - before.packets) + lost;
  return all === 0 ? 0 : Math.round((lost / all) * 1000) / 10;
}

/**
 * What keeps keyframes away, as the second half of a sentence, and what to do about it. `refreshes`: the
 * stream begins at recovery points.
 */
export function whyNoKeyframe(before: Count, now: Count & { transport?: string }, refreshes = false): string {
  const percent = lossPercent(before, now);
  const { transport = 'tcp' } = now;
  const name = transport.toUpperCase();
  if (refreshes)
    return 'the camera refreshes its picture piece by piece (intra refresh) and sends none. Switch that off on the camera for keyframes and snapshots.';
  if (percent >= SERIOUS_PERCENT) {
    return /udp|multicast/i.test(transport)
      ? `${percent} % of the packets are lost on the way over ${name}; use TCP, or mend the network.`
      : `${percent} % of the packets are missing though they come over ${name}: the server drops them. Lower the bit rate, or relieve the server.`;
  }
  return 'set a shorter keyframe interval (GOP) on the camera.';
}
