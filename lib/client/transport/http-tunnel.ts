// RTSP tunnelled in HTTP, as QuickTime does it: the server sends in the body of a GET, the client sends in
// base64 in the body of a POST, and a cookie tells the server that the two belong together. Works with and
// without TLS.

import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { asNvrError, NvrError } from '../../errors.js';
import { LIMITS } from '../../limits.js';
import { redact } from '../../redact.js';
import { Authenticator } from '../../rtsp/auth.js';
import { HttpHead, type HttpAnswer } from '../../rtsp/http-head.js';
import { Headers } from '../../rtsp/message.js';
import { textOfBytes } from '../../text.js';
import { unlessGivenUp } from '../given-up.js';
import { clearPassword, login } from '../login.js';
import { openPipe, type Pipe, type PipeOptions, type SocketPipe } from './socket.js';
import type { BearerRequest, Transport } from './transport.js';
import { interleaved } from './transports.js';
import { headOf, isTunnel, POST_BYTES, TunnelErrors, type TunnelMethod } from './tunnel-head.js';

/** Bytes that fill a POST: a multiple of three, so that base64 padding occurs only at the end of a write. */
const WRITE_BYTES = Math.floor(POST_BYTES / 4) * 3;
/** A refused log-in is answered within this time (ms). Most servers never answer a POST that they accept. */
const REFUSAL_MS = 1_000;

/** RTSP and its media inside HTTP, on the session's own host and port. */
export function httpTunnel(): Transport {
  return {
    name: 'http',
    lower: 'tcp',
    followsRedirects: false,
    bearer: (request) => (options) => openTunnel(options, request),
    openTrack: (context) => Promise.resolve(interleaved(context)),
  };
}

/**
 * Rejects as a socket's `openPipe` does, and with EAUTH, EFORBIDDEN, ESESSIONS, EUNSUPPORTED (the server
 * offers no tunnel) or EPROTOCOL. The POST is opened with the first write.
 */
export async function openTunnel(options: PipeOptions, request: BearerRequest): Promise<Pipe> {
  const tunnel = new Tunnel(options, request);
  try {
    await unlessGivenUp(tunnel.open(), options.signal);
    return tunnel;
  } catch (error) {
    tunnel.destroy();
    throw error;
  }
}

interface Post {
  readonly pipe: SocketPipe;
  readonly head: HttpHead;
  isOver(): boolean;
  /** The reply to the POST; a server that accepts it may never send one. */
  readonly answer: Promise<HttpAnswer>;
  /** What this POST has carried, POST_BYTES at most, in case it is refused and has to be repeated. */
  readonly sent: Buffer[];
  left: number;
}

class Tunnel implements Pipe {
  private readonly errors: TunnelErrors;
  private readonly cookie = randomBytes(11).toString('hex');
  private readonly authenticator: Authenticator | undefined;
  private get: SocketPipe | undefined;
  private post: Post | undefined;
  /** A POST is being opened; data written meanwhile are queued. */
  private changing = false;
  private queue: Buffer[] = [];
  private queued = 0;
  private closed = false;

  constructor(
    private readonly options: PipeOptions,
    private readonly request: BearerRequest,
  ) {
    const { credentials, path, rules } = request;
    this.errors = new TunnelErrors(options, path);
    if (credentials !== undefined) this.authenticator = new Authenticator(credentials, { rules });
  }

  get localAddress(): string {
    return this.get?.localAddress ?? '';
  }

  get remoteAddress(): string {
    return this.get?.remoteAddress ?? '';
  }

  get unsent(): number {
    return this.queued + (this.post?.pipe.unsent ?? 0);
  }

  async open(): Promise<void> {
    const answer = await this.login('GET', () => {
      this.get?.destroy();
      return this.ask();
    });
    if (!isTunnel(answer)) throw this.errors.refusal('GET', answer);
  }

  write(data: Buffer): void {
    if (this.closed) return;
    for (let at = 0; at < data.length; at += WRITE_BYTES) {
      const chunk = Buffer.from(data.toString('base64', at, at + WRITE_BYTES), 'latin1');
      this.queue.push(chunk);
      this.queued += chunk.length;
    }
    if (this.queued > LIMITS.tunnelBytes) {
      this.fail(new NvrError('EBUSY', 'The server is slow to take requests through the HTTP tunnel.'));
      return;
    }
    this.pump();
  }

  pause(): void {
    this.get?.pause();
  }

  resume(): void {
    this.get?.resume();
  }

  destroy(): void {
    this.closed = true;
    this.queue = [];
    this.queued = 0;
    this.get?.destroy();
    this.post?.pipe.destroy();
  }

