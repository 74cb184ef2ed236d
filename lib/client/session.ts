// One RTSP session over one transport: OPTIONS -> DESCRIBE -> SETUP -> PLAY -> keep-alive -> TEARDOWN.

import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { ReadWindow } from '../codec/read-window.js';
import { NvrError } from '../errors.js';
import { LIMITS } from '../limits.js';
import { guarded } from '../guard.js';
import { silentLogger } from '../log.js';
import { SessionClock } from '../rtp/session-clock.js';
import { formatTransport } from '../rtsp/headers.js';
import type { SessionDescription } from '../rtsp/sdp.js';
import { holdAccount } from '../secrets.js';
import { ChannelTable } from './transport/channels.js';
import type { ConnectionListener, RtspConnection } from './connection.js';
import { describe, type Described } from './describe.js';
import { KeepAlive } from './keep-alive.js';
import { learnFromEnd, learnFromMedia } from './learning.js';
import { LossWatch } from './loss-watch.js';
import { selectTracks, type TrackChoice } from './select-tracks.js';
import {
  readPlayReply,
  rtpInfoOf,
  type EndReason,
  type PlayReply,
  type SessionEnd,
  type SessionOptions,
} from './session-options.js';
import { ReadPace } from './read-pace.js';
import { requestSetup } from './setup.js';
import { RateMeter, type SessionStatistics } from './statistics.js';
import { errorOfReply } from './status.js';
import { Track } from './track.js';
import { openTransport, type TrackTransport } from './transport/track-transport.js';
import { Watchdog } from './watchdog.js';

export type { EndReason, PlayReply, SessionEnd, SessionOptions } from './session-options.js';

interface SetUpTrack {
  /** What RTP-Info may call it. */
  readonly uri: string;
  readonly payloadType: number;
  /** What comes of it goes nowhere otherwise. */
  readonly isWanted: boolean;
  readonly track: Track;
  readonly transport: TrackTransport;
}

type EarlyEnd = Pick<SessionEnd, 'reason' | 'error'>;

const TICK_MS = 1_000;
const REPORT_MS = 5_000;
/** The slices of one picture come closer together than this. */
const SETTLE_MS = 30;
const TEARDOWN_MS = 1_000;

export class RtspSession {
  playReply: PlayReply = { rtpInfo: [] };

  private connection: RtspConnection | undefined;
  private readonly tracks: SetUpTrack[] = [];
  private readonly channels = new ChannelTable();
  private sessionId: string | undefined;
  private sessionTimeoutSeconds = 60;
  private described: Described | undefined;
  /** Tracks that the server describes and that are not set up. */
  private leftOut = 0;
  /** A SETUP under way: its reply may bring a session that must be torn down. */
  private settingUp: Promise<unknown> | undefined;
  /** How the session ended before it was known to play. */
  private earlyEnd: EarlyEnd | undefined;
  private keepAlive: KeepAlive | undefined;
  private state: 'new' | 'opening' | 'playing' | 'ended' = 'new';
  private forgetAccount = (): void => undefined;
  private farewell: NodeJS.Timeout | undefined;
  private settling: NodeJS.Timeout | undefined;
  private dismantled: Promise<void> | undefined;
  private ticker: NodeJS.Timeout | undefined;
  private lastReportAt = 0;
  private playedAt = 0;
  private readonly window = new ReadWindow();
  private readonly meter = new RateMeter();
  private readonly clock = new SessionClock(Date.now() - performance.now());
  private readonly watchdog: Watchdog;
  private readonly losses = new LossWatch();
  private readonly pace: ReadPace;
  private isSlow = false;
  /** The user reads nothing: silence is no news. */
  private isPaused = false;
  private readonly ssrc = randomBytes(4).readUInt32BE(0);
  private readonly cname = randomBytes(8).toString('hex');

  constructor(private readonly options: SessionOptions) {
    this.watchdog = new Watchdog(options);
    this.pace = new ReadPace(options.readShare);
  }

