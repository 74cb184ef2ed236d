// One RTSP connection: requests out, replies matched by CSeq, log-in on a 401, packets handed on as they are read.

import { performance } from 'node:perf_hooks';
import { NvrError } from '../errors.js';
import { LIMITS } from '../limits.js';
import { silentLogger, type Logger } from '../log.js';
import { redact } from '../redact.js';
import type { Authenticator } from '../rtsp/auth.js';
import type { LoginRules } from '../rtsp/login-rules.js';
import { Framer } from '../rtsp/framer.js';
import {
  Headers,
  serializeRequest,
  serializeResponse,
  type RtspRequest,
  type RtspResponse,
} from '../rtsp/message.js';
import { textOfBytes } from '../text.js';
import type { LoginGate } from './login-gate.js';
import { clearPassword, logIn } from './login.js';
import { ReadPace } from './read-pace.js';
import type { ServerMemory } from './quirks.js';
import { openPipe, type Pipe, type PipeOptions, type TlsSettings } from './transport/socket.js';

/** Who hears what a connection brings. */
export interface ConnectionListener {
  isChannelInUse(channel: number): boolean;
  /** A socket read begins to be handed on: `length` bytes from the start of `buffer`. `arrival`: its monotonic ms. */
  onReadStart?(buffer: Buffer, length: number, arrival: number): void;
  /** One interleaved packet (RFC 2326 10.12); the buffer is valid during the call only. Called straight from the framer. */
  onPacket: (channel: number, buffer: Buffer, start: number, end: number) => void;
  /** All that one socket read brought has been handed on. */
  onRead?(): void;
  /** How much of the loop reading may take: all unless said otherwise. */
  readonly pace?: ReadPace;
  /** More comes than is read. Once. */
  onSlow?(): void;
  /** A request of the server's that concerns the session (TEARDOWN, REDIRECT); it has been answered. */
  onServerRequest(request: RtspRequest): void;
  /** The connection is gone; pending requests have been rejected. At most once. */
  onClose(error?: NvrError): void;
}

export interface ConnectionOptions extends ConnectionListener {
  host: string;
  port: number;
  /** The URI's path and query, and the credentials for this host: for a bearer that makes requests of its own. */
  path?: string;
  credentials?: { username: string; password: string } | undefined;
  /** Which challenges of a bearer's own requests may be answered. */
  rules?: LoginRules | undefined;
  tls?: TlsSettings | undefined;
  /** Milliseconds for the connection, and for each reply. */
  timeoutMs: number;
  userAgent: string;
  authenticator?: Authenticator | undefined;
  gate?: LoginGate | undefined;
  /** Where it is known, and learnt, on which connection the server takes a log-in. */
  memory?: ServerMemory | undefined;
  /** Told, once, that the password goes out in clear. */
  onWarning?: ((error: NvrError) => void) | undefined;
  logger?: Logger | undefined;
  /** How the bytes travel; TCP or TLS unless said otherwise, `httpTunnel` for instance. */
  open?: (options: PipeOptions) => Promise<Pipe>;
}

interface Pending {
  readonly cseq: number;
  readonly method: string;
  readonly sentAt: number;
  readonly timer: NodeJS.Timeout;
  resolve(response: RtspResponse): void;
  reject(error: NvrError): void;
}

/** Of a body, as far as it is logged. */
const LOGGED_BODY_BYTES = 8 * 1024;
const UNSENDABLE =
  'The server gave something that no request can hold (a control character in a session, a challenge or a URI).';

/** Frames handed on before the clock is looked at, where they are no work: fewer where they are, down to one. */
const SLICE_FRAMES = 32;
const SLICE_MS = 4;

/** Methods a server may send us and that we grant; anything else is answered 501 (RFC 2326 10, row 15). */
const GRANTED = new Set(['OPTIONS', 'GET_PARAMETER', 'SET_PARAMETER', 'ANNOUNCE', 'REDIRECT', 'TEARDOWN']);

