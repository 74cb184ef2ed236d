// What a transport is: how the connection's bytes travel, and how each track's packets come.

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
 * One way to have a stream: `tcp()`, `udp()`, `multicast()` or `httpTunnel()`. A value without state: any
 * number of sessions may share it.
 */
export interface Transport {
  readonly name: Lower | 'http';
  /** The lower transport that SETUP asks for. */
  readonly lower: Lower;
  /** Whether a connection to another address can be made in its place.
   * @internal */
  readonly followsRedirects: boolean;
  /** How the bytes of one connection travel. `request`: for a bearer that makes requests of its own.
   * @internal */
  bearer(request: BearerRequest): OpenPipe;
  /** Prepares one track's SETUP. Rejects with EUNREACHABLE where no UDP ports can be had.
   * @internal */
  openTrack(context: TrackContext): Promise<TrackTransport>;
}

/** What a bearer with requests of its own, an HTTP tunnel, asks for, and as whom. */
export interface BearerRequest {
  /** The URI's path and query. It may hold a playback key: no error quotes it. */
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
  /** Whether a datagram that came at this time may be taken. */
  readonly admits: (now: number) => boolean;
  /** Packets of a read were handed on, from a socket of the track's own. */
  readonly onRead: () => void;
  /** Such a socket failed. */
  readonly onError: (error: NvrError) => void;
}

export interface TrackTransport {
  /** What SETUP asks for. */
  readonly asked: TransportSpec;
  /**
   * SETUP was granted; undefined: without a Transport, which is taken for a bare yes (quirk:
   * odd-transport-reply). Rejects where that cannot be.
   */
  accept(granted: TransportSpec | undefined): Promise<void>;
  sendReport(report: Buffer): void;
  /** Idempotent. */
  close(): void;
}
