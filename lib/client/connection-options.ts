// What an RTSP connection is made with, and who hears what it brings.

import type { NvrError } from '../errors.js';
import type { Logger } from '../log.js';
import type { Authenticator } from '../rtsp/auth.js';
import type { RtspRequest } from '../rtsp/message.js';
import type { LoginGate } from './login-gate.js';
import type { ServerMemory } from './quirks.js';
import type { ReadPace } from './read-pace.js';
import type { OpenPipe, TlsSettings } from './transport/socket.js';

/** Who hears what a connection brings. */
export interface ConnectionListener {
  isChannelInUse(channel: number): boolean;
  /**
   * A socket read begins to be handed on: `length` bytes from the start of `buffer`. `arrival`: its monotonic
   * ms.
   */
  onReadStart?(buffer: Buffer, length: number, arrival: number): void;
  /**
   * One interleaved packet (RFC 2326 10.12); the buffer is valid during the call only. Called straight from
   * the framer.
   */
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
  /** How the bytes travel; TCP or TLS unless said otherwise. */
  open?: OpenPipe;
  /** Gives up connecting. Says nothing once the connection is open: `destroy` ends it. */
  signal?: AbortSignal | undefined;
}
