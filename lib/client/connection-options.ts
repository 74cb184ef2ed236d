// The options of an RTSP connection, and the listener that receives what arrives on it.

import type { NvrError } from '../errors.js';
import type { Logger } from '../log.js';
import type { Authenticator } from '../rtsp/auth.js';
import type { RtspRequest } from '../rtsp/message.js';
import type { LoginGate } from './login-gate.js';
import type { ServerMemory } from './quirks.js';
import type { ReadPace } from './read-pace.js';
import type { OpenPipe, TlsSettings } from './transport/socket.js';

/** Receives the packets, requests and end of a connection. */
export interface ConnectionListener {
  isChannelInUse(channel: number): boolean;
  /**
   * Called before the packets of one socket read: the read's bytes are the first `length` of `buffer`, and
   * `arrival` is its time in monotonic ms.
   */
  onReadStart?(buffer: Buffer, length: number, arrival: number): void;
  /**
   * One interleaved packet (RFC 2326 10.12), called synchronously by the framer. The buffer is valid during
   * the call only.
   */
  onPacket: (channel: number, buffer: Buffer, start: number, end: number) => void;
  /** Called after the last packet of one socket read. */
  onRead?(): void;
  /** Limits the part of the event loop's time that reading may take; unlimited by default. */
  readonly pace?: ReadPace;
  /** The server sends faster than `pace` lets us read. Called once per connection. */
  onSlow?(): void;
  /**
   * A request from the server that ends or moves the session (TEARDOWN, REDIRECT). It has been answered
   * already.
   */
  onServerRequest(request: RtspRequest): void;
  /** The connection has ended, and pending requests have been rejected. Called at most once. */
  onClose(error?: NvrError): void;
}

export interface ConnectionOptions extends ConnectionListener {
  host: string;
  port: number;
  tls?: TlsSettings | undefined;
  /** Time limit for connecting, and for each reply, in ms. */
  timeoutMs: number;
  userAgent: string;
  authenticator?: Authenticator | undefined;
  gate?: LoginGate | undefined;
  /** Remembers whether the server takes a log-in on the same connection or on a new one. */
  memory?: ServerMemory | undefined;
  /** Called once if the password is sent in clear text. */
  onWarning?: ((error: NvrError) => void) | undefined;
  logger?: Logger | undefined;
  /** Opens the connection that carries the bytes; TCP or TLS by default. */
  open?: OpenPipe;
  /** Aborts connecting. It has no effect once the connection is open: `destroy` ends that. */
  signal?: AbortSignal | undefined;
}
