// What a session's clock does to units that come without one.

import type { MediaUnit } from '../../lib/codec/unit.js';
import { TrackClock } from '../../lib/rtp/track-clock.js';

const VIDEO_CLOCK = 90_000;

export class TimeLine {
  readonly #tracks = new Map<string, TrackClock>();

  /** Sets `mediaTime` where it is not set. */
  stamp(unit: MediaUnit): void {
    if (unit.mediaTime !== undefined) return;
    const clockRate = unit.kind === 'audio' ? unit.format.sampleRate : VIDEO_CLOCK;
    const track = this.#tracks.get(unit.kind) ?? new TrackClock(clockRate);
    this.#tracks.set(unit.kind, track);
    const depth = unit.kind === 'video' ? unit.format.reorderDepth : 0;
    unit.mediaTime = track.next(unit.rtpTime, unit.arrival, depth);
  }
}
