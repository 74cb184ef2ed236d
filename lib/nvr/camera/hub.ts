// The camera hub: one RTSP session per camera and stream, shared by its users, kept alive through outages.

import { performance } from 'node:perf_hooks';
import { LIVE_SHARE } from '../../client/read-pace.js';
import { openSession } from '../../client/open-session.js';
import type { ServerOptions } from '../../client/session-options.js';
import type { RtspSession, SessionEnd, SessionOptions } from '../../client/session.js';
import type { MediaUnit, VideoFormat, VideoUnit } from '../../codec/unit.js';
import { asNvrError, NvrError } from '../../errors.js';
import type { UnitMemory } from '../../media/unit-memory.js';
import type { SessionDescription } from '../../rtsp/sdp.js';
import type { Account } from '../account.js';
import { SessionSlot } from '../session-slot.js';
import { mayLeaveUdp, transportsOf, whyOnUdp } from '../transport.js';
import type {
  CameraHub,
  HubNews,
  HubSubscriber,
  HubSubscription,
  NvrSettings,
  StreamStatistics,
} from '../types.js';
import { GopStore } from './gop-store.js';
import { Ledger } from './ledger.js';
import type { Count } from './no-keyframe.js';
import { flapping, Outages } from './outages.js';
import { PictureWatch } from './picture-watch.js';
import { Subscribers, withoutCuts } from './subscribers.js';

interface HubContext {
  readonly settings: NvrSettings;
  readonly account: Account;
  /** The options that all sessions of this NVR share. */
  readonly session: ServerOptions & Pick<SessionOptions, 'extras'>;
  /** Opens a session; by default one to the camera. */
  readonly open?: typeof openSession;
  readonly memory: UnitMemory;
  /** Called when the first user comes. Returns a warning, once, if too many cameras are in use. */
  readonly crowdedWarningOnce?: () => NvrError | undefined;
  readonly uri: string;
  readonly channel: number;
  readonly stream: string;
}

type State = 'idle' | 'connecting' | 'playing' | 'waiting' | 'failed';

export class Hub implements CameraHub {
  readonly channel: number;
  readonly stream: string;

  private state: State = 'idle';
  private readonly subscribers = new Subscribers();
  private readonly outages = new Outages();
  private readonly kept: GopStore;
  private readonly ledger = new Ledger();
  private readonly slot: SessionSlot<RtspSession>;
  private retryTimer: NodeJS.Timeout | undefined;
  private lingerTimer: NodeJS.Timeout | undefined;
  private playingSince: number | undefined;
  private warnedOfLosses = false;
  private readonly pictures = new PictureWatch({
    emit: (event) => {
      this.emit(event);
    },
    count: () => this.count,
    mismatch: () => this.slot.session?.payloadMismatch,
  });

  constructor(private readonly context: HubContext) {
    this.slot = new SessionSlot(context.account.slots);
    this.channel = context.channel;
    this.stream = context.stream;
    this.kept = new GopStore(context.memory);
  }

  get format(): VideoFormat | undefined {
    return this.pictures.format;
  }

  get memory(): UnitMemory {
    return this.context.memory;
  }

  get gop(): readonly VideoUnit[] {
    return this.kept.units;
  }

  /** The description (SDP) of the stream that plays. */
  get description(): SessionDescription | undefined {
    return this.slot.session?.description;
  }

  /** True while it has a session, is connecting, or has users. */
  get isBusy(): boolean {
    return this.state !== 'idle' || this.isUsed;
  }

  get isUsed(): boolean {
    return this.subscribers.count > 0;
  }

  get statistics(): StreamStatistics {
    const { session } = this.slot;
    return {
      ...this.ledger.total(session?.statistics),
      state: this.state,
      subscribers: this.subscribers.count,
      ...(session === undefined ? {} : { transport: session.transport.name }),
      ...(this.playingSince === undefined ? {} : { playingSince: this.playingSince }),
    };
  }

