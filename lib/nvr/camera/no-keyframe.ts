// Explains why no keyframe came: packet loss if there is any, else the camera's settings.

import type { StreamStatistics } from '../types.js';

/** The packet counters at one moment. */
export type Count = Pick<StreamStatistics, 'packets' | 'lost'>;

/** Less loss than this (percent) does not explain missing keyframes. */
const SERIOUS_PERCENT = 0.2;

/** The share of packets lost between two moments, in percent with one decimal. */
export function lossPercent(before: Count, now: Count): number {
  const lost = Math.max(0, now.lost - before.lost);
  const all = Math.max(0, now.packets - before.packets) + lost;
  return all === 0 ? 0 : Math.round((lost / all) * 1000) / 10;
}

/**
 * The reason and the advice, as the second half of a sentence. `refreshes`: the stream has recovery points
 * instead of keyframes.
 */
export function whyNoKeyframe(before: Count, now: Count & { transport?: string }, refreshes = false): string {
  const percent = lossPercent(before, now);
  const { transport = 'tcp' } = now;
  const name = transport.toUpperCase();
  if (refreshes)
    return 'the camera refreshes its picture piece by piece (intra refresh) and sends none. Switch that off on the camera for keyframes and snapshots.';
  if (percent >= SERIOUS_PERCENT) {
    return /udp|multicast/i.test(transport)
      ? `${percent} % of the packets are lost on the way over ${name}; use TCP, or repair the network.`
      : `${percent} % of the packets are missing though they come over ${name}: the server drops them. Lower the bit rate, or relieve the server.`;
  }
  return 'set a shorter keyframe interval (GOP) on the camera.';
}
