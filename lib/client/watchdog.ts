// Tells a silent stream from a slow one, from its packet count and the time (quirk: silent-with-open-socket).
// No timers.

import type { Lower } from './quirks.js';

export interface WatchdogOptions {
  transport: Lower;
  /** Time without media after which the stream counts as dead, in ms. */
  silenceMs?: number | undefined;
}

const DEFAULT_SILENCE_MS = 5_000;
/**
 * UDP that never delivers a packet is given up sooner: a firewall is the usual cause (quirk:
 * 461-or-dead-udp).
 */
const UDP_SILENCE_MS = 3_000;
/** Media flows if a packet came within this many ms. */
const FLOW_MS = 2_500;
/** The silence may last this many frame intervals: a camera at 0.5 frames/s is slow, not silent. */
const FRAME_TIMES = 5;

export class Watchdog {
  private received = 0;
  private lastMediaAt = 0;

  constructor(private readonly options: WatchdogOptions) {}

  /** PLAY was granted, or reading resumes after a pause: the silence counts from `now`. */
  begin(now: number): void {
    this.lastMediaAt = now;
  }

  /**
   * Called about once a second with the number of packets received so far and the frame rate (0 if unknown).
   * Returns the silence in ms once it is too long.
   */
  check(now: number, received: number, fps: number): number | undefined {
    if (received !== this.received) {
      this.received = received;
      this.lastMediaAt = now;
    }
    const silence = now - this.lastMediaAt;
    return silence >= this.allowedMs(fps) ? silence : undefined;
  }

  /** When media last came, in monotonic ms; before the first packet, when waiting for it began. */
  get lastMediaTime(): number {
    return this.lastMediaAt;
  }

  /** Whether media came within the last seconds. */
  mediaFlows(now: number): boolean {
    return now - this.lastMediaAt < FLOW_MS;
  }

  private allowedMs(fps: number): number {
    const { transport, silenceMs = DEFAULT_SILENCE_MS } = this.options;
    if (this.received === 0) return transport === 'tcp' ? silenceMs : Math.min(UDP_SILENCE_MS, silenceMs);
    return fps > 0 ? Math.max(silenceMs, (FRAME_TIMES * 1000) / fps) : silenceMs;
  }
}