  /**
   * Connects, describes, sets up and plays. Rejects with an NvrError that names the cause; everything is closed then.
   * Media may come before it resolves: some servers send RTP before PLAY's reply (row 13).
   */
  async open(): Promise<void> {
    try {
      this.begin();
      const described = await this.describe();
      if (described.isTls && this.isUdp) throw plainUdp();
      const { tracks, others, refused } = selectTracks(described.description, this.options);
      for (const choice of tracks) {
        const isFirst = this.tracks.length === 0;
        await this.setup(described, choice, true).catch((error: unknown) => {
          if (isFirst || !described.connection.isOpen || !(error instanceof NvrError)) throw error;
          this.options.onWarning?.(error);
        });
      }
      if (this.options.memory.recall('tracks') === 'all')
        for (const choice of others) await this.setup(described, choice, false).catch(() => undefined);
      this.leftOut = tracks.length + others.length - this.tracks.length;
      await this.play(described);
      for (const error of refused) this.options.onWarning?.(error);
    } catch (error) {
      await this.close();
      throw error instanceof NvrError
        ? error
        : new NvrError('EPROTOCOL', 'The session could not be opened.', { cause: error });
    }
  }

  /** OPTIONS and DESCRIBE alone, as a probe; closes again. Rejects as `open` does. */
  async describeOnly(): Promise<SessionDescription> {
    try {
      this.begin();
      return (await this.describe()).description;
    } finally {
      await this.close();
    }
  }

  /** TEARDOWN, at most 1 s for its reply, then the connection is closed (row 20). Idempotent; never rejects. */
  close(): Promise<void> {
    this.state = 'ended';
    return (this.dismantled ??= this.dismantle());
  }

  /** One request in the session, as a ping. Resolves to its round trip in ms. */
  async ping(): Promise<number> {
    const { described } = this;
    if (described === undefined || this.state !== 'playing')
      throw new NvrError('EUNREACHABLE', 'The session does not play.');
    const method = this.keepAlive?.policy === 'get-parameter' ? 'GET_PARAMETER' : 'OPTIONS';
    await described.connection.request(method, described.baseUri, this.sessionHeader());
    return described.connection.rttMs ?? 0;
  }

  /** Stops and resumes reading: over TCP the server then feels back-pressure. */
  pauseReading(): void {
    this.isPaused = true;
    this.connection?.pause();
  }

  resumeReading(): void {
    this.isPaused = false;
    this.watchdog.begin(performance.now());
    this.connection?.resume();
  }

  get description(): SessionDescription | undefined {
    return this.described?.description;
  }

  /** The server was reached over TLS, by its URI or a redirect. */
  get isTls(): boolean {
    return this.described?.isTls === true;
  }

  /** Packets that came, and that did not: two of the statistics, for who asks with every loss. */
  get count(): Pick<SessionStatistics, 'packets' | 'lost'> {
    const sum = { packets: 0, lost: 0 };
    for (const { track, isWanted } of this.tracks) {
      if (!isWanted) continue;
      sum.packets += track.receiver.packets;
      sum.lost += track.receiver.lost;
    }
    return sum;
  }

  get statistics(): SessionStatistics {
    return this.meter.statistics(this.wantedTracks(), this.connection?.rttMs);
  }

  private begin(): void {
    if (this.isOver()) throw closedMeanwhile();
    this.state = 'opening';
    const known = this.options.memory.toString();
    if (known !== '') this.log(`known of this server: ${known}`);
  }

  private async describe(): Promise<Described> {
    return (this.described = await describe({
      onAccount: (account) => {
        this.forgetAccount = holdAccount(account);
      },
      options: this.options,
      listener: this.listener,
      adopt: (connection) => {
        if (this.isOver()) {
          connection.destroy();
          throw closedMeanwhile();
        }
        this.connection = connection;
      },
    }));
  }

