// RTSP tunnelled in HTTP, as QuickTime does it: what the server says comes as the body of a GET, what we say goes in base64 as the
// body of a POST, and a cookie tells the server that the two belong together. Plain, or over TLS.

import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { NvrError } from '../../errors.js';
import { LIMITS } from '../../limits.js';
import { redact } from '../../redact.js';
import { Authenticator } from '../../rtsp/auth.js';
import { Headers } from '../../rtsp/message.js';
import { HttpHead, type HttpAnswer } from '../../rtsp/http-head.js';
import { printable, textOfBytes } from '../../text.js';
import { clearPassword, logIn } from '../login.js';
import { authorityOnWire } from '../../rtsp/uri.js';
import { openPipe, type BearerRequest, type Pipe, type PipeOptions, type SocketPipe } from './socket.js';
import { errorOfStatus } from '../status.js';

/** What a POST may carry: it must announce a length, and this is the one that servers know. */
const POST_BYTES = 32_767;
/** Bytes that fill a POST: whole groups of three, so that base64 pads the end of a write alone. */
const WRITE_BYTES = Math.floor(POST_BYTES / 4) * 3;
/** A refusal of a log-in comes at once; most servers never answer a POST that they take. */
const REFUSAL_MS = 1_000;
const TUNNELLED = 'application/x-rtsp-tunnelled';
const ADVICE =
  'choose another transport, or give the port on which it serves RTSP over HTTP as the RTSP port.';

/**
 * Opens a tunnel: the `openPipe` of a session whose transport is TCP. Rejects as `openPipe` of a socket does, and with EAUTH,
 * EFORBIDDEN, ESESSIONS, EUNSUPPORTED (no tunnel here) or EPROTOCOL. The POST is opened with the first write.
 */
export async function httpTunnel(options: PipeOptions): Promise<Pipe> {
  const tunnel = new Tunnel(options);
  await tunnel.open();
  return tunnel;
}

interface Post {
  readonly pipe: SocketPipe;
  readonly head: HttpHead;
  isOver(): boolean;
  /** How it was answered; a server that takes it may never say so. */
  readonly answer: Promise<HttpAnswer>;
  /** What it carried, should it be refused: POST_BYTES at most. */
  readonly sent: Buffer[];
  left: number;
}

class Tunnel implements Pipe {
  private readonly request: BearerRequest;
  private readonly cookie = randomBytes(11).toString('hex');
  private readonly authenticator: Authenticator | undefined;
  private get: SocketPipe | undefined;
  private post: Post | undefined;
  /** A POST is being opened; what is written meanwhile waits. */
  private changing = false;
  private queue: Buffer[] = [];
  private queued = 0;
  private closed = false;

