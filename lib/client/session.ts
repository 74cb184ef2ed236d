// One RTSP session over one transport: describe -> SETUP -> PLAY -> TEARDOWN.

import type { MediaUnit } from '../codec/unit.js';
import { asNvrError, NvrError } from '../errors.js';
import { guarded } from '../guard.js';
import { silentLogger } from '../log.js';
import { formatTransport } from '../rtsp/headers.js';
import type { SessionDescription } from '../rtsp/sdp.js';
import { parseRtspUri } from '../rtsp/uri.js';
import { holdAccount } from '../secrets.js';
import type { ConnectionListener } from './connection-options.js';
import { describe, type Described } from './describe.js';
import { throwIfGivenUp, unlessGivenUp } from './given-up.js';
import { requestPlay, tearDown } from './play.js';
import { Playing } from './playing.js';
import { ServerMemory } from './quirks.js';
import { Reception } from './reception.js';
import { selectTracks, type TrackChoice } from './select-tracks.js';
import {
  credentialsOf,
  readPlayReply,
  type EndReason,
  type PlayReply,
  type SessionEnd,
  type SessionOptions,
} from './session-options.js';
import { requestSetup } from './setup.js';
import type { EarlyEnd, Opening, State } from './session-state.js';
import type { SessionStatistics } from './statistics.js';
import type { Transport } from './transport/transport.js';
import { UnitReaders, type UnitsOptions } from './unit-queue.js';

export type { EndReason, PlayReply, SessionEnd, SessionOptions } from './session-options.js';

const PLAIN_UDP =
  'With RTSP over TLS, choose the transport TCP, which carries the media in the encrypted connection: over UDP anybody on the network between could see them.';

export class RtspSession {
  playReply: PlayReply = { rtpInfo: [] };
  /**
   * Resolves when everything is closed, with the reason; with undefined if the session was closed by the
   * caller or never played.
   */
  readonly closed: Promise<SessionEnd | undefined>;

  private state: State = { name: 'new' };
  private described: Described | undefined;
  /** The session id in SETUP's reply. */
  private id: string | undefined;
  private timeoutSeconds = 60;
  private resolveClosed: ((end: SessionEnd | undefined) => void) | undefined;
  private dismantled: Promise<void> | undefined;
  private forgetAccount = (): void => undefined;
  /** Aborted when the session ends, to end what is under way. */
  private readonly ended = new AbortController();
  private readonly memory: ServerMemory;
  private readonly reception: Reception;
  private readonly readers: UnitReaders;

  constructor(private readonly options: SessionOptions) {
    this.closed = new Promise((resolve) => (this.resolveClosed = resolve));
    this.memory = options.memory ?? new ServerMemory();
    this.readers = new UnitReaders(options.onUnit === undefined);
    this.reception = new Reception({
      transport: options.transport,
      readShare: options.readShare,
      onUnit: (unit) => {
        if (!this.isOver) this.onUnit(unit);
      },
      onLoss: (missing) => {
        if (!this.isOver) options.onLoss?.(missing);
      },
      onWarning: (error) => {
        this.warn(error);
      },
      onBye: () => {
        this.end('bye', new NvrError('EUNREACHABLE', 'The server said goodbye (RTCP BYE).'));
      },
      onError: (error) => {
        this.end('error', error);
      },
    });
  }

  /**
   * Connects and sends DESCRIBE, SETUP and PLAY. Rejects with an NvrError that names the cause, after closing
   * everything. Units may arrive before it resolves (quirk: rtp-before-play-reply, LIVE555).
   */
  async open(): Promise<void> {
    const { signal } = this.options;
    const giveUp = (): void => void this.close();
    try {
      throwIfGivenUp(this.ended.signal);
      throwIfGivenUp(signal);
      signal?.addEventListener('abort', giveUp, { once: true });
      void this.closed.then(() => signal?.removeEventListener('abort', giveUp));
      this.state = { name: 'opening' };
      await unlessGivenUp(this.openInSteps(this.state), this.ended.signal);
    } catch (error) {
      await this.close();
      throw asNvrError(error, 'EPROTOCOL', 'The session could not be opened.');
    }
  }