  private get listener(): ConnectionListener {
    return {
      pace: this.pace,
      isChannelInUse: (channel) => this.channels.isInUse(channel),
      onReadStart: (buffer, length, arrival) => {
        this.window.open(buffer, length, arrival);
      },
      onPacket: (channel, buffer, start, end) => {
        this.channels.take(channel, buffer, start, end, this.window.arrival ?? 0);
      },
      onRead: () => {
        this.watchHeldUnits();
      },
      onSlow: () => {
        this.onSlow();
      },
      onServerRequest: ({ method }) => {
        const reason = method === 'REDIRECT' ? 'redirect' : 'teardown';
        this.end(reason, new NvrError('EUNREACHABLE', `The server ended the session (${method}).`));
      },
      onClose: (error) => {
        if (error === undefined)
          this.end('eof', new NvrError('EUNREACHABLE', 'The server closed the connection.'));
        else this.end('error', error);
      },
    };
  }

  /** Told once: what comes by TCP waits at the server, what comes by UDP is lost. */
  private onSlow(): void {
    if (this.isSlow) return;
    this.isSlow = true;
    const done = this.isUdp ? 'the rest is dropped' : 'it is read more slowly';
    this.options.onWarning?.(
      new NvrError(
        'EOVERLOAD',
        `More comes from the camera than one of them may take of this machine: ${done}.`,
      ),
    );
  }

  private async setup(described: Described, choice: TrackChoice, isWanted: boolean): Promise<void> {
    const isVideo = isWanted && choice.media.type === 'video';
    let format: object | undefined;
    const track = new Track({
      payloadType: choice.payloadType,
      alsoAnnounced: choice.media.payloads.map(({ type }) => type),
      clockRate: choice.clockRate,
      unordered: this.isUdp,
      ssrc: this.ssrc,
      cname: this.cname,
      clock: this.clock,
      createDepacketizer: (sink) =>
        choice.createDepacketizer(sink, this.window, (error) => this.options.onWarning?.(error)),
      onUnit: (unit) => {
        if (this.state === 'ended') return;
        this.meter.count(unit);
        this.pace.unit(unit.kind === 'video' ? unit.nals.length : 0);
        if (unit.kind !== 'metadata' && unit.format !== format) {
          format = unit.format;
          this.pace.format();
        }
        this.options.onUnit(unit);
      },
      onLoss: (missing) => {
        if (isVideo) this.options.onLoss?.(missing);
      },
      onBye: () => {
        if (isVideo) this.onBye();
      },
    });
    const transport = await openTransport(this.options.transport, {
      connection: described.connection,
      track,
      channels: this.channels,
      admits: (now) => {
        const admitted = this.pace.admits(now);
        if (!admitted) this.onSlow();
        return admitted;
      },
      onRead: () => {
        this.watchHeldUnits();
      },
      onError: (error) => {
        this.end('error', error);
      },
    });
    try {
      if (this.isOver()) throw closedMeanwhile();
      const asked = formatTransport(transport.asked);
      const setup = requestSetup(described, this.options.memory, choice.media.control, () => ({
        Transport: asked,
        ...this.sessionHeader(),
      }));
      this.settingUp = setup;
      const granted = await setup;
      if (granted.session !== undefined) {
        this.sessionId = granted.session.id;
        this.sessionTimeoutSeconds = granted.session.timeoutSeconds;
      }
      if (this.isOver()) throw closedMeanwhile();
      track.expect({ ssrc: granted.transport?.ssrc });
      await transport.accept(granted.transport);
      if (this.isOver()) throw closedMeanwhile();
      this.tracks.push({ uri: granted.uri, payloadType: choice.payloadType, isWanted, track, transport });
    } catch (error) {
      transport.close();
      throw error;
    }
  }