  /**
   * Sends one GET on a new connection, which is kept if the server opens the tunnel. Rejects with the reason
   * why there is no reply.
   */
  private ask(): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      const begun = performance.now();
      const { connectTimeoutMs } = this.options;
      const head = new HttpHead();
      let timer: NodeJS.Timeout | undefined;
      let isOpen = false;
      const unanswered = (error: NvrError): void => {
        clearTimeout(timer);
        reject(head.beginsOtherwise ? this.errors.notHttp('GET', head) : error);
      };
      const opening = this.connect(head, 'GET', {
        onAnswer: (answer) => {
          clearTimeout(timer);
          isOpen = isTunnel(answer);
          resolve(answer);
        },
        onBytes: (buffer, length) => {
          if (isOpen) this.options.onData(buffer, length);
        },
        onClose: (error) => {
          if (isOpen) this.fail(error);
          else unanswered(error ?? this.errors.closed());
        },
      });
      opening.then((pipe) => {
        if (this.closed) pipe.destroy();
        else if (head.answer === undefined) {
          timer = setTimeout(
            () => {
              pipe.destroy();
              unanswered(this.errors.unanswered(connectTimeoutMs));
            },
            Math.max(1, begun + connectTimeoutMs - performance.now()),
          );
        }
        this.get = pipe;
      }, reject);
    });
  }

  /** Sends queued data until the present POST is full; the rest goes in the next one. */
  private pump(): void {
    while (!this.changing && !this.closed && this.queue.length > 0) {
      const { post } = this;
      const chunk = this.queue[0]!;
      if (post === undefined || post.left < chunk.length) {
        void this.change(async () => {
          // The old POST has to be sent completely first: a server takes one POST at a time.
          await post?.pipe.end();
          return this.openPost(true);
        });
        return;
      }
      this.queue.shift();
      this.queued -= chunk.length;
      post.left -= chunk.length;
      post.sent.push(chunk);
      post.pipe.write(chunk);
    }
  }

  /** Never rejects: if the POST cannot be opened, the tunnel fails. */
  private async change(open: () => Promise<Post>): Promise<void> {
    this.changing = true;
    try {
      const post = await open();
      if (this.closed) post.pipe.destroy();
      else this.post = post;
    } catch (error) {
      this.fail(asNvrError(error, 'EPROTOCOL', 'The HTTP tunnel cannot be written to.'));
    }
    this.changing = false;
    this.pump();
  }

  private async openPost(mayLogin: boolean): Promise<Post> {
    const head = new HttpHead();
    let over = false;
    let answered: (answer: HttpAnswer) => void = () => undefined;
    const answer = new Promise<HttpAnswer>((resolve) => (answered = resolve));
    const pipe = await this.connect(head, 'POST', {
      onAnswer: (heard) => {
        answered(heard);
        if (this.post?.head !== head) return;
        if (heard.status === 401 && mayLogin && this.authenticator !== undefined)
          this.repeat(this.post, heard);
        else if (heard.status >= 300) this.fail(this.errors.refusal('POST', heard));
      },
      onBytes: () => undefined,
      onClose: (error) => {
        over = true;
        if (this.post?.head !== head) return;
        // A server may close a POST at any time; the next write opens another.
        this.post = undefined;
        if (head.beginsOtherwise) this.fail(this.errors.notHttp('POST', head));
        else if (error !== undefined && error.code !== 'EUNREACHABLE') this.fail(error);
      },
    });
    return { pipe, head, isOver: () => over, answer, sent: [], left: POST_BYTES };
  }

  /** The POST was answered 401: sends the same data again in a POST with credentials. */
  private repeat(post: Post, refused: HttpAnswer): void {
    post.pipe.destroy();
    this.post = undefined;
    this.queue = [...post.sent, ...this.queue];
    for (const chunk of post.sent) this.queued += chunk.length;
    void this.change(async () => {
      const again: { post?: Post } = {};
      const repost = async (): Promise<HttpAnswer> => {
        again.post?.pipe.destroy();
        again.post = await this.openPost(false);
        return firstAnswer(again.post);
      };
      const answer = await this.login('POST', () => Promise.resolve(refused), repost);
      if (again.post === undefined || answer.status >= 300) {
        again.post?.pipe.destroy();
        throw this.errors.refusal('POST', answer);
      }
      if (again.post.isOver()) throw this.errors.closed();
      return again.post;
    });
  }

  private async login(
    method: TunnelMethod,
    ask: () => Promise<HttpAnswer>,
    again?: () => Promise<HttpAnswer>,
  ): Promise<HttpAnswer> {
    const { authenticator, request } = this;
    const answer = await login(request.gate, authenticator, ask, { what: `HTTP ${method}`, again });
    if (authenticator?.inClear === true && method === 'GET')
      request.onWarning?.(clearPassword(this.errors.where));
    return answer;
  }

  private async connect(head: HttpHead, method: TunnelMethod, listener: Listener): Promise<SocketPipe> {
    const authorization = this.authenticator?.authorize(method, this.request.path);
    const request = headOf(method, this.options, this.request, this.cookie, authorization);
    let answer: HttpAnswer | undefined;
    const pipe = await openPipe({
      ...this.options,
      // TEARDOWN goes in a POST, too, and is sent after the session was aborted.
      signal: method === 'GET' ? this.options.signal : undefined,
      onData: (buffer, length) => {
        if (answer !== undefined) {
          listener.onBytes(buffer, length);
          return;
        }
        const taken = head.take(buffer, length);
        if (head.isOther) throw this.errors.notHttp(method, head);
        answer = head.answer;
        if (answer === undefined) return;
        this.request.logger?.debug(`< ${this.errors.shown(head.said)}`);
        listener.onAnswer(answer);
        if (taken === length) return;
        buffer.copyWithin(0, taken, length);
        listener.onBytes(buffer, length - taken);
      },
      onClose: (error) => {
        listener.onClose(error);
      },
    });
    this.request.logger?.debug(redact(textOfBytes(`> ${request.toString('latin1').trimEnd()}`)));
    pipe.write(request);
    return pipe;
  }

  private fail(error: NvrError | undefined): void {
    if (this.closed) return;
    this.destroy();
    this.options.onClose(error);
  }
}

interface Listener {
  onAnswer(answer: HttpAnswer): void;
  /** The bytes after the reply's head, from the start of `buffer`. */
  onBytes(buffer: Buffer, length: number): void;
  onClose(error?: NvrError): void;
}

function firstAnswer(post: Post): Promise<HttpAnswer> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<HttpAnswer>((resolve) => {
    timer = setTimeout(() => {
      resolve({ status: 200, reason: '', headers: new Headers() });
    }, REFUSAL_MS);
  });
  return Promise.race([post.answer, silence]).finally(() => {
    clearTimeout(timer);
  });
}