  /**
   * Sends TEARDOWN, waits up to 1 s for its reply, and closes the connection: a server with few sessions then
   * has a free one at once (quirk: few-sessions). Idempotent; never rejects.
   */
  close(): Promise<void> {
    return this.leave(undefined);
  }

  /**
   * The units from now on, for `for await`. If the session has no `onUnit`, the first reader also gets the
   * units received before. The iteration ends with the session. If the reader is too slow, units are dropped
   * up to the next keyframe and reported to `onDrop`.
   */
  units(options: UnitsOptions = {}): AsyncIterableIterator<MediaUnit, undefined> {
    const reader = this.readers.add(options);
    if (this.isOver) reader.end();
    return reader;
  }

  /** Sends one request in the session. Resolves to its round trip time in ms. */
  async ping(): Promise<number> {
    if (this.state.name !== 'playing') throw new NvrError('EUNREACHABLE', 'The session does not play.');
    return this.state.playing.ping();
  }

  /**
   * Stops reading, for back-pressure over TCP. Does nothing while the session opens: replies have to be read.
   */
  pauseReading(): void {
    if (this.state.name === 'playing') this.state.playing.pause();
  }

  resumeReading(): void {
    if (this.state.name === 'playing') this.state.playing.resume();
  }

  get transport(): Transport {
    return this.options.transport;
  }

  get description(): SessionDescription | undefined {
    return this.described?.description;
  }

  /** True if the server was reached over TLS, by its URI or by a redirect. */
  get isTls(): boolean {
    return this.described?.isTls === true;
  }

  /** Packets received and lost: the two statistics that are cheap enough to read at every loss. */
  get count(): Pick<SessionStatistics, 'packets' | 'lost'> {
    return this.reception.count;
  }

  get statistics(): SessionStatistics {
    return this.reception.statistics(this.described?.connection.rttMs);
  }

  /**
   * Set if all video packets have another payload type than the description announces, so that none can be
   * read.
   */
  get payloadMismatch(): NvrError | undefined {
    return this.reception.payloadMismatch;
  }

  private async openInSteps(opening: Opening): Promise<void> {
    const { options, memory, reception } = this;
    const account = options.credentials ?? credentialsOf(parseRtspUri(options.uri));
    if (account !== undefined) this.forgetAccount = holdAccount(account);
    const learnt = memory.toString();
    if (learnt !== '') this.log(`learnt from earlier sessions with this server: ${learnt}`);

    const described = await describe({
      ...options,
      memory,
      onWarning: (error) => {
        this.warn(error);
      },
      signal: this.ended.signal,
      listener: this.listener,
    });
    if (this.isOver) described.connection.destroy();
    throwIfGivenUp(this.ended.signal);
    this.described = described;
    if (described.isTls && reception.isUdp) throw new NvrError('EUNSUPPORTED', PLAIN_UDP);

    const { tracks, others, refused } = selectTracks(described.description, options);
    for (const choice of tracks)
      await this.setup(opening, described, choice, true).catch((error: unknown) => {
        throwIfGivenUp(this.ended.signal);
        const isFirst = choice === tracks[0];
        if (isFirst || !described.connection.isOpen || !(error instanceof NvrError)) throw error;
        this.warn(error);
      });
    if (memory.recall('tracks') === 'all')
      for (const choice of others) await this.setup(opening, described, choice, false).catch(() => undefined);
    throwIfGivenUp(this.ended.signal);
    await this.play(opening, described, tracks.length + others.length - reception.tracksSetUp);
    for (const error of refused) this.warn(error);
  }

