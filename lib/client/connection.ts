// One RTSP connection: it sends requests, matches replies by CSeq, logs in after a 401, and hands packets on.

import { NvrError } from '../errors.js';
import { LIMITS } from '../limits.js';
import { silentLogger, type Logger } from '../log.js';
import { redact } from '../redact.js';
import { Framer } from '../rtsp/framer.js';
import {
  Headers,
  serializeRequest,
  serializeResponse,
  type RtspRequest,
  type RtspResponse,
} from '../rtsp/message.js';
import { textOfBytes } from '../text.js';
import type { ConnectionOptions } from './connection-options.js';
import { clearPassword, login } from './login.js';
import { PacedReader } from './paced-reader.js';
import { PendingRequests } from './pending.js';
import { openPipe, type Pipe } from './transport/socket.js';

/** A message body is logged up to this many bytes. */
const LOGGED_BODY_BYTES = 8 * 1024;
const UNSENDABLE =
  'The server sent a session id, a challenge or a URI with a control character in it, which no request may repeat.';

/**
 * Requests from the server that are answered 200. Any other is answered 501 (RFC 2326 10; quirk:
 * requests-from-server).
 */
const GRANTED = new Set(['OPTIONS', 'GET_PARAMETER', 'SET_PARAMETER', 'ANNOUNCE', 'REDIRECT', 'TEARDOWN']);

export class RtspConnection {
  /** Round trip time of the last answered request, in ms. */
  rttMs: number | undefined;
  private pipe: Pipe | undefined;
  private cseq = 0;
  private closed = false;
  private destroyed = false;
  /**
   * An authenticated request is waiting for its reply. If the server closes the connection meanwhile, this is
   * not reported as the end: a new connection is opened.
   */
  private isAnswering = false;
  private hasWarned = false;
  private readonly pending = new PendingRequests();
  private readonly reader: PacedReader;
  private framer: Framer;
  private readonly log: Logger;

  private constructor(private readonly options: ConnectionOptions) {
    this.log = options.logger ?? silentLogger;
    this.framer = this.makeFramer();
    this.reader = new PacedReader({
      pace: options.pace,
      feed: (buffer, at, length, frames) => this.framer.feed(buffer, at, length, frames),
      pipe: () => this.pipe,
      isOpen: () => !this.closed,
      onReadStart: options.onReadStart?.bind(options),
      onRead: options.onRead?.bind(options),
      onSlow: options.onSlow?.bind(options),
      onError: (error) => {
        this.pipe?.destroy();
        this.end(error);
      },
    });
  }

  /**
   * Rejects with EDNS, ECONNREFUSED, EUNREACHABLE, ETIMEDOUT or ETLS, or with the error of another bearer
   * (the HTTP tunnel).
   */
  static async open(options: ConnectionOptions): Promise<RtspConnection> {
    const connection = new RtspConnection(options);
    await connection.connect();
    return connection;
  }

  private async connect(): Promise<void> {
    const { options } = this;
    const open = options.open ?? openPipe;
    // The bearer may fail before it is handed over, if its first bytes are not RTSP.
    let pipe: Pipe | undefined;
    let broken: { readonly error: NvrError | undefined } | undefined;
    const opened = await open({
      host: options.host,
      port: options.port,
      tls: options.tls,
      connectTimeoutMs: options.timeoutMs,
      signal: options.signal,
      onData: (buffer, length) => {
        this.reader.take(buffer, length);
      },
      onClose: (error) => {
        if (pipe === undefined) broken ??= { error };
        else if (this.pipe === pipe) this.end(error);
      },
    });
    const early = broken as { readonly error: NvrError | undefined } | undefined;
    if (early !== undefined) {
      opened.destroy();
      throw early.error ?? new NvrError('EUNREACHABLE', 'The server closed the connection at once.');
    }
    this.pipe = pipe = opened;
  }

  private makeFramer(): Framer {
    const { options } = this;
    return new Framer(
      {
        onPacket: options.onPacket,
        onResponse: (response) => {
          this.onResponse(response);
        },
        onRequest: (request) => {
          this.onRequest(request);
        },
      },
      { isChannelInUse: (channel) => options.isChannelInUse(channel) },
    );
  }

