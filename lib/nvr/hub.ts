// The camera hub: one RTSP session per camera and stream, shared by its users, kept alive through outages.

import { performance } from 'node:perf_hooks';
import { openSession, type OpenedSession } from '../client/open-session.js';
import type { ServerOptions } from '../client/session-options.js';
import type { RtspSession, SessionEnd, SessionOptions } from '../client/session.js';
import type { MediaUnit, VideoFormat, VideoUnit } from '../codec/unit.js';
import { NvrError } from '../errors.js';
import type { UnitMemory } from '../media/unit-memory.js';
import type { Account } from './account.js';
import { GopStore } from './gop-store.js';
import { Ledger } from './ledger.js';
import { FLAPPING_MS, Outages } from './outages.js';
import { preferenceOf, toldTransport } from './transport.js';
import type {
  CameraHub,
  HubEvent,
  HubEventWord,
  HubSubscriber,
  HubSubscription,
  NvrSettings,
  StreamStatistics,
} from './types.js';

export interface HubContext {
  readonly settings: NvrSettings;
  readonly account: Account;
  /** What every session of this NVR has in common. */
  readonly session: ServerOptions & Pick<SessionOptions, 'extras'>;
  readonly memory: UnitMemory;
  readonly uri: string;
  readonly channel: number;
  readonly stream: string;
}

type State = 'idle' | 'connecting' | 'playing' | 'waiting' | 'failed';

/** A subscriber and where it stands: it gets no video before its first keyframe. */
interface Seat {
  readonly subscriber: HubSubscriber;
  started: boolean;
}

const KEYFRAME_WAIT_MS = 15_000;

export class Hub implements CameraHub {
  readonly channel: number;
  readonly stream: string;
  format: VideoFormat | undefined;

  private state: State = 'idle';
  private readonly seats = new Set<Seat>();
  private readonly outages = new Outages();
  private readonly kept: GopStore;
  private readonly ledger = new Ledger();
  /** Raised whenever what is under way no longer counts: its late results are then dropped. */
  private generation = 0;
  private opening: RtspSession | undefined;
  private current: OpenedSession | undefined;
  private retryTimer: NodeJS.Timeout | undefined;
  private lingerTimer: NodeJS.Timeout | undefined;
  private keyframeTimer: NodeJS.Timeout | undefined;
  private playingSince: number | undefined;
  /** Packets lost since the last unit. */
  private lost = 0;
  /** After a loss nothing is handed on until the next keyframe. */
  private broken = false;
  private torn = false;
  private announced: VideoFormat | undefined;
  /** What a newcomer is told. */
  private story: HubEvent[] = [];
  private closing: Promise<void> = Promise.resolve();

  constructor(private readonly context: HubContext) {
    this.channel = context.channel;
    this.stream = context.stream;
    this.kept = new GopStore(context.memory);
  }

  get memory(): UnitMemory {
    return this.context.memory;
  }

  get gop(): readonly VideoUnit[] {
    return this.kept.units;
  }

  get statistics(): StreamStatistics {
    return {
      ...this.ledger.total(this.current?.session.statistics),
      state: this.state,
      subscribers: this.seats.size,
      ...(this.current === undefined
        ? {}
        : { transport: toldTransport(this.context.settings, this.current.transport) }),
      ...(this.playingSince === undefined ? {} : { playingSince: this.playingSince }),
    };
  }

  subscribe(subscriber: HubSubscriber): HubSubscription {
    const seat: Seat = { subscriber, started: false };
    this.seats.add(seat);
    clearTimeout(this.lingerTimer);
    // A newcomer to an outage has been told nothing of it yet.
    for (const event of this.story)
      tell(seat, event.error === undefined ? event : { ...event, firstOfOutage: true });
    if (this.state === 'idle') this.connect();
    return {
      unsubscribe: () => {
        if (this.seats.delete(seat) && this.seats.size === 0) this.linger();
      },
    };
  }

  restart(): void {
    if (this.seats.size === 0) return;
    this.abandon();
    this.outages.reset();
    this.connect();
  }

  /** One request in the running session. Resolves to its round trip in ms; rejects with EUNREACHABLE while none plays. */
  async ping(): Promise<number> {
    if (this.current === undefined) throw new NvrError('EUNREACHABLE', 'The camera’s session does not play.');
    return this.current.session.ping();
  }

  /** Ends the session at once where nobody uses it: a check of 64 cameras must not leave 64 sessions lingering. */
  async endUnused(): Promise<void> {
    if (this.seats.size === 0) await this.close();
  }