  subscribe(subscriber: HubSubscriber): HubSubscription {
    clearTimeout(this.lingerTimer);
    // The kept GOP comes first: a player shows it at once and, if the GOP is complete, continues from it.
    const leave = this.subscribers.join(subscriber, this.kept.units, this.kept.isWhole);
    if (this.state === 'idle') {
      this.connect();
      const crowded = this.context.crowdedWarningOnce?.();
      if (crowded !== undefined) this.warn(crowded);
    }
    return {
      unsubscribe: () => {
        if (leave() && !this.isUsed) this.linger();
      },
    };
  }

  restart(): void {
    if (!this.isUsed) return;
    this.abandon();
    this.outages.reset();
    this.connect();
  }

  /**
   * Sends one request in the running session. Resolves to its round trip time in ms; rejects with
   * EUNREACHABLE if no session plays.
   */
  async ping(): Promise<number> {
    const { session } = this.slot;
    if (session === undefined) throw new NvrError('EUNREACHABLE', 'The camera’s session does not play.');
    return session.ping();
  }

  /**
   * Ends the session at once if nobody uses it: a health check of 64 cameras must not leave 64 sessions
   * lingering.
   */
  async endUnused(): Promise<void> {
    if (!this.isUsed) await this.close();
  }

  /** Ends the session at once and reports `stopped`. Resolves when TEARDOWN is complete. */
  close(): Promise<void> {
    if (this.state !== 'idle') {
      this.abandon();
      this.state = 'idle';
      this.emit({ type: 'stopped' });
      this.subscribers.clearHistory();
    }
    return this.slot.closed;
  }

  private linger(): void {
    const ms = this.context.settings.linger * 1000;
    const isUp = this.state === 'playing' || this.state === 'connecting';
    if (ms <= 0 || !isUp) void this.close();
    else this.lingerTimer = setTimeout(() => void this.close(), ms);
  }

  /** Drops the present session or attempt; TEARDOWN goes out in the background. */
  private abandon(): void {
    clearTimeout(this.retryTimer);
    clearTimeout(this.lingerTimer);
    this.leave();
    this.outages.onSessionEnd();
  }

  /** Resets everything that belonged to the session that ended. */
  private leave(): void {
    this.ledger.close(this.slot.session?.statistics);
    this.slot.leave();
    this.playingSince = undefined;
    this.kept.clear();
    this.pictures.end();
    this.subscribers.beginAnew();
  }

  private connect(): void {
    this.state = 'connecting';
    this.subscribers.clearHistory();
    this.emit({ type: 'connecting', attempt: this.outages.attempts + 1 });
    void this.open();
  }

  private async open(): Promise<void> {
    try {
      const session = await this.slot.open((signal) => this.openSession(signal));
      if (session !== undefined) this.onPlaying(session);
    } catch (error) {
      this.fail(asNvrError(error, 'EPROTOCOL', 'The stream could not be opened.'));
    }
  }

  private openSession(signal: AbortSignal): Promise<RtspSession> {
    const { settings, account, session, uri, open = openSession } = this.context;
    return open(uri, {
      ...session,
      signal,
      transport: transportsOf(settings),
      memory: account.memory,
      gate: account.gate,
      requestTimeoutMs: settings.requestTimeout * 1000,
      silenceMs: settings.silence * 1000,
      readShare: LIVE_SHARE,
      cutSlices: true,
      onUnit: (unit) => {
        this.onUnit(unit);
      },
      onLoss: (missing) => {
        this.pictures.lose(missing);
      },
      onLossy: (percent) => {
        this.onLossy(percent);
      },
      onWarning: (error) => {
        this.warn(error);
      },
      onEnd: (end) => {
        this.onEnd(end);
      },
    });
  }

  private onPlaying(session: RtspSession): void {
    this.state = 'playing';
    this.playingSince = Date.now();
    this.emit({ type: 'playing', transport: session.transport.name });
    this.pictures.begin();
  }