  get localAddress(): string {
    return this.pipe?.localAddress ?? '';
  }

  get remoteAddress(): string {
    return this.pipe?.remoteAddress ?? '';
  }

  /** Bytes of junk skipped between frames. */
  get skippedBytes(): number {
    return this.framer.skippedBytes;
  }

  get isOpen(): boolean {
    return !this.closed;
  }

  /**
   * Sends a request and waits for its reply. A 401 is answered once with the challenge's nonce (quirk:
   * changing-nonces), and once more with a digest over the base URI for servers that check that (quirk:
   * digest-over-base-uri). The caller judges any other status. Rejects with ETIMEDOUT, EBUSY (too many
   * pending), EAUTH, EUNSUPPORTED (a challenge that cannot be answered), or the error that ended the
   * connection.
   */
  async request(
    method: string,
    uri: string,
    extra: Readonly<Record<string, string>> = {},
    timeoutMs = this.options.timeoutMs,
  ): Promise<RtspResponse> {
    const { authenticator, gate } = this.options;
    const ask = (): Promise<RtspResponse> => this.exchange(method, uri, extra, timeoutMs);
    let first: RtspResponse | undefined;
    const last = await login(gate, authenticator, async () => (first = await ask()), {
      what: method,
      // With a Session header there is no retry on a new connection: the session belongs to this one.
      again: () => (extra.Session === undefined && first !== undefined ? this.answer(first, ask) : ask()),
      requestUri: uri,
    });
    if (authenticator?.inClear === true && !this.hasWarned) {
      this.hasWarned = true;
      this.options.onWarning?.(clearPassword('The server'));
    }
    return last;
  }

  /**
   * Repeats the request with credentials, on a new connection if the server closes the one on which it sent
   * the challenge (VStarcam).
   */
  private async answer(
    { headers }: RtspResponse,
    exchange: () => Promise<RtspResponse>,
  ): Promise<RtspResponse> {
    const { memory } = this.options;
    const saysSo = /\bclose\b/i.test(headers.get('Connection') ?? '');
    if (!saysSo && memory?.recall('loginOn') !== 'new-connection') {
      this.isAnswering = true;
      try {
        return await exchange();
      } catch (error) {
        if (this.isOpen || this.destroyed) throw error;
      } finally {
        this.isAnswering = false;
      }
    }
    await this.reopen();
    const response = await exchange();
    if (response.status !== 401) memory?.learn('loginOn', 'new-connection');
    return response;
  }

  private async reopen(): Promise<void> {
    this.log.debug(
      '* the server asked for a log-in and closed the connection: the request is sent again on a new one',
    );
    this.closed = true;
    this.reader.stop();
    this.pipe?.destroy();
    this.pipe = undefined;
    this.framer = this.makeFramer();
    await this.connect();
    if (this.destroyed) {
      this.pipe!.destroy();
      throw new NvrError('EUNREACHABLE', 'The connection was closed.');
    }
    this.closed = false;
  }

  /**
   * Sends one interleaved packet, usually RTCP. The packet is dropped while more than one packet's worth of
   * bytes is unsent.
   */
  sendPacket(channel: number, packet: Buffer): void {
    if (this.closed || this.pipe === undefined || this.pipe.unsent > LIMITS.packetBytes) return;
    const frame = Buffer.allocUnsafe(4 + packet.length);
    frame[0] = 0x24;
    frame[1] = channel;
    frame.writeUInt16BE(packet.length, 2);
    packet.copy(frame, 4);
    this.pipe.write(frame);
  }

  pause(): void {
    this.reader.pause();
  }

  resume(): void {
    this.reader.resume();
  }

  /** Rejects pending requests and does not call `onClose`. Idempotent. */
  destroy(): void {
    this.destroyed = true;
    if (this.closed) return;
    this.closed = true;
    this.reader.stop();
    this.pipe?.destroy();
    this.pending.rejectAll(new NvrError('EUNREACHABLE', 'The connection was closed.'));
  }