  /** Ends the session at once and tells the users; resolves when TEARDOWN is through. */
  close(): Promise<void> {
    if (this.state !== 'idle') {
      this.abandon();
      this.state = 'idle';
      this.emit('stopped');
      this.story = [];
    }
    return this.closing;
  }

  private linger(): void {
    const ms = this.context.settings.linger * 1000;
    const isUp = this.state === 'playing' || this.state === 'connecting';
    if (ms <= 0 || !isUp) void this.close();
    else this.lingerTimer = setTimeout(() => void this.close(), ms);
  }

  /** Drops the present session or attempt; TEARDOWN goes out in the background. */
  private abandon(): void {
    this.generation++;
    clearTimeout(this.retryTimer);
    clearTimeout(this.lingerTimer);
    clearTimeout(this.keyframeTimer);
    const session = this.current?.session ?? this.opening;
    this.leave();
    this.outages.left();
    this.opening = undefined;
    if (session !== undefined)
      this.closing = Promise.all([this.closing, session.close()]).then(() => undefined);
  }

  /** What belonged to the session that is gone. */
  private leave(): void {
    this.ledger.settle(this.current?.session.statistics);
    this.current = undefined;
    this.playingSince = undefined;
    this.kept.clear();
    this.broken = this.torn = false;
    this.lost = 0;
    for (const seat of this.seats) seat.started = false;
  }

  private connect(): void {
    this.state = 'connecting';
    this.story = [];
    this.emit('connecting', { attempt: this.outages.attempts + 1 });
    void this.attempt(this.generation);
  }

  private async attempt(generation: number): Promise<void> {
    const release = await this.context.account.slots.acquire();
    try {
      // A session left open would take one of the few that an NVR gives.
      await this.closing;
      if (generation !== this.generation) return;
      this.settle(await this.open(generation), generation);
    } catch (error) {
      if (generation !== this.generation) return;
      this.opening = undefined;
      this.fail(
        error instanceof NvrError
          ? error
          : new NvrError('EPROTOCOL', 'The stream could not be opened.', { cause: error }),
      );
    } finally {
      release();
    }
  }

  private open(generation: number): Promise<OpenedSession> {
    const { settings, account, session, uri } = this.context;
    return openSession({
      ...session,
      uri,
      preference: preferenceOf(settings),
      memory: account.memory,
      gate: account.gate,
      requestTimeoutMs: settings.requestTimeout * 1000,
      silenceMs: settings.silence * 1000,
      onAttempt: (attempt) => {
        this.opening = attempt;
      },
      onUnit: (unit) => {
        if (generation === this.generation) this.onUnit(unit);
      },
      onLoss: (missing) => {
        if (generation === this.generation) this.lost += missing;
      },
      onWarning: (error) => {
        if (generation === this.generation)
          this.emit('warning', { code: error.code, reason: error.message, error });
      },
      onEnd: (end) => {
        if (generation === this.generation) this.onEnd(end);
      },
    });
  }

  private settle(opened: OpenedSession, generation: number): void {
    if (generation !== this.generation) {
      void opened.session.close();
      return;
    }
    this.opening = undefined;
    this.current = opened;
    this.state = 'playing';
    this.playingSince = Date.now();
    this.emit('playing', { transport: toldTransport(this.context.settings, opened.transport) });
    if (this.announced !== undefined) this.emit('format', formatFields(this.announced));
    this.expectKeyframe();
  }

  private onEnd(end: SessionEnd): void {
    const opened = this.current;
    this.generation++;
    this.leave();
    clearTimeout(this.keyframeTimer);
    const { settings, account } = this.context;
    const deadUdp = end.reason === 'silence' && end.withoutMedia && opened?.transport === 'udp';
    if (deadUdp && settings.transport !== 'udp' && account.memory.transport !== 'tcp') {
      // Row 21: nothing came over UDP. TCP is tried at once, and remembered.
      account.memory.transport = 'tcp';
      if (this.seats.size > 0) {
        this.emit('warning', {
          code: end.error.code,
          reason: 'No media came over UDP; trying TCP.',
          error: end.error,
        });
        this.connect();
        return;
      }
    }
    this.fail(end.error);
  }

  private fail(error: NvrError): void {
    clearTimeout(this.keyframeTimer);
    this.announced = undefined;
    if (this.seats.size === 0) {
      clearTimeout(this.lingerTimer);
      this.state = 'idle';
      this.story = [];
      return;
    }
    const { inMs, isLasting, attempt, isNews, breaks } = this.outages.failed(error.code, performance.now());
    const retryInMs = error.code === 'EAUTH' ? Math.max(inMs, this.context.account.gate.waitMs) : inMs;
    this.state = isLasting ? 'failed' : 'waiting';
    this.ledger.reconnects++;
    this.story = [];
    if (breaks !== undefined) this.tellFlapping(error, breaks);
    this.emit(isLasting ? 'error' : 'reconnecting', {
      code: error.code,
      reason: error.message,
      attempt,
      retryInMs,
      firstOfOutage: isNews,
      error,
    });
    this.retryTimer = setTimeout(() => {
      this.connect();
    }, retryInMs);
  }

