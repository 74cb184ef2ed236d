// Notes when a unit began, at its first packet, and fills that in when the unit is complete.

import type { RtpPacketView } from '../rtp/packet.js';
import type { TimeSource } from './unit.js';

/** The times of a unit before the session clock has set `time`. */
interface UnitTimes {
  readonly rtpTime: number;
  readonly rtpSequence: number;
  readonly arrival: number;
  readonly onvifTime?: number;
  time: number;
  timeSource: TimeSource;
}

/** One instance per track. */
export class UnitOrigin {
  rtpTime = 0;
  private arrival = 0;
  private onvifTime = NaN;

  begin(packet: RtpPacketView, arrivalMs: number): void {
    this.rtpTime = packet.timestamp;
    this.arrival = arrivalMs;
    this.onvifTime = packet.onvifTime;
  }

  /**
   * The times of a unit that ended with packet `rtpSequence`. `later`: its offset from the first packet's
   * timestamp, in RTP ticks.
   */
  times(rtpSequence: number, later = 0): UnitTimes {
    const times: UnitTimes = {
      rtpTime: (this.rtpTime + later) >>> 0,
      rtpSequence,
      arrival: this.arrival,
      time: 0,
      timeSource: 'arrival',
    };
    return Number.isNaN(this.onvifTime) || later !== 0 ? times : { ...times, onvifTime: this.onvifTime };
  }
}