  private async play({ connection, baseUri, methods }: Described): Promise<void> {
    this.earlyEnd = undefined;
    const range = this.options.range ?? 'npt=0.000-';
    const extra = { ...this.options.playHeaders, ...this.sessionHeader() };
    let reply = await connection.request('PLAY', baseUri, { Range: range, ...extra });
    const open = /^(.*-)[^-]+$/.exec(range)?.[1];
    if ((reply.status === 456 || reply.status === 457) && open !== undefined) {
      // Row 22: a closed Range is refused by some; the caller stops on the clock.
      reply = await connection.request('PLAY', baseUri, { Range: open, ...extra });
    }
    if (reply.status !== 200) throw errorOfReply(reply, 'PLAY');
    if (this.isOver()) throw closedMeanwhile();
    this.playReply = readPlayReply(reply);
    for (const [index, { track, uri }] of this.tracks.entries()) {
      const info = rtpInfoOf(this.playReply.rtpInfo, uri, index, this.tracks.length);
      track.expect({ ssrc: info?.ssrc, sequence: info?.seq });
    }

    this.state = 'playing';
    this.playedAt = this.lastReportAt = performance.now();
    this.watchdog.begin(this.playedAt);
    this.keepAlive = new KeepAlive({
      memory: this.options.memory,
      hasGetParameter: methods.has('GET_PARAMETER'),
      timeoutMs: this.sessionTimeoutSeconds * 1000,
      request: (method) => connection.request(method, baseUri, this.sessionHeader()),
      mediaFlows: () => this.watchdog.mediaFlows(performance.now()),
      onExpired: (error) => {
        this.end('expired', error);
      },
    });
    this.ticker = setInterval(
      this.guarded(() => {
        this.tick(performance.now());
      }),
      TICK_MS,
    );
    const earlyEnd = this.earlyEnd as EarlyEnd | undefined;
    if (earlyEnd !== undefined)
      setImmediate(() => {
        this.end(earlyEnd.reason, earlyEnd.error);
      });
  }

  private tick(now: number): void {
    this.meter.sample(now, this.wantedTracks());
    this.clock.setWallOffset(Date.now() - now);
    for (const { track } of this.tracks) track.release(now);
    this.watchHeldUnits();

    if (now - this.lastReportAt >= REPORT_MS) {
      this.lastReportAt = now;
      for (const { track, transport } of this.tracks) transport.sendReport(track.receiverReport(now));
    }
    const received = this.received();
    if (received > 0 && this.options.endsByItself !== true) learnFromMedia(this.options.memory, this.leftOut);
    if (this.isUdp) this.watchLosses(now);
    const silence = this.watchdog.look(now, received, this.meter.fps);
    if (silence !== undefined && !this.isPaused) this.end('silence', this.whySilent(silence));
  }

  private watchLosses(now: number): void {
    const { packets, lost } = this.statistics;
    const percent = this.losses.look(now, packets, lost);
    if (percent !== undefined) this.options.onLossy?.(percent);
  }

  /** The video's packets bear another payload type than the description announces: none of them can be read. Undefined: they do not. */
  get payloadMismatch(): NvrError | undefined {
    const video = this.tracks[0];
    const came = video?.track.foreignType;
    if (video === undefined || came === undefined || video.track.received > 0) return undefined;
    return new NvrError(
      'EPROTOCOL',
      `The camera sends packets of payload type ${came}, and its description announces ${video.payloadType}: set its codec anew, restart it, or update its firmware.`,
    );
  }

  private whySilent(ms: number): NvrError {
    const mismatch = this.payloadMismatch;
    if (mismatch !== undefined) return mismatch;
    if (this.received() === 0) return new NvrError('ETIMEDOUT', noMedia(this.options.transport));
    const instead = this.tracks[0]?.track.foreignType;
    const only =
      instead === undefined
        ? ''
        : ` What came instead has payload type ${instead}, which its description does not announce.`;
    return new NvrError('ETIMEDOUT', `The stream went silent for ${Math.round(ms / 1000)} s.${only}`);
  }

  /** At a stream's start a unit may wait for what follows it, and packets wait for a missing one: where nothing comes, they wait no longer. */
  private watchHeldUnits(): void {
    if (this.settling !== undefined || !this.isHolding()) return;
    this.settling = setTimeout(
      this.guarded(() => {
        this.settling = undefined;
        const now = performance.now();
        for (const { track } of this.tracks) {
          track.settle();
          track.release(now);
        }
        this.watchHeldUnits();
      }),
      SETTLE_MS,
    );
  }

  /** On UDP the goodbye comes by another socket and may overtake the last packets: they get the time that disorder is allowed. */
  private onBye(): void {
    const end = (): void => {
      this.end('bye', new NvrError('EUNREACHABLE', 'The server said goodbye (RTCP BYE).'));
    };
    if (this.isUdp) this.farewell ??= setTimeout(this.guarded(end), LIMITS.reorderMs);
    else end();
  }