  /** Once, whatever follows: a camera that comes and goes must not fill a mailbox. */
  private tellFlapping(last: NvrError, breaks: number): void {
    const reason = `The stream broke ${breaks} times within ${FLAPPING_MS / 60_000} min, the last time so: ${last.message} Its further breaks are told on the second output alone, until it has been calm for a while.`;
    this.emit('warning', {
      code: last.code,
      reason,
      breaks,
      firstOfOutage: true,
      error: new NvrError(last.code, reason, { cause: last }),
    });
  }

  private onUnit(unit: MediaUnit): void {
    this.outages.heard(unit.arrival);
    if (unit.kind === 'video') this.onVideo(unit);
    else for (const seat of this.seats) deliver(seat, unit);
  }

  private onVideo(unit: VideoUnit): void {
    if (unit.format !== this.format || this.announced === undefined) this.onFormat(unit.format);
    const opens = unit.keyframe && !unit.damaged;
    if (unit.damaged || this.lost > 0) this.onGap();
    if (opens) {
      this.broken = false;
      clearTimeout(this.keyframeTimer);
    } else if (this.broken && !this.fresh(unit)) {
      return;
    }
    if (!this.broken) this.kept.add(unit);
    for (const seat of this.seats) {
      seat.started ||= opens;
      if (seat.started) deliver(seat, unit);
    }
  }

  /** Told once for each run of losses up to the next keyframe. */
  private onGap(): void {
    const { lost } = this;
    this.lost = 0;
    if (this.broken) return;
    this.broken = true;
    this.torn = true;
    this.kept.clear();
    this.expectKeyframe();
    this.emit('gap', { lost, reason: 'Packets were lost; the stream goes on at the next keyframe.' });
  }

  /** The unit that the loss tore is handed on, flagged; what refers to it is not. */
  private fresh(unit: VideoUnit): boolean {
    const first = this.torn && unit.damaged;
    this.torn = false;
    return first;
  }

  private onFormat(format: VideoFormat): void {
    this.format = format;
    if (format.width === 0 && format.codec !== 'mjpeg') return;
    const before = this.announced;
    this.announced = format;
    const same =
      before?.codec === format.codec &&
      before.width === format.width &&
      before.height === format.height &&
      before.profile === format.profile &&
      before.frameRate === format.frameRate;
    if (!same && this.state === 'playing') this.emit('format', formatFields(format));
  }

  private expectKeyframe(): void {
    clearTimeout(this.keyframeTimer);
    this.keyframeTimer = setTimeout(() => {
      const seconds = KEYFRAME_WAIT_MS / 1000;
      const reason = `No keyframe came within ${seconds} s; set a shorter keyframe interval (GOP) on the camera.`;
      this.emit('warning', { code: 'ENOKEYFRAME', reason, error: new NvrError('ENOKEYFRAME', reason) });
    }, KEYFRAME_WAIT_MS);
  }

  private emit(type: HubEventWord, fields: Partial<HubEvent> = {}): void {
    const event: HubEvent = { ...fields, type, channel: this.channel, stream: this.stream, time: Date.now() };
    if (type === 'connecting' || type === 'playing' || type === 'reconnecting' || type === 'error')
      this.story.push(event);
    if (type === 'format') this.story = [...this.story.filter((told) => told.type !== 'format'), event];
    for (const seat of this.seats) tell(seat, event);
  }
}

function formatFields(format: VideoFormat): Partial<HubEvent> {
  return {
    codec: format.codec,
    width: format.width,
    height: format.height,
    ...(format.frameRate === undefined ? {} : { frameRate: format.frameRate }),
    ...(format.profile === undefined ? {} : { profile: format.profile }),
  };
}

/** One subscriber's fault must not reach the others, nor the socket's callback. */
function deliver(seat: Seat, unit: MediaUnit): void {
  try {
    seat.subscriber.onUnit?.(unit);
  } catch {
    // Subscribers promise not to throw; there is nobody here to tell.
  }
}

function tell(seat: Seat, event: HubEvent): void {
  try {
    seat.subscriber.onEvent?.(event);
  } catch {
    // As above.
  }
}
