// The health probe: how far a camera can be got at, stage by stage, how long it took, and what is wrong where it ends.

import { performance } from 'node:perf_hooks';
import { RtspConnection } from '../../client/connection.js';
import { loginRules } from '../../client/login.js';
import { USER_AGENT } from '../../client/describe.js';
import type { ServerOptions } from '../../client/session-options.js';
import { RtspSession } from '../../client/session.js';
import { errorOfReply } from '../../client/status.js';
import { isEntry } from '../../codec/entry.js';
import type { MediaUnit } from '../../codec/unit.js';
import { NvrError, type NvrErrorCode } from '../../errors.js';
import { Authenticator } from '../../rtsp/auth.js';
import type { LoginRules, LoginService } from '../../rtsp/login-rules.js';
import { parseSdp, type SessionDescription } from '../../rtsp/sdp.js';
import { requestUri, parseRtspUri } from '../../rtsp/uri.js';
import { byteString, printable } from '../../text.js';
import type { Account } from '../account.js';
import type { Hub } from '../camera/hub.js';
import { lossPercent, whyNoKeyframe } from '../camera/no-keyframe.js';
import { ServerClock } from './server-clock.js';
import type { HubEvent, NvrSettings } from '../types.js';

/** What a probe goes through, in this order: TCP connect, OPTIONS, DESCRIBE, a keyframe, a request in the running session. */
export const DEPTHS = ['reach', 'rtsp', 'auth', 'media', 'session'] as const;
export type Depth = (typeof DEPTHS)[number];

export type HealthState = 'up' | 'degraded' | 'down';

/** Flat, as `msg.health`. Durations in ms with one decimal, times in epoch ms. What was not measured is absent. */
export interface Health {
  state: HealthState;
  /** The stage that failed; the last one passed where none did. */
  stage: Depth;
  code?: NvrErrorCode;
  reason?: string;
  rttMs?: number;
  connectMs?: number;
  describeMs?: number;
  keyframeMs?: number;
  codec?: string;
  width?: number;
  height?: number;
  fps?: number;
  bitrateKbps?: number;
  lossPercent?: number;
  /** The NVR's clock against this machine's; positive: it is ahead. */
  clockOffsetMs?: number;
  checkedAt: number;
}

export interface HealthContext {
  readonly settings: NvrSettings;
  readonly account: Account;
  readonly session: ServerOptions;
  /** The URI of the live stream. */
  uriOf(channel: number, stream: string): string;
  hub(channel: number, stream: string): Hub;
}

export interface ProbeOptions {
  /** A result of another's probe may be this old, ms; 0: only one still under way is shared. */
  freshMs?: number;
  /** Told of each stage as it passes, with what is known so far. Such a probe is shared with nobody. */
  onStage?: (stage: Depth, known: Partial<Health>) => void;
  /** The session that the probe has opened stays for the NVR's linger, for the next to use. */
  linger?: boolean;
}

/** A clock further off than this, ms, is told as ECLOCK. */
const CLOCK_LIMIT_MS = 10_000;
/** A stream that loses as much as this is degraded. */
const LOSS_LIMIT_PERCENT = 0.5;
/** A keyframe may take this many times the request time-out: cameras send one every few seconds. */
const KEYFRAME_FACTOR = 1.5;

/** A server needs a moment to notice that a connection has ended; only then is its place free. */
const GOODBYE_MS = 25;

type Known = Partial<Health>;
type OnStage = (stage: Depth, known: Known) => void;

/** An error and the stage it ended. */
class StageError extends Error {
  constructor(
    readonly stage: Depth,
    readonly error: NvrError,
  ) {
    super(error.message);
  }
}

export class HealthProbes {
  /** 0..1: where in an interval this NVR's checks lie, so that NVRs take turns and the nodes of one meet. */
  readonly phase = Math.random();
  private readonly running = new Map<string, Promise<Health>>();
  private readonly recent = new Map<string, { at: number; health: Health }>();
  private readonly counted = new Map<string, { packets: number; lost: number }>();
  private readonly connections = new Set<RtspConnection>();
  private readonly clock: ServerClock;
  /** The last failure that is the host's and no camera's. */
  private hostFailure: { at: number; failure: StageError } | undefined;
  private closed = false;

