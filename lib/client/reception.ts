// The receiving side of a session: its tracks, whose packets arrive by their transport and leave as units.

import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { ReadWindow } from '../codec/read-window.js';
import type { MediaUnit } from '../codec/unit.js';
import { NvrError } from '../errors.js';
import { guarded } from '../guard.js';
import { LIMITS } from '../limits.js';
import { SessionClock } from '../rtp/session-clock.js';
import type { ConnectionListener } from './connection-options.js';
import type { RtspConnection } from './connection.js';
import { ReadPace } from './read-pace.js';
import type { TrackChoice } from './select-tracks.js';
import { rtpInfoOf, type PlayReply } from './session-options.js';
import { RateMeter, type SessionStatistics } from './statistics.js';
import { Track } from './track.js';
import { ChannelTable } from './transport/channels.js';
import type { TrackTransport, Transport } from './transport/transport.js';

interface ReceptionOptions {
  readonly transport: Transport;
  readonly readShare?: number | undefined;
  readonly onUnit: (unit: MediaUnit) => void;
  /** Packets of the video are missing. */
  readonly onLoss: (missing: number) => void;
  readonly onWarning: (error: NvrError) => void;
  /** RTCP BYE for the video; all that was received before has been handed on. */
  readonly onBye: () => void;
  /** A track's socket failed, or the receiver of the units threw. */
  readonly onError: (error: NvrError) => void;
}

/** A track that is ready for its SETUP. */
interface PreparedTrack {
  readonly choice: TrackChoice;
  /** False: the track is set up only because the server requires it, and its packets are dropped. */
  readonly isWanted: boolean;
  readonly track: Track;
  readonly transport: TrackTransport;
}

interface SetUpTrack extends PreparedTrack {
  /** The URI by which RTP-Info may name the track. */
  readonly uri: string;
}

/** The slices of one picture arrive closer together than this, in ms. */
const HOLD_MS = 30;

export class Reception {
  readonly transport: Transport;
  private readonly tracks: SetUpTrack[] = [];
  private readonly channels = new ChannelTable();
  private readonly window = new ReadWindow();
  private readonly meter = new RateMeter();
  private readonly clock = new SessionClock(Date.now() - performance.now());
  private readonly pace: ReadPace;
  private readonly ssrc = randomBytes(4).readUInt32BE(0);
  private readonly cname = randomBytes(8).toString('hex');
  private byeTimer: NodeJS.Timeout | undefined;
  private holdTimer: NodeJS.Timeout | undefined;
  private isSlow = false;

  constructor(private readonly options: ReceptionOptions) {
    this.transport = options.transport;
    this.pace = new ReadPace(options.readShare);
  }