export class RtspConnection {
  /** Round trip of the last answered request, ms. */
  rttMs: number | undefined;
  /** Monotonic ms of the last socket read. */
  readAt = 0;

  private pipe: Pipe | undefined;
  private cseq = 0;
  private closed = false;
  private destroyed = false;
  /** A challenge is being answered: where the server closes the connection instead of a reply, another one is opened. */
  private isAnswering = false;
  private hasWarned = false;
  /** The user stopped reading. */
  private paused = false;
  /** Reading goes on by itself: later, or in the next turn. */
  private pacing: NodeJS.Timeout | NodeJS.Immediate | undefined;
  /** What was read and is not handed on yet. */
  private rest: Buffer | undefined;
  private isSlow = false;
  private slice = SLICE_FRAMES;
  private readonly pace: ReadPace;
  private readonly pending = new Map<number, Pending>();
  /** CSeqs given up on: their late replies must not be taken for another request's. */
  private readonly expired = new Set<number>();
  private framer: Framer;
  private readonly log: Logger;

  private constructor(private readonly options: ConnectionOptions) {
    this.log = options.logger ?? silentLogger;
    this.pace = options.pace ?? new ReadPace();
    this.framer = this.makeFramer();
  }

  /** Rejects with EDNS, ECONNREFUSED, EUNREACHABLE, ETIMEDOUT or ETLS, and with what else the bearer fails with. */
  static async open(options: ConnectionOptions): Promise<RtspConnection> {
    const connection = new RtspConnection(options);
    await connection.connect();
    return connection;
  }