  private async exchange(
    method: string,
    uri: string,
    extra: Readonly<Record<string, string>>,
    timeoutMs: number,
  ): Promise<RtspResponse> {
    if (this.closed || this.pipe === undefined)
      throw new NvrError('EUNREACHABLE', 'The connection is closed.');
    if (this.pending.isFull)
      throw new NvrError('EBUSY', `The server left ${LIMITS.pendingRequests} requests unanswered.`);
    const cseq = ++this.cseq;
    const headers = new Headers().set('CSeq', String(cseq)).set('User-Agent', this.options.userAgent);
    const authorization = this.options.authenticator?.authorize(method, uri);
    if (authorization !== undefined) headers.set('Authorization', authorization);
    for (const [name, value] of Object.entries(extra)) headers.set(name, value);
    const bytes = sendable(() => serializeRequest({ method, uri, headers, body: Buffer.alloc(0) }));
    const reply = this.pending.wait(cseq, timeoutMs, () => this.noAnswer(method, timeoutMs));
    this.log.debug(redact(`> ${bytes.toString('latin1').trimEnd()}`));
    this.pipe.write(bytes);
    return reply;
  }

  private noAnswer(method: string, timeoutMs: number): NvrError {
    if (!this.framer.isRtsp && this.framer.skippedBytes > 0) {
      return new NvrError(
        'ENOTRTSP',
        'There is something at this address, but it does not speak RTSP; check the port (554 is usual).',
      );
    }
    return new NvrError('ETIMEDOUT', `${method} was not answered within ${timeoutMs / 1000} s.`);
  }

  private onResponse(response: RtspResponse): void {
    const rttMs = this.pending.resolve(response, this.reader.readAt);
    this.log.debug(redact(`< ${textOf(response)}`));
    if (rttMs === undefined) return;
    this.rttMs = rttMs;
    // The packets behind the reply in the same read wait a turn: the caller first takes RTP-Info from the
    // reply, which identifies each track's packets.
    this.framer.stop();
    this.reader.yieldTurn();
  }

  private onRequest(request: RtspRequest): void {
    const granted = GRANTED.has(request.method);
    const headers = new Headers().set('CSeq', request.headers.get('CSeq') ?? '0');
    if (request.method === 'OPTIONS') headers.set('Public', [...GRANTED].join(', '));
    const session = request.headers.get('Session');
    if (session !== undefined) headers.set('Session', session);
    this.log.debug(redact(`< ${request.method} ${request.uri} (from the server)`));
    // Without this limit, a flood of requests from the server would make us buffer replies without bound.
    if (this.pipe !== undefined && this.pipe.unsent < LIMITS.packetBytes) {
      const reason = granted ? 'OK' : 'Not Implemented';
      const answer = { status: granted ? 200 : 501, reason, headers, body: Buffer.alloc(0) };
      this.pipe.write(sendable(() => serializeResponse(answer)));
    }
    if (request.method === 'TEARDOWN' || request.method === 'REDIRECT') this.options.onServerRequest(request);
  }

  private end(error: NvrError | undefined): void {
    if (this.closed) return;
    this.closed = true;
    this.reader.stop();
    this.pending.rejectAll(error ?? new NvrError('EUNREACHABLE', 'The server closed the connection.'));
    if (!this.isAnswering) this.options.onClose(error);
  }
}

/**
 * Throws EPROTOCOL. The user's own URI was checked before, so a value that cannot be sent came from the
 * server.
 */
function sendable(serialize: () => Buffer): Buffer {
  try {
    return serialize();
  } catch (error) {
    throw new NvrError('EPROTOCOL', UNSENDABLE, { cause: error });
  }
}

function textOf(response: RtspResponse): string {
  const lines = [`RTSP/1.0 ${response.status} ${response.reason}`];
  for (const [name, value] of response.headers) lines.push(`${name}: ${value}`);
  if (response.body.length > 0)
    lines.push('', textOfBytes(response.body.toString('latin1', 0, LOGGED_BODY_BYTES)));
  return lines.join('\r\n');
}