  constructor(private readonly context: HealthContext) {
    this.clock = new ServerClock(context.settings);
  }

  /**
   * Checks a camera down to `depth`; never rejects but with EINPUT for a channel or stream that cannot be. Ends within the
   * request time-out, and 1.5 times as much again where a keyframe is waited for; waiting for one of the 4 places comes on top.
   */
  probe(channel: number, stream: string, depth: Depth, options: ProbeOptions = {}): Promise<Health> {
    if (options.onStage !== undefined) return this.run(channel, stream, depth, options);
    const key = `${channel}/${stream}/${depth}`;
    const known = this.recent.get(key);
    if (known !== undefined && performance.now() - known.at < (options.freshMs ?? 0))
      return Promise.resolve(known.health);
    const running = this.running.get(key);
    if (running !== undefined) return running;
    const probe = this.run(channel, stream, depth, options)
      .then((health) => {
        if (this.recent.size > 1000) this.recent.clear();
        this.recent.set(key, { at: performance.now(), health });
        return health;
      })
      .finally(() => this.running.delete(key));
    this.running.set(key, probe);
    return probe;
  }

  /**
   * The channels that the NVR describes, from 1: eight at a time, until eight in a row do not exist; 128 at most. Empty
   * where it has none; rejects with the NvrError that keeps it from telling.
   */
  async channels(stream: string): Promise<number[]> {
    const found: number[] = [];
    for (let first = 1; first <= 128; first += 8) {
      const eight = Array.from({ length: 8 }, (_, index) => first + index);
      const answers = await Promise.all(eight.map((channel) => this.probe(channel, stream, 'auth')));
      const there = eight.filter((_, index) => answers[index]!.state !== 'down');
      found.push(...there);
      const trouble = answers.find(({ state, code }) => state === 'down' && code !== 'ECHANNEL');
      if (there.length === 0 && trouble !== undefined)
        throw new NvrError(trouble.code ?? 'EUNREACHABLE', trouble.reason ?? 'The NVR cannot be asked.');
      if (there.length === 0) break;
    }
    return found;
  }

  /** Ends what is under way. */
  close(): void {
    this.closed = true;
    for (const connection of this.connections) connection.destroy();
  }

  private async run(channel: number, stream: string, depth: Depth, options: ProbeOptions): Promise<Health> {
    const known: Known = {};
    const hub = this.context.hub(channel, stream);
    const asked = performance.now();
    const onStage: OnStage = (stage) => options.onStage?.(stage, { ...known });
    try {
      if (!(await this.fromHub(hub, depth, known, onStage))) {
        const release = await this.context.account.probes.acquire();
        try {
          if (this.hostFailure !== undefined && this.hostFailure.at >= asked) throw this.hostFailure.failure;
          await this.stages(hub, channel, stream, depth, known, onStage, options.linger ?? false);
        } finally {
          void goodbye().then(release);
        }
      }
      if (known.clockOffsetMs === undefined && reaches(depth, 'auth')) {
        const offset = await this.clock.offset();
        if (offset !== undefined) known.clockOffsetMs = offset;
      }
      return judge(known, depth);
    } catch (error) {
      const failure = error instanceof StageError ? error : new StageError('reach', asNvrError(error));
      if (failure.stage === 'reach' || failure.stage === 'rtsp')
        this.hostFailure = { at: performance.now(), failure };
      const { code, message } = failure.error;
      return clean({
        ...known,
        state: 'down',
        stage: failure.stage,
        code,
        reason: message,
        checkedAt: Date.now(),
      });
    }
  }