  private async connect(): Promise<void> {
    const { options } = this;
    const open = options.open ?? openPipe;
    // A bearer may break before it is handed over: what came with its first bytes was no RTSP.
    let pipe: Pipe | undefined;
    let broken: { readonly error: NvrError | undefined } | undefined;
    const opened = await open({
      host: options.host,
      port: options.port,
      tls: options.tls,
      connectTimeoutMs: options.timeoutMs,
      request: {
        path: options.path ?? '/',
        userAgent: options.userAgent,
        credentials: options.credentials,
        rules: options.rules,
        onWarning: options.onWarning,
        gate: options.gate,
        logger: this.log,
      },
      onData: (buffer, length) => {
        this.take(buffer, length);
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

  /** Bytes of junk passed over between frames. */
  get skippedBytes(): number {
    return this.framer.skippedBytes;
  }

  get isOpen(): boolean {
    return !this.closed;
  }

  /**
   * Sends a request and waits for its reply. A 401 is answered once with the challenge's nonce (row 9), and once more over
   * the base URI where the server checks that (row 10). Any other status is the caller's to judge.
   * Rejects with ETIMEDOUT, EBUSY (too many pending), EAUTH, EUNSUPPORTED (a challenge that cannot be answered), or the error that ended
   * the connection.
   */
  async request(
    method: string,
    uri: string,
    extra: Readonly<Record<string, string>> = {},
    timeoutMs = this.options.timeoutMs,
  ): Promise<RtspResponse> {
    const response = await this.exchange(method, uri, extra, timeoutMs);
    const auth = this.options.authenticator;
    if (response.status !== 401 || auth === undefined) return response;
    const exchange = (): Promise<RtspResponse> => this.exchange(method, uri, extra, timeoutMs);
    // A session is its connection's.
    const again = extra.Session === undefined ? () => this.answer(response, exchange) : exchange;
    const last = await logIn(auth, response, method, again, this.options.gate, uri);
    if (auth.inClear && !this.hasWarned) {
      this.hasWarned = true;
      this.options.onWarning?.(clearPassword('The server'));
    }
    return last;
  }

  /** The answer to a challenge, on a new connection where the server closes the one that it asked on (VStarcam). */
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
      '* the server closes the connection that it asks for a log-in on: the answer goes over another',
    );
    this.closed = true;
    this.stopPacing();
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

  /** Sends one interleaved packet, RTCP mostly. Dropped while more than a packet's worth of bytes is unsent. */
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
    this.paused = true;
    this.pipe?.pause();
  }

  resume(): void {
    this.paused = false;
    this.goOn();
  }

  private take(buffer: Buffer, length: number): void {
    // TLS may bring more after reading was stopped.
    if (this.rest !== undefined) this.rest = Buffer.concat([this.rest, buffer.subarray(0, length)]);
    else this.handOn(buffer, length);
  }

  /** Hands on what was read, as far as the pace allows. The rest waits, and so does reading. */
  private handOn(buffer: Buffer, length: number, isOwn = false): void {
    let at = 0;
    let begun = (this.readAt = performance.now());
    let cpu = cpuMs();
    this.options.onReadStart?.(buffer, length, begun);
    while (at < length && !this.closed) {
      at = this.framer.feed(buffer, at, length, this.slice);
      const now = performance.now();
      this.slice =
        now - begun > SLICE_MS ? Math.max(this.slice >> 2, 1) : Math.min(this.slice * 2, SLICE_FRAMES);
      const used = cpuMs();
      const ms = this.pace.afterRead(begun, now, used - cpu);
      if (ms !== undefined) {
        // The read buffer is used again; what waited before is this connection's own.
        const rest = at < length ? buffer.subarray(at, length) : undefined;
        this.rest = isOwn || rest === undefined ? rest : Buffer.from(rest);
        this.rests(ms);
        break;
      }
      begun = now;
      cpu = used;
    }
    this.options.onRead?.();
  }

  /** Reads nothing for so many ms, or until the loop's next turn. */
  private rests(ms: number): void {
    this.pipe?.pause();
    const goOn = (): void => {
      this.pacing = undefined;
      this.goOn();
    };
    this.pacing ??= ms === 0 ? setImmediate(goOn) : setTimeout(goOn, ms);
    if (ms === 0 || this.isSlow) return;
    this.isSlow = true;
    this.options.onSlow?.();
  }

  private goOn(): void {
    if (this.paused || this.closed || this.pacing !== undefined) return;
    const { rest } = this;
    this.rest = undefined;
    try {
      if (rest !== undefined) this.handOn(rest, rest.length, true);
    } catch (error) {
      this.pipe?.destroy();
      this.end(asNvrError(error));
      return;
    }
    if (this.mayRead()) this.pipe?.resume();
  }

  /** Neither the user nor the pace is against it; handing on may have changed that. */
  private mayRead(): boolean {
    return !this.paused && !this.closed && this.pacing === undefined;
  }

  private stopPacing(): void {
    clearTimeout(this.pacing as NodeJS.Timeout | undefined);
    clearImmediate(this.pacing as NodeJS.Immediate | undefined);
    this.pacing = undefined;
  }

  /** Idempotent; rejects what is pending. `onClose` is not called. */
  destroy(): void {
    this.destroyed = true;
    if (this.closed) return;
    this.closed = true;
    this.stopPacing();
    this.pipe?.destroy();
    this.rejectPending(new NvrError('EUNREACHABLE', 'The connection was closed.'));
  }

  private exchange(
    method: string,
    uri: string,
    extra: Readonly<Record<string, string>>,
    timeoutMs: number,
  ): Promise<RtspResponse> {
    return new Promise((resolve, reject) => {
      if (this.closed || this.pipe === undefined) {
        reject(new NvrError('EUNREACHABLE', 'The connection is closed.'));
        return;
      }
      if (this.pending.size >= LIMITS.pendingRequests) {
        reject(new NvrError('EBUSY', `The server left ${LIMITS.pendingRequests} requests unanswered.`));
        return;
      }
      const cseq = ++this.cseq;
      const headers = new Headers().set('CSeq', String(cseq)).set('User-Agent', this.options.userAgent);
      const authorization = this.options.authenticator?.authorize(method, uri);
      if (authorization !== undefined) headers.set('Authorization', authorization);
      for (const [name, value] of Object.entries(extra)) headers.set(name, value);

      let bytes: Buffer;
      try {
        bytes = serializeRequest({ method, uri, headers, body: Buffer.alloc(0) });
      } catch (error) {
        // The user's own URI was looked at before: what cannot be sent back is the server's.
        reject(new NvrError('EPROTOCOL', UNSENDABLE, { cause: error }));
        return;
      }
      const timer = setTimeout(() => {
        this.pending.delete(cseq);
        this.expired.add(cseq);
        if (this.expired.size > LIMITS.pendingRequests)
          this.expired.delete(this.expired.values().next().value!);
        reject(this.noAnswer(method, timeoutMs));
      }, timeoutMs);
      this.pending.set(cseq, { cseq, method, sentAt: performance.now(), timer, resolve, reject });
      this.log.debug(redact(`> ${bytes.toString('latin1').trimEnd()}`));
      this.pipe.write(bytes);
    });
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
    const pending = this.claim(response);
    this.log.debug(redact(`< ${describe(response)}`));
    if (pending === undefined) return;
    clearTimeout(pending.timer);
    this.rttMs = this.readAt - pending.sentAt;
    pending.resolve(response);
  }

  /** The request a reply answers: by CSeq; where that is missing, or is none of ours (one behind), the oldest one (row 5). */
  private claim(response: RtspResponse): Pending | undefined {
    const cseq = Number.parseInt(response.headers.get('CSeq') ?? '', 10);
    if (this.expired.delete(cseq)) return undefined;
    const found = this.pending.get(cseq) ?? this.pending.values().next().value;
    if (found !== undefined) this.pending.delete(found.cseq);
    return found;
  }

  private onRequest(request: RtspRequest): void {
    const granted = GRANTED.has(request.method);
    const headers = new Headers().set('CSeq', request.headers.get('CSeq') ?? '0');
    if (request.method === 'OPTIONS') headers.set('Public', [...GRANTED].join(', '));
    const session = request.headers.get('Session');
    if (session !== undefined) headers.set('Session', session);
    this.log.debug(redact(`< ${request.method} ${request.uri} (from the server)`));
    // A server that floods us with requests must not make us buffer replies without bound.
    if (this.pipe !== undefined && this.pipe.unsent < LIMITS.packetBytes) {
      const reason = granted ? 'OK' : 'Not Implemented';
      this.pipe.write(answerOf({ status: granted ? 200 : 501, reason, headers, body: Buffer.alloc(0) }));
    }
    if (request.method === 'TEARDOWN' || request.method === 'REDIRECT') this.options.onServerRequest(request);
  }

  private end(error: NvrError | undefined): void {
    if (this.closed) return;
    this.closed = true;
    this.stopPacing();
    this.rejectPending(error ?? new NvrError('EUNREACHABLE', 'The server closed the connection.'));
    if (!this.isAnswering) this.options.onClose(error);
  }

  private rejectPending(error: NvrError): void {
    const waiting = [...this.pending.values()];
    this.pending.clear();
    for (const request of waiting) {
      clearTimeout(request.timer);
      request.reject(error);
    }
  }
}

/** Throws EPROTOCOL for what the server's own fields make unsendable. */
function answerOf(response: RtspResponse): Buffer {
  try {
    return serializeResponse(response);
  } catch (error) {
    throw new NvrError('EPROTOCOL', UNSENDABLE, { cause: error });
  }
}

/** CPU time of this process so far. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function asNvrError(error: unknown): NvrError {
  return error instanceof NvrError
    ? error
    : new NvrError('EPROTOCOL', 'What the server sent could not be read.', { cause: error });
}

function describe(response: RtspResponse): string {
  const lines = [`RTSP/1.0 ${response.status} ${response.reason}`];
  for (const [name, value] of response.headers) lines.push(`${name}: ${value}`);
  if (response.body.length > 0)
    lines.push('', textOfBytes(response.body.toString('latin1', 0, LOGGED_BODY_BYTES)));
  return lines.join('\r\n');
}
