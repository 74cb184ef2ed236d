// The statistics of a session: totals from counters that exist anyway, and rates sampled once a second.

import type { MediaUnit } from '../codec/unit.js';
import type { Track } from './track.js';

/** Counters are totals of the session. */
export interface SessionStatistics {
  /** RTP payload and header bytes, all tracks. */
  bytes: number;
  /** RTP packets received, all tracks. */
  packets: number;
  /** RTP packets that never came, as the gaps in their sequence numbers show. */
  lost: number;
  /** RTP packets that came after their turn, and so were of no use. */
  late: number;
  /** RTP packets that came more than once. */
  duplicates: number;
  /** Interarrival jitter of the first (video) track, ms (RFC 3550 6.4.1). */
  jitterMs: number;
  /** Round trip time of the last answered request, in ms. */
  rttMs?: number;
  /** Measured RTP clock rate of the first (video) track, in Hz: 90,000 if the camera's clock is exact. */
  clockRate?: number;
  /** Jumps of the tracks' RTP clocks that were corrected. */
  clockSteps: number;
  /** Video units with a complete slice at least. */
  frames: number;
  keyframes: number;
  /** Video units with a part of their own data missing. */
  damaged: number;
  /** Frames per second, measured over about the last 5 s. */
  fps: number;
  /** RTP bytes of all tracks in kbit/s, measured over about the last 5 s. */
  bitrateKbps: number;
}

const WINDOW = 6;

interface Sample {
  at: number;
  frames: number;
  bytes: number;
}

export class RateMeter {
  fps = 0;
  private bitrateKbps = 0;
  private frames = 0;
  private keyframes = 0;
  private damaged = 0;
  private readonly samples: Sample[] = [];

  count(unit: MediaUnit): void {
    // Units without any complete slice are not counted as frames.
    if (unit.kind !== 'video' || unit.data.length === 0) return;
    this.frames++;
    if (unit.keyframe) this.keyframes++;
    if (unit.damaged) this.damaged++;
  }

  /** Called once a second; `now` is in monotonic ms. */
  sample(now: number, tracks: readonly Track[]): void {
    let bytes = 0;
    for (const { receiver } of tracks) bytes += receiver.bytes;
    this.samples.push({ at: now, frames: this.frames, bytes });
    if (this.samples.length > WINDOW) this.samples.shift();
    // The rate of a stream that has just begun must not count the time before its first picture.
    const begun = this.samples.find(({ frames }) => frames > 0);
    if (begun !== undefined && now > begun.at)
      this.fps = ((this.frames - begun.frames) * 1000) / (now - begun.at);
    const first = this.samples[0]!;
    const seconds = (now - first.at) / 1000;
    if (seconds <= 0) return;
    this.bitrateKbps = ((bytes - first.bytes) * 8) / 1000 / seconds;
  }

  statistics(tracks: readonly Track[], rttMs: number | undefined): SessionStatistics {
    const sum = { bytes: 0, packets: 0, lost: 0, late: 0, duplicates: 0, clockSteps: 0 };
    for (const { receiver, late, duplicates, clockSteps } of tracks) {
      sum.bytes += receiver.bytes;
      sum.packets += receiver.packets;
      sum.lost += receiver.lost;
      sum.late += late;
      sum.duplicates += duplicates;
      sum.clockSteps += clockSteps;
    }
    return {
      ...sum,
      jitterMs: tracks[0]?.receiver.jitterMs ?? 0,
      ...(rttMs === undefined ? {} : { rttMs }),
      ...(tracks[0] === undefined ? {} : { clockRate: Math.round(tracks[0].clockRate) }),
      frames: this.frames,
      keyframes: this.keyframes,
      damaged: this.damaged,
      fps: this.fps,
      bitrateKbps: this.bitrateKbps,
    };
  }
}
