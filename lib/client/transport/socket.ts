// A TCP or TLS connection as a pipe: it reads into one static buffer, reports errors with this package's
// codes, and never throws.

import net from 'node:net';
import tls from 'node:tls';
import { NvrError } from '../../errors.js';
import { printable } from '../../text.js';
import { givenUp } from '../given-up.js';
import { errorOfSocket } from '../status.js';

/** TLS as Node's `tls.connect` takes it; certificates are verified unless `rejectUnauthorized` is false. */
export interface TlsSettings {
  ca?: string | Buffer;
  cert?: string | Buffer;
  key?: string | Buffer;
  passphrase?: string;
  servername?: string;
  rejectUnauthorized?: boolean;
}

/** What an RTSP connection needs from its bearer, whether that is TCP, TLS or an HTTP tunnel. */
export interface Pipe {
  readonly localAddress: string;
  readonly remoteAddress: string;
  /** Bytes written and not yet taken by the kernel. */
  readonly unsent: number;
  write(data: Buffer): void;
  /** Stops and resumes reading: the peer then feels back-pressure. */
  pause(): void;
  resume(): void;
  /** Idempotent. `onClose` is not called after it. */
  destroy(): void;
}

export interface PipeOptions {
  host: string;
  port: number;
  tls?: TlsSettings | undefined;
  connectTimeoutMs: number;
  /** Aborts connecting. It has no effect once the pipe is open. */
  signal?: AbortSignal | undefined;
  /**
   * The first `length` bytes of `buffer`, which the next read overwrites: they are valid during the call
   * only.
   */
  onData(buffer: Buffer, length: number): void;
  /**
   * The peer closed the connection (no error), or it failed. Called at most once, and only after `openPipe`
   * resolved.
   */
  onClose(error?: NvrError): void;
}

export type OpenPipe = (options: PipeOptions) => Promise<Pipe>;

/** The pipe of a single socket. */
export interface SocketPipe extends Pipe {
  /** Closes the socket after everything written was sent, and resolves then. `onClose` is not called. */
  end(): Promise<void>;
}

/** Twice the size of a server's usual write, so that a fast server takes fewer reads. */
const READ_BUFFER_BYTES = 128 * 1024;

/** Connects. Rejects with EDNS, ECONNREFUSED, EUNREACHABLE (also if `signal` aborts), ETIMEDOUT or ETLS. */
export function openPipe(options: PipeOptions): Promise<SocketPipe> {
  if (options.signal?.aborted === true) return Promise.reject(givenUp());
  return new SocketInUse(options).opened;
}

/** One socket, from the attempt to connect until it is closed. */
class SocketInUse implements SocketPipe {
  localAddress = '';
  remoteAddress = '';
  /** Resolves when the socket is connected, with TLS if requested; rejects as `openPipe` does. */
  readonly opened: Promise<SocketPipe>;
  private state: 'connecting' | 'open' | 'closed' = 'connecting';
  private readonly where: string;
  private readonly socket: net.Socket;
  /** Resolves when the socket has closed. */
  private readonly gone: Promise<void>;
  private readonly timer: NodeJS.Timeout;
  private resolveOpened!: () => void;
  private rejectOpened!: (error: NvrError) => void;
  private readonly giveUp = (): void => {
    this.fail(givenUp());
  };

  constructor(private readonly options: PipeOptions) {
    const { host, port, tls: tlsSettings, connectTimeoutMs, signal } = options;
    this.where = printable(`${host}:${port}`);
    this.opened = new Promise((resolve, reject) => {
      this.resolveOpened = () => {
        resolve(this);
      };
      this.rejectOpened = reject;
    });
    const onread = {
      buffer: Buffer.allocUnsafeSlow(READ_BUFFER_BYTES),
      callback: (length: number, buffer: Uint8Array): boolean => this.onRead(length, buffer as Buffer),
    };
    const onError = (error: unknown): void => {
      this.fail(errorOfSocket(error, this.where));
    };
    this.socket = connect(options, onread, onError);
    this.timer = setTimeout(() => {
      const text = `${this.where} does not answer; check the address, the network and the firewall.`;
      this.fail(new NvrError('ETIMEDOUT', text));
    }, connectTimeoutMs);
    signal?.addEventListener('abort', this.giveUp, { once: true });
    this.socket.on('error', onError);
    this.gone = new Promise((resolve) => {
      this.socket.on('close', () => {
        this.fail(undefined);
        resolve();
      });
    });
    this.socket.once(tlsSettings === undefined ? 'connect' : 'secureConnect', () => {
      this.onConnected();
    });
  }

  get unsent(): number {
    return this.socket.writableLength;
  }

  write(data: Buffer): void {
    if (this.state !== 'closed') this.socket.write(data);
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  end(): Promise<void> {
    this.state = 'closed';
    this.socket.destroySoon();
    return this.gone;
  }

  destroy(): void {
    this.state = 'closed';
    this.socket.destroy();
  }

  private onConnected(): void {
    if (this.state === 'closed') return;
    this.state = 'open';
    this.stopWaiting();
    this.socket.setNoDelay(true);
    this.socket.setKeepAlive(true, 30_000);
    this.localAddress = this.socket.localAddress ?? '';
    this.remoteAddress = this.socket.remoteAddress ?? '';
    this.resolveOpened();
  }

  /** Returns false to stop reading. */
  private onRead(length: number, buffer: Buffer): boolean {
    if (this.isClosed()) return false;
    try {
      this.options.onData(buffer, length);
    } catch (cause) {
      this.fail(
        cause instanceof NvrError
          ? cause
          : new NvrError('EPROTOCOL', `What ${this.where} sent could not be read.`, { cause }),
      );
    }
    return !this.isClosed();
  }

  /** The socket has failed; or the peer has closed it, without an error. */
  private fail(error: NvrError | undefined): void {
    if (this.isClosed()) return;
    const wasOpen = this.state === 'open';
    this.state = 'closed';
    this.stopWaiting();
    this.socket.destroy();
    if (!wasOpen) {
      this.rejectOpened(
        error ?? new NvrError('EUNREACHABLE', `${this.where} closed the connection at once.`),
      );
      return;
    }
    try {
      this.options.onClose(error);
    } catch {
      // An error thrown by `onClose` is ignored: the pipe is closed, so no callback is left to report it to.
    }
  }

  private stopWaiting(): void {
    clearTimeout(this.timer);
    this.options.signal?.removeEventListener('abort', this.giveUp);
  }

  /** A method, because a call in between may close the pipe and the compiler would not expect that. */
  private isClosed(): boolean {
    return this.state === 'closed';
  }
}

function connect(
  options: PipeOptions,
  onread: net.OnReadOpts,
  onThrown: (error: unknown) => void,
): net.Socket {
  const target = { host: options.host, port: options.port, onread };
  try {
    if (options.tls === undefined) return net.connect(target);
    const servername = options.tls.servername ?? (net.isIP(options.host) === 0 ? options.host : '');
    return tls.connect({ ...options.tls, ...target, servername });
  } catch (error) {
    // `tls.connect` throws at once for a malformed CA, certificate or key.
    const idle = new net.Socket();
    queueMicrotask(() => {
      onThrown(
        new NvrError('ETLS', 'The TLS settings cannot be used; check the CA, the certificate and the key.', {
          cause: error,
        }),
      );
    });
    return idle;
  }
}
