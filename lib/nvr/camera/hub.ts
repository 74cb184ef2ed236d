// The camera hub: one RTSP session per camera and stream, shared by its users, kept alive through outages.

import { performance } from 'node:perf_hooks';
import { LIVE_SHARE } from '../../client/read-pace.js';
import { openSession } from '../../client/open-session.js';
import type { ServerOptions } from '../../client/session-options.js';
import type { RtspSession, SessionEnd, SessionOptions } from '../../client/session.js';
import { isEntry, Recovery } from '../../codec/entry.js';
import type { MediaUnit, VideoFormat, VideoUnit } from '../../codec/unit.js';
import { asNvrError, NvrError } from '../../errors.js';
import type { UnitMemory } from '../../media/unit-memory.js';
import type { SessionDescription } from '../../rtsp/sdp.js';
import type { Account } from '../account.js';
import { GopStore } from './gop-store.js';
import { Ledger } from './ledger.js';
import { LossRun } from './loss-run.js';
import { MissingSets } from './missing-sets.js';
import { whyNoKeyframe, type Count } from './no-keyframe.js';
import { FLAPPING_MS, Outages } from './outages.js';
import { SessionSlot } from '../session-slot.js';
import { mayLeaveUdp, transportsOf, whyOnUdp } from '../transport.js';
import type {
  CameraHub,
  HubEvent,
  HubEventWord,
  HubSubscriber,
  HubSubscription,
  NvrSettings,
  StreamStatistics,
} from '../types.js';

export interface HubContext {
  readonly settings: NvrSettings;
  readonly account: Account;
  /** What every session of this NVR has in common. */
  readonly session: ServerOptions & Pick<SessionOptions, 'extras'>;
  readonly memory: UnitMemory;
  /** Asked as a first user comes: what is to be told of the number of cameras in use. */
  readonly crowded?: () => NvrError | undefined;
  readonly uri: string;
  readonly channel: number;
  readonly stream: string;
}

type State = 'idle' | 'connecting' | 'playing' | 'waiting' | 'failed';

/** A subscriber and where it stands: it gets no video before the first unit that it can begin at. */
interface Seat {
  readonly subscriber: HubSubscriber;
  started: boolean;
  /** It began at a recovery point that the stream itself had no need of. */
  recovery?: Recovery | undefined;
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
  private readonly slot: SessionSlot<RtspSession>;
  private retryTimer: NodeJS.Timeout | undefined;
  private lingerTimer: NodeJS.Timeout | undefined;
  private keyframeTimer: NodeJS.Timeout | undefined;
  private playingSince: number | undefined;
  private losses = new LossRun();
  private missingSets = new MissingSets();
  /** The stream begins at recovery points, and had no keyframe yet. */
  private refreshes = false;
  private announced: VideoFormat | undefined;
  /** What a newcomer is told. */
  private story: HubEvent[] = [];
  private toldLossy = false;