  /** Answers from a session that plays, or is about to: no new connection, no log-in in the NVR's books. false: there is none. */
  private async fromHub(hub: Hub, depth: Depth, known: Known, onStage: OnStage): Promise<boolean> {
    if (hub.statistics.state === 'connecting') {
      const came = await this.watch(hub, 'playing').catch(() => undefined);
      if (came === undefined) return false;
    }
    if (hub.statistics.state !== 'playing') return false;
    try {
      known.rttMs = tenths(await hub.ping());
    } catch (error) {
      const failure = asNvrError(error);
      // It has ended meanwhile.
      if (failure.code === 'EUNREACHABLE') return false;
      throw new StageError('session', failure);
    }
    for (const stage of ['reach', 'rtsp', 'auth'] as const) if (reaches(depth, stage)) onStage(stage, known);
    if (reaches(depth, 'media')) await this.keyframe(hub, known, onStage);
    if (depth === 'session') onStage('session', known);
    this.describeHub(hub, known);
    return true;
  }

  private async stages(
    hub: Hub,
    channel: number,
    stream: string,
    depth: Depth,
    known: Known,
    onStage: OnStage,
    linger: boolean,
  ): Promise<void> {
    const release = await this.context.account.slots.acquire();
    try {
      await this.describe(this.context.uriOf(channel, stream), depth, known, onStage);
    } finally {
      release();
    }
    if (!reaches(depth, 'media')) return;
    await goodbye();
    const { state } = hub.statistics;
    // The camera answers again: its other users need not wait for their next try.
    if (state === 'waiting' || state === 'failed') hub.restart();
    try {
      await this.keyframe(hub, known, onStage);
      this.describeHub(hub, known);
      if (depth === 'session') {
        known.rttMs = tenths(await hub.ping().catch((error: unknown) => fail('session', error)));
        onStage('session', known);
      }
    } finally {
      if (state === 'idle' && !linger) await hub.endUnused();
    }
  }

  /** Reach, rtsp and auth over a connection of its own. */
  private async describe(given: string, depth: Depth, known: Known, onStage: OnStage): Promise<void> {
    const { settings, account, session } = this.context;
    const uriGiven = parseRtspUri(given);
    const target = { ...uriGiven, path: byteString(uriGiven.path) };
    const tls = target.tls ? (session.tls ?? {}) : undefined;
    const rules = (service: LoginService): LoginRules =>
      loginRules(service, account.memory.login, tls, session.allowBasic);
    const uri = requestUri(target);
    const ms = settings.requestTimeout * 1000;
    const begun = performance.now();
    const rest = (): number => Math.max(1, begun + ms - performance.now());
    const authenticator =
      session.credentials === undefined || !reaches(depth, 'auth')
        ? undefined
        : new Authenticator(session.credentials, { rules: rules('rtsp') });
    let stage = 'reach' as Depth;
    let connection: RtspConnection | undefined;
    let isOver = false;
    const leave = (): void => {
      isOver = true;
      if (connection === undefined) return;
      this.connections.delete(connection);
      connection.destroy();
    };
    const walk = async (): Promise<void> => {
      connection = await RtspConnection.open({
        host: target.host,
        port: target.port,
        path: target.path,
        credentials: session.credentials,
        rules: rules('http'),
        tls,
        timeoutMs: ms,
        userAgent: USER_AGENT,
        authenticator,
        gate: account.gate,
        memory: account.memory,
        logger: session.logger,
        // To reach is to connect: a tunnel may want a log-in.
        ...(session.openPipe === undefined || depth === 'reach' ? {} : { open: session.openPipe }),
        isChannelInUse: () => false,
        onPacket: () => undefined,
        onServerRequest: () => undefined,
        onClose: () => undefined,
      });
      this.connections.add(connection);
      if (isOver) {
        leave();
        return;
      }
      if (this.closed) throw new NvrError('EUNREACHABLE', 'The NVR has been closed.');
      known.connectMs = known.rttMs = tenths(performance.now() - begun);
      onStage(stage, known);
      if (depth === 'reach') return;

      stage = 'rtsp';
      const options = await connection.request('OPTIONS', uri, {}, rest());
      known.rttMs = tenths(connection.rttMs ?? 0);
      onStage(stage, known);
      if (depth === 'rtsp') return;

      stage = 'auth';
      if (options.status === 401 || options.status === 403) throw errorOfReply(options, 'OPTIONS');
      const asked = performance.now();
      const reply = await connection.request('DESCRIBE', uri, { Accept: 'application/sdp' }, rest());
      let description: SessionDescription;
      if (reply.status >= 300 && reply.status < 400 && reply.headers.has('Location')) {
        connection.destroy();
        description = await this.follow(given, rest());
      } else {
        if (reply.status !== 200) throw errorOfReply(reply, 'DESCRIBE');
        description = parseSdp(reply.body.toString('latin1'));
      }
      known.describeMs = tenths(performance.now() - asked);
      readDescription(description, known);
      onStage(stage, known);
    };
    try {
      await within(walk(), ms, `The NVR did not answer within ${settings.requestTimeout} s.`);
    } catch (error) {
      const code = error instanceof NvrError ? error.code : undefined;
      // OPTIONS may ask for the log-in already.
      if (code === 'EAUTH' || code === 'EFORBIDDEN' || (error instanceof NvrError && error.status === 401))
        stage = 'auth';
      // It was reached, and refuses the tunnel.
      else if (code === 'EUNSUPPORTED' && stage === 'reach') stage = 'rtsp';
      fail(stage, error);
    } finally {
      // One that opens after the time-out is closed as well.
      leave();
    }
  }

