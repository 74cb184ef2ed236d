// The access unit that is being put together: what is known of it so far. One object, used again for each
// unit.

import type { NalFacts } from './nal-rules.js';

/** PPS ids of one unit that are looked after: real ones name one or two. */
const PPS_IDS = 16;

export class UnitInProgress {
  /** Running number; 0 stands for the SDP in the parameter sets' books. */
  number = 1;
  begun = false;
  rtpTime = 0;
  arrival = 0;
  /** Of its last packet so far. */
  sequence = 0;
  /** NaN where no packet says. */
  onvifTime = NaN;
  /** Packets were lost right before it. */
  afterGap = false;

  /** Whole slices. */
  slices = 0;
  /** A slice, whole or torn, was looked at. */
  looked = false;
  sync = false;
  allIntra = true;
  /** Pictures until the recovery point that an SEI of the unit announced; -1: none. */
  recovery = -1;
  /** What its first slice names, and what all of them do. */
  ppsId = 0;
  readonly ppsIds: number[] = [];

  damaged = false;
  /** Nothing was missing up to the first slice. */
  startSound = false;
  /** It is too large: the rest of it is ignored. */
  overflow = false;

  /** What the last first slice began: a field whose frame is not whole yet (1), or the other one (2). */
  field: 0 | 1 | 2 = 0;
  /** A marker stood behind such a field. */
  fieldEnded = false;
  /** Timestamp under which the other field of the frame comes, if it has one of its own; -1: none. */
  fieldTime = -1;
  /** Index of the NAL unit at which the next unit may begin, -1 for none, and when it came. */
  openAt = -1;
  openArrival = 0;

  begin(rtpTime: number, arrival: number): void {
    this.begun = true;
    this.rtpTime = rtpTime;
    this.arrival = arrival;
    this.onvifTime = NaN;
  }

  /** Whether a packet of that time belongs to it. */
  isAt(rtpTime: number): boolean {
    return rtpTime === this.rtpTime || rtpTime === this.fieldTime;
  }

  /** A slice of it, whole or torn. */
  look(facts: NalFacts): void {
    if (!this.looked) this.ppsId = facts.ppsId;
    this.looked = true;
    const ids = this.ppsIds;
    if (ids.length < PPS_IDS && !ids.includes(facts.ppsId)) ids.push(facts.ppsId);
    this.sync ||= facts.sync;
    // The second field of an I-picture may build on the first.
    if (this.field !== 2) this.allIntra &&= facts.intra;
  }

  /**
   * The next unit may begin with the NAL unit at `index`: the next slice will tell. The first such place
   * counts.
   */
  mayOpenAt(index: number, arrival: number): void {
    if (this.openAt >= 0) return;
    this.openAt = index;
    this.openArrival = arrival;
  }

  /** The next one takes its place. */
  forget(): void {
    this.number += 1;
    this.begun = false;
    this.afterGap = false;
    this.slices = 0;
    this.looked = false;
    this.sync = false;
    this.allIntra = true;
    this.recovery = -1;
    this.ppsIds.length = 0;
    this.damaged = false;
    this.startSound = false;
    this.overflow = false;
    this.field = 0;
    this.fieldEnded = false;
    this.fieldTime = -1;
    this.openAt = -1;
  }
}
