// The playing phase of a session: keep-alives, reports, the watch for silence and losses, and what the
// session's end teaches about the server.

import { performance } from 'node:perf_hooks';
import type { NvrError } from '../errors.js';
import { guarded } from '../guard.js';
import type { Described } from './describe.js';
import { KeepAlive } from './keep-alive.js';
import { learnFromEnd, learnFromMedia } from './learning.js';
import { LossWatch } from './loss-watch.js';
import type { ServerMemory } from './quirks.js';
import type { Reception } from './reception.js';
import type { EndReason } from './session-options.js';
import { Watchdog } from './watchdog.js';

interface PlayingOptions {
  readonly described: Described;
  readonly reception: Reception;
  readonly memory: ServerMemory;
  readonly silenceMs: number | undefined;
  /** The session's timeout on the server, in ms. */
  readonly timeoutMs: number;
  /** The number of tracks that the server describes and that are not set up. */
  readonly leftOut: number;
  /** The stream ends by itself, as a recording does, so its end teaches nothing about the server. */
  readonly endsByItself: boolean;
  readonly sessionHeader: () => Record<string, string>;
  readonly onLossy: (percent: number) => void;
  readonly onEnd: (reason: EndReason, error: NvrError) => void;
}

const TICK_MS = 1_000;
const REPORT_MS = 5_000;

export class Playing {
  private readonly keepAlive: KeepAlive;
  private readonly watchdog: Watchdog;
  private readonly losses = new LossWatch();
  private readonly ticker: NodeJS.Timeout;
  private tickNext: NodeJS.Immediate | undefined;
  private readonly playedAt = performance.now();
  private lastReportAt = this.playedAt;
  /** Reading is paused by the user: silence is expected then. */
  private isPaused = false;

  constructor(private readonly options: PlayingOptions) {
    const { described, reception, memory, silenceMs, timeoutMs } = options;
    this.watchdog = new Watchdog({ transport: reception.transport.lower, silenceMs });
    this.watchdog.begin(this.playedAt);
    this.keepAlive = new KeepAlive({
      memory,
      timeoutMs,
      hasGetParameter: described.methods.has('GET_PARAMETER'),
      request: (method) => described.connection.request(method, described.baseUri, options.sessionHeader()),
      mediaFlows: () => this.watchdog.mediaFlows(performance.now()),
      onExpired: (error) => {
        options.onEnd('expired', error);
      },
    });
    const tick = guarded(
      () => {
        this.tick(performance.now());
      },
      (error) => {
        options.onEnd('error', error);
      },
    );
    this.ticker = setInterval(() => {
      // Timers run before sockets are read: after the event loop stood still, packets may lie there unread.
      clearImmediate(this.tickNext);
      this.tickNext = setImmediate(tick);
    }, TICK_MS);
  }

  /** Sends one request in the session. Resolves to its round trip time in ms. */
  async ping(): Promise<number> {
    const { connection, baseUri } = this.options.described;
    const method = this.keepAlive.policy === 'get-parameter' ? 'GET_PARAMETER' : 'OPTIONS';
    await connection.request(method, baseUri, this.options.sessionHeader());
    return connection.rttMs ?? 0;
  }

  pause(): void {
    this.isPaused = true;
    this.options.described.connection.pause();
  }

  resume(): void {
    this.isPaused = false;
    this.watchdog.begin(performance.now());
    this.options.described.connection.resume();
  }

  stop(): void {
    clearInterval(this.ticker);
    clearImmediate(this.tickNext);
    this.keepAlive.stop();
  }

  /** Returns, in words, what the next session does differently; undefined if nothing. */
  learn(reason: EndReason, withoutMedia: boolean): string | undefined {
    const { memory, leftOut, timeoutMs, endsByItself } = this.options;
    if (endsByItself) return undefined;
    const now = performance.now();
    return learnFromEnd(memory, {
      reason,
      withoutMedia,
      leftOut,
      livedMs: (reason === 'silence' ? this.watchdog.lastMediaTime : now) - this.playedAt,
      timeoutMs,
      keepAlive: this.keepAlive.summary(now),
    });
  }

  private tick(now: number): void {
    const { reception, memory, leftOut, endsByItself, onEnd } = this.options;
    reception.tick(now);
    if (now - this.lastReportAt >= REPORT_MS) {
      this.lastReportAt = now;
      reception.sendReports(now);
    }
    const { received } = reception;
    if (received > 0 && !endsByItself) learnFromMedia(memory, leftOut);
    if (reception.isUdp) this.watchLosses(now);
    const silence = this.watchdog.check(now, received, reception.fps);
    if (silence !== undefined && !this.isPaused) onEnd('silence', reception.whySilent(silence));
  }

  private watchLosses(now: number): void {
    const { packets, lost } = this.options.reception.count;
    const percent = this.losses.take(now, packets, lost);
    if (percent !== undefined) this.options.onLossy(percent);
  }
}