  private onEnd(end: SessionEnd): void {
    const overUdp = this.slot.session?.transport.lower === 'udp';
    this.leave();
    const { settings, account } = this.context;
    const deadUdp = end.reason === 'silence' && end.withoutMedia && overUdp;
    if (deadUdp && mayLeaveUdp(settings, account.memory)) {
      // quirk: 461-or-dead-udp; no media came over UDP, so TCP is tried at once and remembered.
      account.memory.learn('transport', 'tcp');
      if (this.isUsed) {
        const { code } = end.error;
        const reason = 'No media came over UDP; trying TCP.';
        this.emit({ type: 'warning', code, reason, error: end.error });
        this.connect();
        return;
      }
    }
    this.fail(end.error);
  }

  /**
   * UDP has been losing packets for a minute: changes to TCP if the settings and the server permit. The
   * warning is given only once. A session that only lingers is left to its end.
   */
  private onLossy(percent: number): void {
    if (!this.isUsed) return;
    const { settings, account } = this.context;
    const changesToTcp = settings.transport === 'udp-first' && mayLeaveUdp(settings, account.memory);
    const isNew = !this.warnedOfLosses && account.memory.transport !== 'tcp';
    if (changesToTcp || !this.warnedOfLosses) {
      const reason = `${percent} % of the packets were lost over UDP within the last minute; ${changesToTcp ? 'going over to TCP' : whyOnUdp(settings)}.`;
      this.warn(new NvrError('ETIMEDOUT', reason), { firstOfOutage: isNew });
    }
    this.warnedOfLosses = true;
    if (!changesToTcp) return;
    account.memory.learn('transport', 'tcp');
    this.abandon();
    this.connect();
  }

  private fail(error: NvrError): void {
    this.pictures.end();
    this.pictures.forgetFormat();
    if (!this.isUsed) {
      clearTimeout(this.lingerTimer);
      this.state = 'idle';
      this.subscribers.clearHistory();
      return;
    }
    const { inMs, isLasting, attempt, isNew, breaks } = this.outages.failed(error.code, performance.now());
    const retryInMs = error.code === 'EAUTH' ? this.loginRetryMs(inMs, isLasting) : inMs;
    this.state = isLasting ? 'failed' : 'waiting';
    this.ledger.reconnects++;
    this.subscribers.clearHistory();
    if (breaks !== undefined) this.warn(flapping(error, breaks), { breaks, firstOfOutage: true });
    this.emit({
      type: isLasting ? 'error' : 'reconnecting',
      code: error.code,
      reason: error.message,
      attempt,
      retryInMs,
      firstOfOutage: isNew,
      error,
    });
    this.retryTimer = setTimeout(() => {
      this.connect();
    }, retryInMs);
  }

  /**
   * The wait before the next log-in, in ms. Another camera's refused log-in may have closed the account's
   * gate: a lasting failure waits at least until it opens, a single early retry exactly until then.
   */
  private loginRetryMs(inMs: number, isLasting: boolean): number {
    const waitMs = Math.ceil(this.context.account.gate.waitMs);
    return isLasting || waitMs === 0 ? Math.max(inMs, waitMs) : waitMs;
  }

  private onUnit(unit: MediaUnit): void {
    this.outages.onMedia(unit.arrival);
    if (unit.kind !== 'video') {
      this.subscribers.deliver(unit);
      return;
    }
    this.pictures.take(unit);
    const plain = withoutCuts(unit);
    if (plain !== undefined) this.kept.add(plain);
    this.subscribers.deliverVideo(unit, plain, this.pictures.skips);
  }

  /** The packet counters of the present session. */
  private get count(): Count & { transport?: string } {
    const { session } = this.slot;
    if (session === undefined) return { packets: 0, lost: 0 };
    return { ...session.count, transport: session.transport.name };
  }

  private warn(error: NvrError, more: { firstOfOutage?: boolean; breaks?: number } = {}): void {
    this.emit({ type: 'warning', code: error.code, reason: error.message, error, ...more });
  }

  private emit(event: HubNews): void {
    this.subscribers.emit({ ...event, channel: this.channel, stream: this.stream, time: Date.now() });
  }
}
