// The messages and badge of nvr-health-ping about a check, and the time until the next one.

import type { NodeMessage, NodeStatus } from 'node-red';
import type { Health } from '../../lib/nvr/health/health.js';
import type { Row } from './health-checks.js';

/** The message about a change of state. */
export function changeOf(row: Row, topic: string): NodeMessage {
  const { channel, stream, state, code, reason, checkedAt } = row;
  const cause = { ...(code === undefined ? {} : { code }), ...(reason === undefined ? {} : { reason }) };
  const event = { channel, stream, ...cause, time: checkedAt };
  return { topic, payload: state, event, health: { ...row } };
}

/** The badge of a check. */
export function statusOf(health: Health & { up?: unknown; cameras?: unknown }): NodeStatus {
  const { cameras, state, code } = health;
  const all = Array.isArray(cameras) ? cameras.length : 0;
  const fill = state === 'up' ? 'green' : state === 'degraded' ? 'yellow' : 'red';
  if (all > 0) return { fill, shape: state === 'up' ? 'dot' : 'ring', text: `${Number(health.up)}/${all}` };
  if (state === 'up') return { fill, shape: 'dot', text: 'up' };
  return { fill, shape: 'ring', text: code ?? state };
}

/**
 * Time until the next check, in ms. Nodes of one NVR have one `phase` (0 to 1) and check at the same moments,
 * so that they share a connection. The moments are fixed, so a "down" is detected within one interval.
 */
export function untilNext(intervalMs: number, phase: number, now: number): number {
  const past = (now + (1 - phase) * intervalMs) % intervalMs;
  const next = intervalMs - past;
  // A timer may fire slightly early; do not check again for the same moment.
  return next < intervalMs / 20 ? next + intervalMs : next;
}