  /** A server that sends us elsewhere: the session knows how to follow. */
  private follow(uri: string, requestTimeoutMs: number): Promise<SessionDescription> {
    const { account, session } = this.context;
    return new RtspSession({
      ...session,
      uri,
      transport: 'tcp',
      memory: account.memory,
      gate: account.gate,
      requestTimeoutMs,
      onUnit: () => undefined,
      onEnd: () => undefined,
    }).describeOnly();
  }

  private async keyframe(hub: Hub, known: Known, onStage: OnStage): Promise<void> {
    const begun = performance.now();
    try {
      const last = hub.gop.at(-1);
      const isLive = last !== undefined && begun - last.arrival < this.context.settings.silence * 1000;
      if (!isLive) await this.watch(hub, 'keyframe');
    } catch (error) {
      fail('media', error);
    }
    known.keyframeMs = tenths(performance.now() - begun);
    this.describeHub(hub, known);
    onStage('media', known);
  }

  /** Joins the hub until it plays, or has a whole keyframe. Rejects with what ends it, ETIMEDOUT or ENOKEYFRAME. */
  private watch(hub: Hub, awaited: 'playing' | 'keyframe'): Promise<true> {
    const seconds = this.context.settings.requestTimeout * KEYFRAME_FACTOR;
    const before = hub.statistics;
    let leave = (): void => undefined;
    return new Promise<true>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(
          hub.statistics.packets > before.packets
            ? new NvrError(
                'ENOKEYFRAME',
                `Video came, but no whole keyframe within ${seconds} s: ${whyNoKeyframe(before, hub.statistics)}`,
              )
            : new NvrError('ETIMEDOUT', `No video came within ${seconds} s.`),
        );
      }, seconds * 1000);
      const subscription = hub.subscribe({
        onUnit: (unit: MediaUnit) => {
          if (unit.kind === 'video' && isEntry(unit)) resolve(true);
        },
        onEvent: (event: HubEvent) => {
          if (event.type === 'playing' && awaited === 'playing') resolve(true);
          else if (event.type === 'error' || event.type === 'reconnecting')
            reject(
              event.error ??
                new NvrError(event.code ?? 'EUNREACHABLE', event.reason ?? 'The stream has failed.'),
            );
          else if (event.type === 'stopped')
            reject(new NvrError('EUNREACHABLE', 'The NVR was closed during the check.'));
        },
      });
      leave = () => {
        clearTimeout(timer);
        subscription.unsubscribe();
      };
    }).finally(() => {
      leave();
    });
  }

  /** What the running session knows: picture, rates, losses since the last check, the clock. */
  private describeHub(hub: Hub, known: Known): void {
    const { format, statistics, gop, description } = hub;
    // It may have begun to play this moment.
    if (format === undefined && description !== undefined) readDescription(description, known);
    if (format !== undefined) {
      known.codec = format.codec;
      if (format.width > 0) Object.assign(known, { width: format.width, height: format.height });
    }
    const fps = statistics.fps > 0 ? statistics.fps : (format?.frameRate ?? known.fps);
    if (fps !== undefined) known.fps = tenths(fps);
    if (statistics.bitrateKbps > 0) known.bitrateKbps = Math.round(statistics.bitrateKbps);
    const claimed = [...gop]
      .reverse()
      .find(({ timeSource, captureTime }) => timeSource === 'sr' && captureTime !== undefined);
    if (claimed?.captureTime !== undefined) known.clockOffsetMs = claimed.captureTime - claimed.time;
    const key = `${hub.channel}/${hub.stream}`;
    const before = this.counted.get(key) ?? { packets: 0, lost: 0 };
    // A check that looks twice counts from the one before it all the same.
    if (known.lossPercent !== undefined) return;
    if (statistics.packets + statistics.lost > before.packets + before.lost)
      known.lossPercent = lossPercent(before, statistics);
    this.counted.set(key, { packets: statistics.packets, lost: statistics.lost });
  }
}