  private isHolding(): boolean {
    for (const { track } of this.tracks) if (track.isHolding || track.isReordering) return true;
    return false;
  }

  private end(reason: EndReason, error: NvrError): void {
    // PLAY's reply may ride in the same read as the stream's end.
    if (this.state === 'opening') this.earlyEnd ??= { reason, error };
    if (this.state !== 'playing') return;
    for (const { track } of this.tracks)
      quietly(() => {
        track.flush();
      });
    this.state = 'ended';
    const withoutMedia = this.received() === 0 && this.payloadMismatch === undefined;
    if (this.options.endsByItself !== true) this.learn(reason, withoutMedia);
    this.dismantled = this.dismantle();
    quietly(() => {
      this.options.onEnd({ reason, error, withoutMedia });
    });
  }

  private learn(reason: EndReason, withoutMedia: boolean): void {
    const now = performance.now();
    const lesson = learnFromEnd(this.options.memory, {
      reason,
      withoutMedia,
      leftOut: this.leftOut,
      livedMs: (reason === 'silence' ? this.watchdog.heardAt : now) - this.playedAt,
      timeoutMs: this.sessionTimeoutSeconds * 1000,
      keepAlive: this.keepAlive!.account(now),
    });
    if (lesson !== undefined) this.log(`the next session is opened otherwise: ${lesson}`);
  }

  /** What the client itself has to say stands in the trace between what was said to the server and by it. */
  private log(text: string): void {
    (this.options.logger ?? silentLogger).debug(`* ${text}`);
  }

  private async dismantle(): Promise<void> {
    await this.leave();
    this.forgetAccount();
  }

  private async leave(): Promise<void> {
    clearInterval(this.ticker);
    clearTimeout(this.settling);
    clearTimeout(this.farewell);
    this.keepAlive?.stop();
    for (const { transport } of this.tracks) transport.close();
    const connection = this.connection;
    if (connection === undefined) return;
    if (this.settingUp !== undefined && connection.isOpen) await settled(this.settingUp, TEARDOWN_MS);
    if (this.sessionId !== undefined && connection.isOpen) {
      connection.resume();
      await connection
        .request('TEARDOWN', this.described?.baseUri ?? this.options.uri, this.sessionHeader(), TEARDOWN_MS)
        .catch(() => undefined);
    }
    connection.destroy();
  }

  private received(): number {
    let sum = 0;
    for (const { track, isWanted } of this.tracks) if (isWanted) sum += track.received;
    return sum;
  }

  private wantedTracks(): Track[] {
    return this.tracks.filter(({ isWanted }) => isWanted).map(({ track }) => track);
  }

  private guarded(work: () => void): () => void {
    return guarded(work, (error) => {
      this.end('error', error);
    });
  }

  private get isUdp(): boolean {
    return this.options.transport !== 'tcp';
  }

  private isOver(): boolean {
    return this.state === 'ended';
  }

  private sessionHeader(): Record<string, string> {
    return this.sessionId === undefined ? {} : { Session: this.sessionId };
  }
}

/** A caller's fault, or a depacketizer's, must not keep the session from ending. */
function quietly(work: () => void): void {
  guarded(work, () => undefined)();
}

/** Waits until it is settled, either way, or for so long. */
async function settled(work: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise((resolve) => (timer = setTimeout(resolve, ms)));
  await Promise.race([work.catch(() => undefined), limit]);
  clearTimeout(timer);
}

function closedMeanwhile(): NvrError {
  return new NvrError('EUNREACHABLE', 'The session was closed while it was being opened.');
}

function plainUdp(): NvrError {
  const text =
    'RTSP over TLS brings media interleaved (TCP), or not at all: over UDP anybody on the way could see it; choose the transport TCP.';
  return new NvrError('EUNSUPPORTED', text);
}

function noMedia(transport: SessionOptions['transport']): string {
  return transport === 'multicast'
    ? 'The server accepted PLAY over multicast and nothing came; switches (IGMP) and firewalls on the way must let it through.'
    : `The server accepted PLAY over ${transport.toUpperCase()} and sent no media.`;
}