  constructor(private readonly context: HubContext) {
    this.slot = new SessionSlot(context.account.slots);
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

  /** What the server says of the stream that plays. */
  get description(): SessionDescription | undefined {
    return this.slot.session?.description;
  }

  /** It has a session, or is on its way to one. */
  get isBusy(): boolean {
    return this.state !== 'idle' || this.seats.size > 0;
  }

  get isUsed(): boolean {
    return this.seats.size > 0;
  }

  get statistics(): StreamStatistics {
    const { session } = this.slot;
    return {
      ...this.ledger.total(session?.statistics),
      state: this.state,
      subscribers: this.seats.size,
      ...(session === undefined ? {} : { transport: session.transport.name }),
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
    if (subscriber.fromKept === true) this.catchUp(seat);
    if (this.state === 'idle') {
      this.connect();
      const crowded = this.context.crowded?.();
      if (crowded !== undefined)
        this.emit('warning', { code: crowded.code, reason: crowded.message, error: crowded });
    }
    return {
      unsubscribe: () => {
        if (this.seats.delete(seat) && this.seats.size === 0) this.linger();
      },
    };
  }

  /** The kept GOP first: a player shows it at once, and goes on from it where it is whole. */
  private catchUp(seat: Seat): void {
    for (const unit of this.kept.units) deliver(seat, unit);
    seat.started = this.kept.isWhole;
  }

  restart(): void {
    if (this.seats.size === 0) return;
    this.abandon();
    this.outages.reset();
    this.connect();
  }

  /** One request in the running session. Resolves to its round trip in ms; rejects with EUNREACHABLE while none plays. */
  async ping(): Promise<number> {
    const { session } = this.slot;
    if (session === undefined) throw new NvrError('EUNREACHABLE', 'The camera’s session does not play.');
    return session.ping();
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
    clearTimeout(this.keyframeTimer);
    this.leave();
    this.outages.left();
  }

  /** What belonged to the session that is gone. */
  private leave(): void {
    this.ledger.settle(this.slot.session?.statistics);
    this.slot.leave();
    this.playingSince = undefined;
    this.kept.clear();
    this.losses = new LossRun();
    this.missingSets = new MissingSets();
    this.refreshes = false;
    for (const seat of this.seats) {
      seat.started = false;
      seat.recovery = undefined;
    }
  }

  private connect(): void {
    this.state = 'connecting';
    this.story = [];
    this.emit('connecting', { attempt: this.outages.attempts + 1 });
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
    const { settings, account, session, uri } = this.context;
    return openSession(uri, {
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
        this.losses.lose(missing);
      },
      onLossy: (percent) => {
        this.onLossy(percent);
      },
      onWarning: (error) => {
        this.emit('warning', { code: error.code, reason: error.message, error });
      },
      onEnd: (end) => {
        this.onEnd(end);
      },
    });
  }

  private onPlaying(session: RtspSession): void {
    this.state = 'playing';
    this.playingSince = Date.now();
    this.emit('playing', { transport: session.transport.name });
    if (this.announced !== undefined) this.emit('format', formatFields(this.announced));
    this.expectKeyframe();
  }

  private onEnd(end: SessionEnd): void {
    const overUdp = this.slot.session?.transport.lower === 'udp';
    this.leave();
    clearTimeout(this.keyframeTimer);
    const { settings, account } = this.context;
    const deadUdp = end.reason === 'silence' && end.withoutMedia && overUdp;
    if (deadUdp && mayLeaveUdp(settings, account.memory)) {
      // Row 21: nothing came over UDP. TCP is tried at once, and remembered.
      account.memory.learn('transport', 'tcp');
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

  /** UDP loses too much, for too long: TCP is tried and remembered, where that may be; what is done is told once. */
  private onLossy(percent: number): void {
    const { settings, account } = this.context;
    const leaves = settings.transport === 'udp-first' && mayLeaveUdp(settings, account.memory);
    const isNews = !this.toldLossy && account.memory.transport !== 'tcp';
    if (leaves || !this.toldLossy) {
      const reason = `${percent} % of the packets were lost over UDP within the last minute; ${leaves ? 'going over to TCP' : whyOnUdp(settings)}.`;
      const error = new NvrError('ETIMEDOUT', reason);
      this.emit('warning', { code: error.code, reason, firstOfOutage: isNews, error });
    }
    this.toldLossy = true;
    if (!leaves) return;
    account.memory.learn('transport', 'tcp');
    this.abandon();
    this.connect();
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
    const bare = this.missingSets.look(unit);
    if (bare !== undefined) this.emit('warning', { code: bare.code, reason: bare.message, error: bare });
    const lost = this.losses.look(unit);
    if (lost !== undefined)
      this.emit('gap', {
        lost,
        reason: 'Packets were lost; it may show in the picture until the next keyframe.',
      });
    if (this.losses.began && !this.refreshes) this.expectKeyframe();
    this.lookForKeyframe(unit);
    const plain = withoutCuts(unit);
    if (plain !== undefined) this.kept.add(plain);
    const full = withCuts(unit);
    for (const seat of this.seats) this.hand(seat, unit, seat.subscriber.cutSlices === true ? full : plain);
  }

  private lookForKeyframe(unit: VideoUnit): void {
    if (!isEntry(unit)) return;
    this.refreshes = !unit.keyframe;
    if (unit.keyframe && !unit.damaged) clearTimeout(this.keyframeTimer);
  }

  /** `given`: the unit as this subscriber wants it; undefined: nothing of it is for him. */
  private hand(seat: Seat, unit: VideoUnit, given: VideoUnit | undefined): void {
    if (!seat.started) {
      // For a file, a damaged keyframe is better than a hole.
      if (!isEntry(unit) && !(unit.keyframe && seat.subscriber.cutSlices === true)) return;
      seat.started = true;
      if (!unit.keyframe) seat.recovery = new Recovery(unit.recoveryFrames ?? 0);
    }
    if (given === undefined || (seat.subscriber.onLoss === 'skip' && this.losses.skips)) return;
    if (seat.recovery !== undefined && (unit.keyframe || !seat.recovery.take(unit)))
      seat.recovery = undefined;
    const isPartial = seat.recovery !== undefined && given.reference === undefined;
    deliver(seat, isPartial ? { ...given, reference: 'lost' } : given);
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
    // Asked with every loss: the whole of the statistics would be too much.
    const before = this.count;
    this.keyframeTimer = setTimeout(() => {
      const mismatch = this.slot.session?.payloadMismatch;
      const why = mismatch?.message ?? whyNoKeyframe(before, this.count, this.refreshes);
      const reason = `No whole keyframe came within ${KEYFRAME_WAIT_MS / 1000} s: ${why}`;
      this.emit('warning', { code: 'ENOKEYFRAME', reason, error: new NvrError('ENOKEYFRAME', reason) });
    }, KEYFRAME_WAIT_MS);
  }

  /** Of the present session. */
  private get count(): Count & { transport?: string } {
    const { session } = this.slot;
    if (session === undefined) return { packets: 0, lost: 0 };
    return { ...session.count, transport: session.transport.name };
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

/** What of a unit goes to those who want whole NAL units alone. */
function withoutCuts(unit: VideoUnit): VideoUnit | undefined {
  if (unit.cut === undefined) return unit;
  const { cut: _cut, ...plain } = unit;
  return plain.data.length === 0 ? undefined : plain;
}

function withCuts(unit: VideoUnit): VideoUnit {
  if (unit.cut === undefined) return unit;
  const { cut, ...plain } = unit;
  return { ...plain, ...cut };
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