  constructor(private readonly options: PipeOptions) {
    this.request = options.request ?? { path: '/', userAgent: '' };
    const { credentials } = this.request;
    if (credentials !== undefined)
      this.authenticator = new Authenticator(credentials, { rules: this.request.rules });
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
    const { authenticator } = this;
    let answer = await this.ask();
    if (answer.status === 401 && authenticator !== undefined) {
      this.get?.destroy();
      answer = await this.login(authenticator, answer, 'GET', () => {
        this.get?.destroy();
        return this.ask();
      });
    }
    if (!isTunnel(answer)) {
      this.get?.destroy();
      throw this.refusal('GET', answer);
    }
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

  /** One GET on a connection of its own, kept where it is the tunnel. Rejects with what keeps it from being answered. */
  private ask(): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      const begun = performance.now();
      const { connectTimeoutMs } = this.options;
      const head = new HttpHead();
      let timer: NodeJS.Timeout | undefined;
      let isOpen = false;
      const unanswered = (error: NvrError): void => {
        clearTimeout(timer);
        reject(head.beginsOtherwise ? this.stranger('GET', head) : error);
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
          else unanswered(error ?? this.closedOn());
        },
      });
      opening.then((pipe) => {
        if (head.answer === undefined) {
          timer = setTimeout(
            () => {
              pipe.destroy();
              const text = `${this.where} did not answer RTSP over HTTP within ${connectTimeoutMs / 1000} s: ${ADVICE}`;
              unanswered(new NvrError('ETIMEDOUT', text));
            },
            Math.max(1, begun + connectTimeoutMs - performance.now()),
          );
        }
        this.get = pipe;
      }, reject);
    });
  }

  /** Sends what waits, as far as the present POST may carry it; the rest waits for the next one. */
  private pump(): void {
    while (!this.changing && !this.closed && this.queue.length > 0) {
      const { post } = this;
      const chunk = this.queue[0]!;
      if (post === undefined || post.left < chunk.length) {
        void this.change(async () => {
          // What it was given comes first, and a server takes one POST at a time.
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

  /** Never rejects: a POST that cannot be opened is the tunnel's end. */
  private async change(open: () => Promise<Post>): Promise<void> {
    this.changing = true;
    try {
      const post = await open();
      if (this.closed) post.pipe.destroy();
      else this.post = post;
    } catch (error) {
      this.fail(
        error instanceof NvrError
          ? error
          : new NvrError('EPROTOCOL', 'The HTTP tunnel cannot be written to.', { cause: error }),
      );
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
          this.repeat(this.post, heard, this.authenticator);
        else if (heard.status >= 300) this.fail(this.refusal('POST', heard));
      },
      onBytes: () => undefined,
      onClose: (error) => {
        over = true;
        if (this.post?.head !== head) return;
        // A server may close a POST: the next write opens another.
        this.post = undefined;
        if (head.beginsOtherwise) this.fail(this.stranger('POST', head));
        else if (error !== undefined && error.code !== 'EUNREACHABLE') this.fail(error);
      },
    });
    return { pipe, head, isOver: () => over, answer, sent: [], left: POST_BYTES };
  }

  /** A POST wants a log-in: what it carried is sent again by one that answers the challenge. */
  private repeat(post: Post, refused: HttpAnswer, authenticator: Authenticator): void {
    post.pipe.destroy();
    this.post = undefined;
    this.queue = [...post.sent, ...this.queue];
    for (const chunk of post.sent) this.queued += chunk.length;
    void this.change(async () => {
      const again: { post?: Post } = {};
      const answer = await this.login(authenticator, refused, 'POST', async () => {
        again.post?.pipe.destroy();
        again.post = await this.openPost(false);
        return firstAnswer(again.post);
      });
      if (again.post === undefined || answer.status >= 300) {
        again.post?.pipe.destroy();
        throw this.refusal('POST', answer);
      }
      if (again.post.isOver()) throw this.closedOn();
      return again.post;
    });
  }

  private async login(
    authenticator: Authenticator,
    refused: HttpAnswer,
    method: 'GET' | 'POST',
    again: () => Promise<HttpAnswer>,
  ): Promise<HttpAnswer> {
    const answer = await logIn(authenticator, refused, `HTTP ${method}`, again, this.request.gate);
    if (authenticator.inClear && method === 'GET') this.request.onWarning?.(clearPassword(this.where));
    return answer;
  }

  private async connect(head: HttpHead, method: 'GET' | 'POST', listener: Listener): Promise<SocketPipe> {
    const request = this.headOf(method);
    let answer: HttpAnswer | undefined;
    const pipe = await openPipe({
      ...this.options,
      onData: (buffer, length) => {
        if (answer !== undefined) {
          listener.onBytes(buffer, length);
          return;
        }
        const taken = head.take(buffer, length);
        if (head.isOther) throw this.stranger(method, head);
        answer = head.answer;
        if (answer === undefined) return;
        this.request.logger?.debug(`< ${this.shown(head.said)}`);
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

  private headOf(method: 'GET' | 'POST'): Buffer {
    const { path, userAgent } = this.request;
    const { host, port } = this.options;
    const authorization = this.authenticator?.authorize(method, path);
    const lines = [
      `${method} ${path} HTTP/1.0`,
      `Host: ${authorityOnWire(host, port, 0)}`,
      ...(userAgent === '' ? [] : [`User-Agent: ${userAgent}`]),
      `x-sessioncookie: ${this.cookie}`,
      ...(method === 'GET'
        ? [`Accept: ${TUNNELLED}`]
        : [
            `Content-Type: ${TUNNELLED}`,
            `Content-Length: ${POST_BYTES}`,
            'Expires: Sun, 9 Jan 1972 00:00:00 GMT',
          ]),
      'Pragma: no-cache',
      'Cache-Control: no-cache',
      ...(authorization === undefined ? [] : [`Authorization: ${authorization}`]),
    ];
    if (/[ \t\r\n]/.test(path))
      throw new NvrError('EINPUT', 'The URI must not hold white space or control characters.');
    // eslint-disable-next-line no-control-regex -- a value must not smuggle a second line in
    if (lines.some((line) => /[\x00-\x1f\x7f]/.test(line)))
      throw new NvrError('EPROTOCOL', 'The server’s challenge holds control characters.');
    return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  }

  private fail(error: NvrError | undefined): void {
    if (this.closed) return;
    this.destroy();
    this.options.onClose(error);
  }

  private refusal(method: 'GET' | 'POST', { status, reason, headers }: HttpAnswer): NvrError {
    const said = this.shown(reason);
    if (status === 401 || status === 403 || status === 503)
      return errorOfStatus(status, said, `HTTP ${method}`);
    if (status === 200)
      return new NvrError(
        'EUNSUPPORTED',
        `${this.where} serves web pages there (${this.shown(headers.get('Content-Type') ?? '')}), not RTSP over HTTP: ${ADVICE}`,
      );
    return new NvrError(
      'EUNSUPPORTED',
      `${this.where} answered RTSP over HTTP with "${status} ${said}": ${ADVICE}`,
      {
        status,
      },
    );
  }

  private stranger(method: 'GET' | 'POST', head: HttpHead): NvrError {
    return new NvrError(
      'EUNSUPPORTED',
      `${this.where} answered HTTP ${method} with "${this.shown(head.said)}", which is not HTTP: ${ADVICE}`,
    );
  }

  /** A server may repeat what it was asked, and the path may hold a key: it is struck out with all that follows it. */
  private shown(said: string): string {
    const { path } = this.request;
    const at = path.length < 3 ? -1 : said.indexOf(path.slice(0, 8));
    return printable(redact(at === -1 ? said : `${said.slice(0, at)}***`), 80);
  }

  private closedOn(): NvrError {
    const text = `${this.where} closed the connection when asked for RTSP over HTTP; where it always does, ${ADVICE}`;
    return new NvrError('EUNREACHABLE', text);
  }

  private get where(): string {
    return printable(`${this.options.host}:${this.options.port}`);
  }
}

interface Listener {
  onAnswer(answer: HttpAnswer): void;
  /** What follows the answer's head, from the start of `buffer`. */
  onBytes(buffer: Buffer, length: number): void;
  onClose(error?: NvrError): void;
}

/** Some servers leave the content type out; a web page has one. */
function isTunnel({ status, headers }: HttpAnswer): boolean {
  return status === 200 && (headers.get('Content-Type') ?? TUNNELLED).toLowerCase().includes(TUNNELLED);
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