  private get listener(): ConnectionListener {
    return {
      ...this.reception.listener,
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

  private async setup(
    opening: Opening,
    described: Described,
    choice: TrackChoice,
    isWanted: boolean,
  ): Promise<void> {
    const { signal } = this.ended;
    const prepared = await this.reception.prepare(choice, isWanted, described.connection);
    const { track, transport } = prepared;
    try {
      throwIfGivenUp(signal);
      const asked = formatTransport(transport.asked);
      opening.settingUp = requestSetup(described, this.memory, choice.media.control, () => ({
        Transport: asked,
        ...this.options.setupHeaders,
        ...this.sessionHeader(),
      }));
      const granted = await opening.settingUp;
      if (granted.session !== undefined) {
        this.id = granted.session.id;
        this.timeoutSeconds = granted.session.timeoutSeconds;
      }
      throwIfGivenUp(signal);
      track.expect({ ssrc: granted.transport?.ssrc });
      await transport.accept(granted.transport);
      throwIfGivenUp(signal);
      this.reception.add(prepared, granted.uri);
    } catch (error) {
      transport.close();
      throw error;
    }
  }

  private async play(opening: Opening, described: Described, leftOut: number): Promise<void> {
    const { options, memory, reception } = this;
    opening.end = undefined;
    const headers = { ...options.playHeaders, ...this.sessionHeader() };
    const reply = await requestPlay(described, options.range ?? 'npt=0.000-', headers);
    throwIfGivenUp(this.ended.signal);
    this.playReply = readPlayReply(reply);
    reception.expect(this.playReply);
    const playing = new Playing({
      described,
      reception,
      memory,
      silenceMs: options.silenceMs,
      timeoutMs: this.timeoutSeconds * 1000,
      leftOut,
      endsByItself: options.endsByItself === true,
      sessionHeader: () => this.sessionHeader(),
      onLossy: (percent) => options.onLossy?.(percent),
      onEnd: (reason, error) => {
        this.end(reason, error);
      },
    });
    this.state = { name: 'playing', playing };
    // `opening.end` may have been set while PLAY was awaited; the compiler does not see that.
    const early = opening.end as EarlyEnd | undefined;
    if (early !== undefined) setImmediate(this.end.bind(this, early.reason, early.error));
  }

  private onUnit(unit: MediaUnit): void {
    this.options.onUnit?.(unit);
    this.readers.push(unit);
  }

  private warn(error: NvrError): void {
    if (!this.isOver) this.options.onWarning?.(error);
  }

  /**
   * Ends the session for any reason but `close`. While the session opens, the end is kept until PLAY is
   * answered: both may arrive in one read.
   */
  private end(reason: EndReason, error: NvrError): void {
    if (this.state.name === 'opening') this.state.end ??= { reason, error };
    if (this.state.name !== 'playing') return;
    const { playing } = this.state;
    this.reception.flush();
    // The last units may have made the caller close the session.
    if (this.isOver) return;
    const withoutMedia = this.reception.received === 0 && this.payloadMismatch === undefined;
    const lesson = playing.learn(reason, withoutMedia);
    if (lesson !== undefined) this.log(`the next session does something differently: ${lesson}`);
    const end: SessionEnd = { reason, error, withoutMedia };
    void this.leave(end);
    // An error in the caller's `onEnd` must not keep the session from ending.
    guarded(
      () => this.options.onEnd?.(end),
      () => undefined,
    )();
  }

  private leave(end: SessionEnd | undefined): Promise<void> {
    const { state } = this;
    this.state = { name: 'ended' };
    this.ended.abort();
    this.dismantled ??= this.dismantle(state).finally(() => this.resolveClosed?.(end));
    return this.dismantled;
  }

  private async dismantle(state: State): Promise<void> {
    this.readers.end();
    if (state.name === 'playing') state.playing.stop();
    this.reception.close();
    if (this.described !== undefined) {
      const settingUp = state.name === 'opening' ? state.settingUp : undefined;
      await tearDown(this.described, settingUp, () => this.sessionHeader());
    }
    this.forgetAccount();
  }

  /** Writes a line of the client's own to the trace, beside the messages to and from the server. */
  private log(text: string): void {
    (this.options.logger ?? silentLogger).debug(`* ${text}`);
  }

  private get isOver(): boolean {
    return this.state.name === 'ended';
  }

  private sessionHeader(): Record<string, string> {
    return this.id === undefined ? {} : { Session: this.id };
  }
}
