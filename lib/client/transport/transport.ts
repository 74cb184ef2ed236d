// The interface of a transport: how the connection's bytes travel, and how the packets of each track arrive.

import type { NvrError } from '../../errors.js';
import type { Logger } from '../../log.js';
import type { TransportSpec } from '../../rtsp/headers.js';
import type { LoginRules } from '../../rtsp/login-rules.js';
import type { RtspConnection } from '../connection.js';
import type { LoginGate } from '../login-gate.js';
import type { Lower } from '../quirks.js';
import type { Track } from '../track.js';
import type { ChannelTable } from './channels.js';
import type { OpenPipe } from './socket.js';

/**
 * One way to receive a stream: `tcp()`, `udp()`, `multicast()` or `httpTunnel()`. It has no state, so any
 * number of sessions may share it.
 */
export interface Transport {
  readonly name: Lower | 'http';
  /** The lower transport that SETUP asks for. */
  readonly lower: Lower;
  /**
   * Whether a redirect to another address can be followed.
   * @internal
   */
  readonly followsRedirects: boolean;
  /**
   * Makes the function that opens a connection. `request` is for a bearer that sends requests of its own.
   * @internal
   */
  bearer(request: BearerRequest): OpenPipe;
  /**
   * Prepares the SETUP of one track. Rejects with EUNREACHABLE if no UDP ports are free.
   * @internal
   */
  openTrack(context: TrackContext): Promise<TrackTransport>;
}

/** What a bearer that sends requests of its own (an HTTP tunnel) asks for, and with which credentials. */
export interface BearerRequest {
  /** The URI's path and query. It may hold a playback key, so errors never quote it. */
  readonly path: string;
  readonly userAgent: string;
  readonly credentials?: { username: string; password: string } | undefined;
  /** Which challenges may be answered. */
  readonly rules?: LoginRules | undefined;
  readonly onWarning?: ((error: NvrError) => void) | undefined;
  readonly gate?: LoginGate | undefined;
  readonly logger?: Logger | undefined;
}

export interface TrackContext {
  readonly connection: RtspConnection;
  readonly track: Track;
  readonly channels: ChannelTable;
  /** Whether a datagram that arrived at `now` may be taken. */
  readonly admit: (now: number) => boolean;
  /** Packets from one of the track's own sockets were handed on. */
  readonly onRead: () => void;
  /** One of the track's own sockets failed. */
  readonly onError: (error: NvrError) => void;
}

export interface TrackTransport {
  /** What SETUP asks for. */
  readonly asked: TransportSpec;
  /**
   * SETUP was granted. `granted` is undefined if the reply has no Transport header, which counts as
   * acceptance of what was asked for (quirk: odd-transport-reply). Rejects if the granted transport cannot be
   * used.
   */
  accept(granted: TransportSpec | undefined): Promise<void>;
  sendReport(report: Buffer): void;
  /** Idempotent. */
  close(): void;
}
