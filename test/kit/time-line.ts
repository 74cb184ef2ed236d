// Gives units the times that a session clock would set.

import { PictureOrder } from '../../lib/codec/picture-order.js';
import type { MediaUnit } from '../../lib/codec/unit.js';
import { SessionClock, type SessionTrack, type Timed } from '../../lib/rtp/session-clock.js';

const VIDEO_CLOCK = 90_000;

export class TimeLine {
  private readonly clock = new SessionClock();
  private readonly tracks = new Map<string, SessionTrack>();
  private readonly order = new PictureOrder();

  /** Sets `mediaTime` if it is missing. */
  stamp(unit: MediaUnit): void {
    if (unit.mediaTime !== undefined) return;
    const clockRate = unit.kind === 'audio' ? unit.format.sampleRate : VIDEO_CLOCK;
    const track = this.tracks.get(unit.kind) ?? this.clock.track(clockRate);
    this.tracks.set(unit.kind, track);
    const { kind, rtpTime, arrival } = unit;
    const timed: Timed = { kind, rtpTime, arrival, time: 0, timeSource: '' };
    if (unit.kind === 'video') Object.assign(timed, { format: unit.format });
    track.stamp(timed, unit.kind === 'video' ? this.order.of(unit) : NaN);
    unit.mediaTime = timed.mediaTime!;
  }
}
