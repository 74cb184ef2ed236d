// One NVR: the hubs of its cameras, and the account that they share.

import { performance } from 'node:perf_hooks';
import type { VideoUnit } from '../codec/unit.js';
import { NvrError } from '../errors.js';
import type { UnitMemory } from '../media/unit-memory.js';
import { silentLogger, type Logger } from '../log.js';
import { formatRtspUri } from '../rtsp/uri.js';
import { printable } from '../text.js';
import { HealthProbes } from './health/health.js';
import { shareAccount, type Account } from './account.js';
import { Hub } from './camera/hub.js';
import { Hubs } from './camera/hubs.js';
import { withDefaults, type NvrConfig } from './default-settings.js';
import { processMemory, type MemoryBudget } from './memory-budget.js';
import { askDescription } from '../client/describe.js';
import type { ServerOptions } from '../client/session-options.js';
import { fetchSpan, type RecordedSpan, type SpanHandlers } from './playback/fetch-span.js';
import { PlaybackRuns } from './playback/runs.js';
import type { Slots } from './slots.js';
import { describeTransportOf } from './transport.js';
import type { CameraHub, NvrSettings } from './types.js';
import { expandTemplate, templatesOf } from './uri-template.js';

/** The number of cameras of the MOVE NVR's largest model. */
const MAX_SESSIONS = 64;

export interface NvrOptions {
  logger?: Logger;
  /** The memory budget; by default that of the process. */
  memory?: MemoryBudget;
}

export class Nvr {
  readonly settings: NvrSettings;
  /** Playback runs, by name. */
  readonly playback: PlaybackRuns;
  /** Health checks of the cameras. */
  readonly health: HealthProbes;
  private readonly hubs: Hubs;
  private readonly account: Account;
  private readonly release: () => void;
  private readonly logger: Logger;
  private readonly memory: MemoryBudget;
  private closed = false;

  /** Settings that are missing default to those of a MOVE NVR. */
  constructor(config: NvrConfig, options: NvrOptions = {}) {
    const settings = (this.settings = withDefaults(config));
    this.logger = options.logger ?? silentLogger;
    this.memory = options.memory ?? processMemory();
    this.hubs = new Hubs(settings.maxSessions ?? MAX_SESSIONS, (channel, stream) =>
      this.createHub(channel, stream),
    );
    const share = shareAccount(settings, () => performance.now());
    this.account = share.account;
    this.release = share.release;
    this.playback = new PlaybackRuns({
      settings,
      account: this.account,
      session: this.session,
      memory: this.memory,
      uriOf: (path) => this.uriOf(path),
      hasChannel: (channel, stream, signal) => this.hasChannel(channel, stream, signal),
    });
    this.health = new HealthProbes({
      settings,
      account: this.account,
      session: this.session,
      uriOf: (channel, stream) => this.liveUri(channel, stream),
      hub: (channel, stream) => this.hubs.own(channel, stream),
    });
  }

  /**
   * The hub of a camera's stream; `channel` counts from 1. Throws EINPUT for an invalid channel, stream or
   * template, and ESESSIONS if a message (`by`) would open more than `maxSessions`.
   */
  camera(channel: number, stream: string, by: 'node' | 'message' = 'node'): CameraHub {
    if (this.closed) throw new NvrError('EINPUT', 'The NVR has been closed.');
    return by === 'node' ? this.hubs.own(channel, stream) : this.hubs.byMessage(channel, stream);
  }

  /** Whether the URI style has a form for recordings. */
  get canPlayBack(): boolean {
    return templatesOf(this.settings).playback !== '';
  }

  /**
   * Reads the NVR's recording of a channel, at the reader's pace. Three run at the same time and the others
   * wait: this leaves one run for playback by users. See `fetchSpan` in playback/.
   */
  async *fetchSpan(
    span: RecordedSpan,
    signal: AbortSignal,
    handlers?: SpanHandlers,
  ): AsyncGenerator<VideoUnit, void> {
    const release = await inTurn(this.account.fetches, signal);
    if (release === undefined) return;
    const memory = this.memory.camera();
    try {
      yield* fetchSpan(this.playback, span, signal, handlers, memory);
    } finally {
      memory.close();
      release();
    }
  }

  /** Reads a recorded span that an alarm's clip lacks: as `fetchSpan` does, but one at a time. */
  async *fetchMissed(span: RecordedSpan, signal: AbortSignal): AsyncGenerator<VideoUnit, void> {
    const release = await inTurn(this.account.missed, signal);
    if (release === undefined) return;
    try {
      yield* this.fetchSpan(span, signal);
    } finally {
      release();
    }
  }

  /** A memory account for units of a recording that wait for the disk, or for the time to deliver them. */
  spanMemory(): UnitMemory {
    return this.memory.camera();
  }

  private createHub(channel: number, stream: string): Hub {
    const { settings } = this;
    return new Hub({
      settings,
      account: this.account,
      memory: this.memory.camera(),
      crowdedWarningOnce: () => this.hubs.crowdedWarningOnce(),
      channel,
      stream,
      uri: this.liveUri(channel, stream),
      session: { ...this.session, extras: settings.audio },
    });
  }

  /** Ends all sessions with TEARDOWN at once. Idempotent; never rejects. */
  async close(): Promise<void> {
    this.closed = true;
    this.health.close();
    await Promise.all([this.playback.close(), this.hubs.close()]);
    this.release();
  }

  /** The options that all sessions of this NVR share. */
  private get session(): ServerOptions {
    const { username, password, tlsSettings, redirects, allowBasic } = this.settings;
    return {
      credentials: username === '' ? undefined : { username, password },
      tls: tlsSettings,
      logger: this.logger,
      redirects: redirects ?? 'same',
      allowBasic: allowBasic ?? false,
    };
  }

  /** Whether the NVR describes the channel's live stream. */
  private hasChannel(channel: number, stream: string, signal: AbortSignal): Promise<boolean> {
    const { settings, account } = this;
    return askDescription({
      ...this.session,
      uri: this.liveUri(channel, stream),
      transport: describeTransportOf(settings),
      memory: account.memory,
      gate: account.gate,
      requestTimeoutMs: settings.requestTimeout * 1000,
      signal,
    }).then(
      () => true,
      (error: unknown) => !(error instanceof NvrError && error.code === 'ECHANNEL'),
    );
  }

  private liveUri(channel: number, stream: string): string {
    const { settings } = this;
    return this.uriOf(expandTemplate(templatesOf(settings).live, settings, channel, stream));
  }

  private uriOf(path: string): string {
    const { tls, host, rtspPort } = this.settings;
    if (/^[^:]*:\d*$/.test(host))
      throw new NvrError(
        'EINPUT',
        `The host "${printable(host, 80)}" holds a port; give it as the RTSP port.`,
      );
    return formatRtspUri({ tls, host, port: rtspPort, path });
  }
}

/** Resolves to the function that frees the place; to undefined if `signal` aborts first. */
function inTurn(places: Slots, signal: AbortSignal): Promise<(() => void) | undefined> {
  return places.acquire(signal).catch(() => undefined);
}
