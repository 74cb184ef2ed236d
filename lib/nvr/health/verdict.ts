// Turns the findings into a verdict.

import type { Depth, Health, Findings } from './types.js';

/** A clock that is off by more than this (ms) is reported as ECLOCK. */
const CLOCK_LIMIT_MS = 10_000;
/** A stream that loses at least this percentage is degraded. */
const LOSS_LIMIT_PERCENT = 0.5;

export function judge(findings: Findings, depth: Depth): Health {
  const offset = findings.clockOffsetMs ?? 0;
  const checkedAt = Date.now();
  if (Math.abs(offset) > CLOCK_LIMIT_MS) {
    const seconds = Math.round(Math.abs(offset) / 1000);
    const reason = `The NVR's clock is ${seconds} s ${offset > 0 ? 'ahead of' : 'behind'} this machine's; set both by NTP.`;
    return clean({ ...findings, state: 'degraded', stage: depth, code: 'ECLOCK', reason, checkedAt });
  }
  const { lossPercent = 0 } = findings;
  if (lossPercent >= LOSS_LIMIT_PERCENT) {
    const reason = `${lossPercent} % of the packets were lost on the way since the last check; check the network.`;
    return clean({ ...findings, state: 'degraded', stage: depth, reason, checkedAt });
  }
  return clean({ ...findings, state: 'up', stage: depth, checkedAt });
}

/** Removes undefined properties, which would show in a debug node. */
export function clean(health: Health): Health {
  return Object.fromEntries(
    Object.entries(health).filter(([, value]) => value !== undefined),
  ) as unknown as Health;
}
