// Tells a stream that is silent from one that is slow, by its counters and the time it is told (quirk:
// silent-with-open-socket). No timers.

import type { Lower } from './quirks.js';

export interface WatchdogOptions {
  transport: Lower;
  /** Milliseconds without media after which the stream is taken for dead. */
  silenceMs?: number | undefined;
}

const DEFAULT_SILENCE_MS = 5_000;
/** UDP that is dead from the start is given up sooner: a firewall, mostly (quirk: 461-or-dead-udp). */
const UDP_SILENCE_MS = 3_000;
/** Media that came within this flows. */
const FLOW_MS = 2_500;
/** A camera at 0.5 frames a second is slow, not silent. */
const FRAME_TIMES = 5;

export class Watchdog {
  private received = 0;
  private lastMediaAt = 0;

  constructor(private readonly options: WatchdogOptions) {}

  /** PLAY was granted, or reading goes on after a pause: silence counts from `now` on. */
  begin(now: number): void {
    this.lastMediaAt = now;
  }

  /**
   * About once a second: packets received so far, and the frame rate (0: unknown). Answers the silence in ms
   * once that is too long.
   */
  look(now: number, received: number, fps: number): number | undefined {
    if (received !== this.received) {
      this.received = received;
      this.lastMediaAt = now;
    }
    const silence = now - this.lastMediaAt;
    return silence >= this.allowedMs(fps) ? silence : undefined;
  }

  /** When media came last; when it was waited for first, if none did. */
  get heardAt(): number {
    return this.lastMediaAt;
  }

  mediaFlows(now: number): boolean {
    return now - this.lastMediaAt < FLOW_MS;
  }

  private allowedMs(fps: number): number {
    const { transport, silenceMs = DEFAULT_SILENCE_MS } = this.options;
    if (this.received === 0) return transport === 'tcp' ? silenceMs : Math.min(UDP_SILENCE_MS, silenceMs);
    return fps > 0 ? Math.max(silenceMs, (FRAME_TIMES * 1000) / fps) : silenceMs;
  }
}
