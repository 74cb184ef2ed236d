// When a unit began: noted at its first packet, written into the unit when it is whole.

import type { RtpPacketView } from '../rtp/packet.js';
import type { TimeSource } from './unit.js';

/** The times every unit carries, before the session's clock has dated it. */
export interface UnitTimes {
  readonly rtpTime: number;
  readonly rtpSequence: number;
  readonly arrival: number;
  readonly onvifTime?: number;
  time: number;
  timeSource: TimeSource;
}

/** One instance serves all units of a track. */
export class UnitOrigin {
  rtpTime = 0;
  #arrival = 0;
  #onvifTime = NaN;

  begin(packet: RtpPacketView, arrivalMs: number): void {
    this.rtpTime = packet.timestamp;
    this.#arrival = arrivalMs;
    this.#onvifTime = packet.onvifTime;
  }

  /**
   * The times of a unit that ended with packet `rtpSequence`. `later`: RTP units it lies behind the first
   * packet's time.
   */
  times(rtpSequence: number, later = 0): UnitTimes {
    const times: UnitTimes = {
      rtpTime: (this.rtpTime + later) >>> 0,
      rtpSequence,
      arrival: this.#arrival,
      time: 0,
      timeSource: 'arrival',
    };
    return Number.isNaN(this.#onvifTime) || later !== 0 ? times : { ...times, onvifTime: this.#onvifTime };
  }
}
