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
  const where = printable(`${options.host}:${options.port}`);
  const { signal } = options;
  if (signal?.aborted === true) return Promise.reject(givenUp());
  return new Promise((resolve, reject) => {
    let settled = false;
    let closed = false;
    const giveUp = (): void => {
      fail(givenUp());
    };

    const fail = (error: NvrError | undefined): void => {
      if (closed) return;
      closed = true;
      clearTimeout(timer);
      signal?.removeEventListener('abort', giveUp);
      socket.destroy();
      if (!settled) {
        settled = true;
        reject(error ?? new NvrError('EUNREACHABLE', `${where} closed the connection at once.`));
      } else {
        try {
          options.onClose(error);
        } catch {
          // The pipe is closed in any case, and there is nobody to report an error of `onClose` to.
        }
      }
    };

    const onread = {
      buffer: Buffer.allocUnsafeSlow(READ_BUFFER_BYTES),
      callback: (length: number, buffer: Uint8Array): boolean => {
        if (closed) return false;
        try {
          options.onData(buffer as Buffer, length);
        } catch (error) {
          fail(
            error instanceof NvrError
              ? error
              : new NvrError('EPROTOCOL', `What ${where} sent could not be read.`, { cause: error }),
          );
        }
        return !closed;
      },
    };

    const ready = options.tls === undefined ? 'connect' : 'secureConnect';
    const socket = connect(options, onread, (error) => {
      fail(errorOfSocket(error, where));
    });
    const timer = setTimeout(() => {
      fail(
        new NvrError(
          'ETIMEDOUT',
          `${where} does not answer; check the address, the network and the firewall.`,
        ),
      );
    }, options.connectTimeoutMs);
    signal?.addEventListener('abort', giveUp, { once: true });

    socket.on('error', (error) => {
      fail(errorOfSocket(error, where));
    });
    const gone = new Promise<void>((done) => {
      socket.on('close', () => {
        fail(undefined);
        done();
      });
    });
    socket.once(ready, () => {
      if (closed) return;
      clearTimeout(timer);
      signal?.removeEventListener('abort', giveUp);
      settled = true;
      socket.setNoDelay(true);
      socket.setKeepAlive(true, 30_000);
      resolve({
        localAddress: socket.localAddress ?? '',
        remoteAddress: socket.remoteAddress ?? '',
        get unsent() {
          return socket.writableLength;
        },
        write: (data) => {
          if (!closed) socket.write(data);
        },
        pause: () => {
          socket.pause();
        },
        resume: () => {
          socket.resume();
        },
        end: () => {
          closed = true;
          socket.destroySoon();
          return gone;
        },
        destroy: () => {
          closed = true;
          socket.destroy();
        },
      });
    });
  });
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