  /** The part of the connection's listener that handles packets. */
  get listener(): Omit<ConnectionListener, 'onServerRequest' | 'onClose'> {
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
    };
  }

  /** How many tracks are set up. */
  get tracksSetUp(): number {
    return this.tracks.length;
  }

  /** Packets received and lost: the two statistics that are cheap enough to read at every loss. */
  get count(): Pick<SessionStatistics, 'packets' | 'lost'> {
    const sum = { packets: 0, lost: 0 };
    for (const { track, isWanted } of this.tracks) {
      if (!isWanted) continue;
      sum.packets += track.receiver.packets;
      sum.lost += track.receiver.lost;
    }
    return sum;
  }

  get isUdp(): boolean {
    return this.transport.lower !== 'tcp';
  }

  /** Packets of the wanted tracks so far. */
  get received(): number {
    let sum = 0;
    for (const { track, isWanted } of this.tracks) if (isWanted) sum += track.received;
    return sum;
  }

  get fps(): number {
    return this.meter.fps;
  }

  statistics(rttMs: number | undefined): SessionStatistics {
    return this.meter.statistics(this.wantedTracks(), rttMs);
  }

  /** Opens the track's transport. The caller then calls `add`, or `close` on the transport. */
  async prepare(choice: TrackChoice, isWanted: boolean, connection: RtspConnection): Promise<PreparedTrack> {
    const { options } = this;
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
        choice.createDepacketizer(sink, this.window, (error) => {
          options.onWarning(error);
        }),
      onUnit: (unit) => {
        this.meter.count(unit);
        this.pace.unit(unit.kind === 'video' ? unit.nals.length : 0);
        if (unit.kind !== 'metadata' && unit.format !== format) {
          format = unit.format;
          this.pace.format();
        }
        options.onUnit(unit);
      },
      onLoss: (missing) => {
        if (isVideo) options.onLoss(missing);
      },
      onBye: () => {
        if (isVideo) this.onBye();
      },
    });
    const transport = await this.transport.openTrack({
      connection,
      track,
      channels: this.channels,
      admit: (now) => {
        const admitted = this.pace.admit(now);
        if (!admitted) this.onSlow();
        return admitted;
      },
      onRead: () => {
        this.watchHeldUnits();
      },
      onError: options.onError,
    });
    return { choice, isWanted, track, transport };
  }

  /** SETUP was granted for `uri`. */
  add(prepared: PreparedTrack, uri: string): void {
    this.tracks.push({ ...prepared, uri });
  }

  /** Tells each track the SSRC and first sequence number that PLAY's reply names. */
  expect({ rtpInfo }: PlayReply): void {
    for (const [index, { track, uri }] of this.tracks.entries()) {
      const info = rtpInfoOf(rtpInfo, uri, index, this.tracks.length);
      track.expect({ ssrc: info?.ssrc, sequence: info?.seq });
    }
  }

  /** About once a second. */
  tick(now: number): void {
    this.meter.sample(now, this.wantedTracks());
    this.clock.setWallOffset(Date.now() - now);
    for (const { track } of this.tracks) track.release(now);
    this.watchHeldUnits();
  }

  sendReports(now: number): void {
    for (const { track, transport } of this.tracks) transport.sendReport(track.receiverReport(now));
  }

  /** Hands on the units that are held back, at the end. An error in one track does not affect the others. */
  flush(): void {
    for (const { track } of this.tracks)
      guarded(
        () => {
          track.flush();
        },
        () => undefined,
      )();
  }

  /** Idempotent. */
  close(): void {
    clearTimeout(this.holdTimer);
    clearTimeout(this.byeTimer);
    for (const { transport } of this.tracks) transport.close();
  }

  /**
   * Set if all video packets have another payload type than the description announces, so that none can be
   * read.
   */
  get payloadMismatch(): NvrError | undefined {
    const video = this.tracks[0];
    const came = video?.track.foreignType;
    if (video === undefined || came === undefined || video.track.received > 0) return undefined;
    return new NvrError(
      'EPROTOCOL',
      `The camera sends packets of payload type ${came}, and its description announces ${video.choice.payloadType}: set its codec anew, restart it, or update its firmware.`,
    );
  }

  whySilent(ms: number): NvrError {
    const mismatch = this.payloadMismatch;
    if (mismatch !== undefined) return mismatch;
    if (this.received === 0) return new NvrError('ETIMEDOUT', noMedia(this.transport));
    const instead = this.tracks[0]?.track.foreignType;
    const only =
      instead === undefined
        ? ''
        : ` What came instead has payload type ${instead}, which its description does not announce.`;
    return new NvrError('ETIMEDOUT', `The stream went silent for ${Math.round(ms / 1000)} s.${only}`);
  }

  /** Warns once: over TCP the data wait at the server, over UDP they are lost. */
  private onSlow(): void {
    if (this.isSlow) return;
    this.isSlow = true;
    const done = this.isUdp ? 'the rest is dropped' : 'it is read more slowly';
    this.options.onWarning(
      new NvrError('EOVERLOAD', `The camera sends more than this machine may spend on one camera: ${done}.`),
    );
  }

  /**
   * A unit may wait for its follower, and packets may wait for a missing one. If nothing more arrives, this
   * timer releases them.
   */
  private watchHeldUnits(): void {
    if (this.holdTimer !== undefined || !this.isHolding()) return;
    this.holdTimer = setTimeout(
      this.guarded(() => {
        this.holdTimer = undefined;
        const now = performance.now();
        for (const { track } of this.tracks) {
          track.releaseHeld();
          track.release(now);
        }
        this.watchHeldUnits();
      }),
      HOLD_MS,
    );
  }

  /**
   * Over UDP, BYE arrives on another socket and may overtake the last packets, so they get the time that
   * reordering allows.
   */
  private onBye(): void {
    const { onBye } = this.options;
    if (this.isUdp) this.byeTimer ??= setTimeout(this.guarded(onBye), LIMITS.reorderMs);
    else onBye();
  }

  private isHolding(): boolean {
    for (const { track } of this.tracks) if (track.isHolding || track.isReordering) return true;
    return false;
  }

  private wantedTracks(): Track[] {
    return this.tracks.filter(({ isWanted }) => isWanted).map(({ track }) => track);
  }

  private guarded(work: () => void): () => void {
    return guarded(work, this.options.onError);
  }
}

function noMedia({ name, lower }: Transport): string {
  return name === 'multicast'
    ? 'The server accepted PLAY over multicast and nothing came; switches (IGMP) and firewalls on the way must let it through.'
    : `The server accepted PLAY over ${lower.toUpperCase()} and sent no media.`;
}
