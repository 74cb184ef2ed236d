// State of the access unit being assembled. One object, reused for each unit.

import type { NalFacts, NalPacket } from './nal-rules.js';

/** Most PPS ids tracked per unit; real units use one or two. */
const PPS_IDS = 16;

export class UnitInProgress {
  /** Running number. In the parameter sets, number 0 means the SDP. */
  number = 1;
  begun = false;
  rtpTime = 0;
  arrival = 0;
  /** Sequence number of its last packet so far. */
  sequence = 0;
  /** NaN if no packet has one. */
  onvifTime = NaN;
  /** Packets just before it were lost. */
  afterGap = false;

  /** Number of whole slices. */
  slices = 0;
  /** A slice, whole or cut, was noted. */
  hasSlice = false;
  sync = false;
  allIntra = true;
  /** Recovery count from an SEI of the unit; -1 without one. */
  recovery = -1;
  /** PPS id of the first slice, and of all slices. */
  ppsId = 0;
  readonly ppsIds: number[] = [];

  damaged = false;
  /** Nothing was missing before the first slice. */
  isStartWhole = false;
  /** The unit is too large, and the rest of it is ignored. */
  overflow = false;

  /**
   * What the last first slice began: 1, a field whose frame is incomplete; 2, the other field; 0, a frame.
   */
  field: 0 | 1 | 2 = 0;
  /** A marker followed such a field. */
  fieldEnded = false;
  /** Timestamp of the frame's second field, if it has its own; otherwise -1. */
  fieldTime = -1;
  /** Index of the NAL unit at which the next unit may begin (-1 for none), and when it arrived. */
  openAt = -1;
  openArrival = 0;

  begin(rtpTime: number, arrival: number): void {
    this.begun = true;
    this.rtpTime = rtpTime;
    this.arrival = arrival;
    this.onvifTime = NaN;
  }

  /** Whether the packet belongs to the unit, by its timestamp. */
  isAt({ timestamp }: NalPacket): boolean {
    return timestamp === this.rtpTime || timestamp === this.fieldTime;
  }

  /** Notes a slice, whole or cut. */
  noteSlice(facts: NalFacts): void {
    if (!this.hasSlice) this.ppsId = facts.ppsId;
    this.hasSlice = true;
    const ids = this.ppsIds;
    if (ids.length < PPS_IDS && !ids.includes(facts.ppsId)) ids.push(facts.ppsId);
    this.sync ||= facts.sync;
    // The second field of an intra picture may refer to the first.
    if (this.field !== 2) this.allIntra &&= facts.intra;
  }

  /**
   * The next unit may begin with the NAL unit at `index`; the next slice decides. The first such index
   * counts.
   */
  mayOpenAt(index: number, arrival: number): void {
    if (this.openAt >= 0) return;
    this.openAt = index;
    this.openArrival = arrival;
  }

  /** Resets the object for the next unit. */
  reset(): void {
    this.number += 1;
    this.begun = false;
    this.afterGap = false;
    this.slices = 0;
    this.hasSlice = false;
    this.sync = false;
    this.allIntra = true;
    this.recovery = -1;
    this.ppsIds.length = 0;
    this.damaged = false;
    this.isStartWhole = false;
    this.overflow = false;
    this.field = 0;
    this.fieldEnded = false;
    this.fieldTime = -1;
    this.openAt = -1;
  }
}
