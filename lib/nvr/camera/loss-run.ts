// Groups a stream's losses for its users: losses in a row are reported once, with the number of packets lost.
// Pure: the time comes with the units.

import type { VideoUnit } from '../../codec/unit.js';

/**
 * Runs that follow each other within this time (ms) are reported together, for streams that consist only of
 * keyframes.
 */
const APART_MS = 1_000;
/** A run that continues is reported again after this time (ms), with the packets lost since. */
const AGAIN_MS = 10_000;

/** A run begins with a loss, and ends with the next unit that does not depend on anything lost. */
export class LossRun {
  /** The last unit was the first of a run. */
  began = false;
  /** The last unit is left out for subscribers with `onLoss: 'skip'`. */
  skips = false;
  private unreported = 0;
  private isNextHit = false;
  private isRunning = false;
  private hasNewRun = false;
  private isBroken = false;
  private reportedAt = -Infinity;

  /** Packets are missing before the end of the next unit. */
  lose(packets: number): void {
    this.unreported += packets;
    this.isNextHit = true;
  }

  /** Takes the next unit. Returns the number of packets lost since the last report if a new report is due. */
  take(unit: VideoUnit): number | undefined {
    const isWhole = !unit.damaged && unit.reference === undefined;
    const isHit = this.isNextHit || unit.damaged;
    this.isNextHit = false;
    this.began = isHit && !this.isRunning;
    this.isRunning = (isHit || this.isRunning) && !isWhole;
    this.hasNewRun ||= this.began;
    this.markBroken(unit, isWhole, isHit);
    const since = unit.arrival - this.reportedAt;
    const isDue = (this.hasNewRun && since >= APART_MS) || (this.unreported > 0 && since >= AGAIN_MS);
    if (!isDue) return undefined;
    const { unreported } = this;
    this.unreported = 0;
    this.hasNewRun = false;
    this.reportedAt = unit.arrival;
    return unreported;
  }

  /**
   * Units are broken from a loss until the stream is whole again or reaches a recovery point. The unit that
   * the loss itself damaged is still delivered.
   */
  private markBroken(unit: VideoUnit, isWhole: boolean, isHit: boolean): void {
    const mends = unit.recoveryFrames !== undefined && !unit.damaged;
    this.isBroken = !isWhole && !mends && (isHit || this.isBroken);
    this.skips = this.isBroken && unit.reference === 'lost';
  }
}
