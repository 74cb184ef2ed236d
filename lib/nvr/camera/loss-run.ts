// A stream's losses as its users are told of them: one word for a run of losses, with how much was lost.
// Pure; time comes with the units.

import type { VideoUnit } from '../../codec/unit.js';

/** Runs in quick succession, as of a stream of keyframes alone, are told together. */
const APART_MS = 1_000;
/** A run that goes on is told again, with what was lost since. */
const AGAIN_MS = 10_000;

/** A run begins with a loss, and ends with the next unit that builds on nothing lost. */
export class LossRun {
  /** The unit last looked at is the first of a run. */
  began = false;
  /** The unit last looked at is not for who skips what a loss has spoilt. */
  skips = false;
  private untold = 0;
  private isHit = false;
  private isRunning = false;
  private isNews = false;
  private isBroken = false;
  private toldAt = -Infinity;

  /** Packets are missing before the next unit's end. */
  lose(packets: number): void {
    this.untold += packets;
    this.isHit = true;
  }

  /**
   * Takes the next unit. Answers how many packets have been lost since the last word, where another one is
   * due.
   */
  look(unit: VideoUnit): number | undefined {
    const isWhole = !unit.damaged && unit.reference === undefined;
    const isHit = this.isHit || unit.damaged;
    this.isHit = false;
    this.began = isHit && !this.isRunning;
    this.isRunning = (isHit || this.isRunning) && !isWhole;
    this.isNews ||= this.began;
    this.judge(unit, isWhole, isHit);
    const since = unit.arrival - this.toldAt;
    const isDue = (this.isNews && since >= APART_MS) || (this.untold > 0 && since >= AGAIN_MS);
    if (!isDue) return undefined;
    const { untold } = this;
    this.untold = 0;
    this.isNews = false;
    this.toldAt = unit.arrival;
    return untold;
  }

  /**
   * From a loss on, up to where the stream is whole again or begins to mend itself. The unit that the loss
   * tore still goes out.
   */
  private judge(unit: VideoUnit, isWhole: boolean, isHit: boolean): void {
    const mends = unit.recoveryFrames !== undefined && !unit.damaged;
    this.isBroken = !isWhole && !mends && (isHit || this.isBroken);
    this.skips = this.isBroken && unit.reference === 'lost';
  }
}
