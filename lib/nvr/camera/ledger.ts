// Adds up a stream's statistics over all of its sessions.

import type { SessionStatistics } from '../../client/statistics.js';

type Counters = Pick<
  SessionStatistics,
  'bytes' | 'packets' | 'lost' | 'late' | 'duplicates' | 'clockSteps' | 'frames' | 'keyframes' | 'damaged'
>;

const NONE: Counters = {
  bytes: 0,
  packets: 0,
  lost: 0,
  late: 0,
  duplicates: 0,
  clockSteps: 0,
  frames: 0,
  keyframes: 0,
  damaged: 0,
};

export class Ledger {
  reconnects = 0;
  private past: Counters = NONE;

  /** The totals, including the present session. */
  total(session: SessionStatistics | undefined): SessionStatistics & { reconnects: number } {
    return {
      jitterMs: 0,
      fps: 0,
      bitrateKbps: 0,
      ...session,
      ...sum(this.past, session ?? NONE),
      reconnects: this.reconnects,
    };
  }

  /** A session has ended: adds its counters to those of the past sessions. */
  close(session: SessionStatistics | undefined): void {
    if (session !== undefined) this.past = sum(this.past, session);
  }
}

function sum(a: Counters, b: Counters): Counters {
  return {
    bytes: a.bytes + b.bytes,
    packets: a.packets + b.packets,
    lost: a.lost + b.lost,
    late: a.late + b.late,
    duplicates: a.duplicates + b.duplicates,
    clockSteps: a.clockSteps + b.clockSteps,
    frames: a.frames + b.frames,
    keyframes: a.keyframes + b.keyframes,
    damaged: a.damaged + b.damaged,
  };
}