function judge(known: Known, depth: Depth): Health {
  const offset = known.clockOffsetMs ?? 0;
  const checkedAt = Date.now();
  if (Math.abs(offset) > CLOCK_LIMIT_MS) {
    const seconds = Math.round(Math.abs(offset) / 1000);
    const reason = `The NVR's clock is ${seconds} s ${offset > 0 ? 'ahead of' : 'behind'} this machine's; set both by NTP.`;
    return clean({ ...known, state: 'degraded', stage: depth, code: 'ECLOCK', reason, checkedAt });
  }
  const { lossPercent = 0 } = known;
  if (lossPercent >= LOSS_LIMIT_PERCENT) {
    const reason = `${lossPercent} % of the packets were lost on the way since the last check; check the network.`;
    return clean({ ...known, state: 'degraded', stage: depth, reason, checkedAt });
  }
  return clean({ ...known, state: 'up', stage: depth, checkedAt });
}

/** The timer may be late, and the end of the connection unread yet: one more round of the event loop. */
function goodbye(): Promise<void> {
  return new Promise((resolve) => setTimeout(() => setImmediate(resolve), GOODBYE_MS));
}

function reaches(depth: Depth, stage: Depth): boolean {
  return DEPTHS.indexOf(depth) >= DEPTHS.indexOf(stage);
}

function readDescription(description: SessionDescription, known: Known): void {
  const video = description.media.find(({ type }) => type === 'video');
  const encoding = video?.payloads[0]?.encoding;
  if (encoding !== undefined)
    known.codec = encoding === 'JPEG' ? 'mjpeg' : printable(encoding.toLowerCase(), 40);
  if (video?.frameRate !== undefined) known.fps = tenths(video.frameRate);
}

function fail(stage: Depth, error: unknown): never {
  throw error instanceof StageError ? error : new StageError(stage, asNvrError(error));
}

function asNvrError(error: unknown): NvrError {
  return error instanceof NvrError
    ? error
    : new NvrError('EPROTOCOL', 'The check could not be made.', { cause: error });
}

async function within<T>(work: Promise<T>, ms: number, message: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new NvrError('ETIMEDOUT', message));
    }, ms + 50);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}

/** One decimal; never 0, which a flow would take for no. */
function tenths(value: number): number {
  return Math.max(0.1, Math.round(value * 10) / 10);
}

/** Without what was not measured: an undefined property shows in a debug node. */
function clean(health: Health): Health {
  return Object.fromEntries(
    Object.entries(health).filter(([, value]) => value !== undefined),
  ) as unknown as Health;
}
