// The options of a session, the description of its end, and readers of the replies in between.

import type { MediaUnit, ParameterSetPolicy } from '../codec/unit.js';
import type { NvrError } from '../errors.js';
import type { Logger } from '../log.js';
import { parseRange, parseRtpInfo, type RtpInfoEntry } from '../rtsp/headers.js';
import type { RtspResponse } from '../rtsp/message.js';
import type { RtspUri } from '../rtsp/uri.js';
import type { LoginGate } from './login-gate.js';
import type { ServerMemory } from './quirks.js';
import type { RedirectSetting } from './redirect.js';
import type { TlsSettings } from './transport/socket.js';
import type { Transport } from './transport/transport.js';

export interface SessionOptions {
  /**
   * `rtsp://` or `rtsps://`. Credentials in it are used for the log-in, and never sent as part of the URI.
   */
  uri: string;
  credentials?: { username: string; password: string } | undefined;
  /** How the connection's bytes and the media travel. `openSession` falls back between transports. */
  transport: Transport;
  /**
   * Closes the session: while it opens, everything is destroyed at once; once it plays, TEARDOWN is sent
   * first.
   */
  signal?: AbortSignal | undefined;
  tls?: TlsSettings | undefined;
  /**
   * Permit Basic without verified TLS, whatever the server offered before. The password is then sent in clear
   * text.
   */
  allowBasic?: boolean;
  /**
   * Which redirects are followed. By default all are, but the credentials are sent to the URI's own host and
   * port only.
   */
  redirects?: RedirectSetting;
  /** Set up audio and metadata tracks too. */
  extras?: boolean;
  /**
   * When VPS, SPS and PPS are put in front of a unit of H.264 or H.265: before each keyframe (`keyframe`, the
   * default), when they changed, or never.
   */
  parameterSets?: ParameterSetPolicy;
  /**
   * H.264 and H.265: also deliver slices that a loss cut off, separately from `data` (`VideoUnit.cut`), and
   * units without any complete slice.
   */
  cutSlices?: boolean;
  /** The Range header of PLAY; `npt=0.000-` by default. */
  range?: string;
  /** Further headers for SETUP, such as `Require`. */
  setupHeaders?: Readonly<Record<string, string>>;
  /** Further headers for PLAY, such as `Scale` and `Rate-Control`. */
  playHeaders?: Readonly<Record<string, string>>;
  /** The stream ends by itself, as a recording does, so its end teaches nothing about the server. */
  endsByItself?: boolean;
  /** Time limit for connecting, and for each reply, in ms; 10,000 by default. */
  requestTimeoutMs?: number;
  /**
   * Milliseconds without media, while playing, after which the session ends with ETIMEDOUT: 5,000 by default,
   * and at least five frame times of a slow stream.
   */
  silenceMs?: number;
  /**
   * The part of the event loop's time that reading may take, 0 to 1. Above it TCP is read more slowly, and
   * datagrams are dropped. Unlimited by default.
   */
  readShare?: number;
  /** What was learnt about the server; share one between all sessions with it. */
  memory?: ServerMemory;
  /** Asked before credentials are sent. */
  gate?: LoginGate | undefined;
  logger?: Logger | undefined;
  /** Receives each unit; without it, `units()` gives them. Must not write to `unit.data`. */
  onUnit?(unit: MediaUnit): void;
  /** Video packets are missing. Called before the unit that they were lost in, or that follows them. */
  onLoss?(missing: number): void;
  /**
   * Over UDP, more than 2 % of the packets have been lost for a minute. Called again after each further
   * minute.
   */
  onLossy?(percent: number): void;
  /** A problem that does not end the session, such as a track that cannot be read or a refused Range. */
  onWarning?(error: NvrError): void;
  /** The session has ended, other than by `close`. Called at most once, and only after `open` resolved. */
  onEnd?(end: SessionEnd): void;
}

/** What all sessions to one server have in common. */
export type ServerOptions = Pick<
  SessionOptions,
  'credentials' | 'tls' | 'logger' | 'allowBasic' | 'redirects'
>;

/**
 * `eof`: the server closed the connection. `bye`: RTCP BYE of the video (RFC 3550 6.6). `teardown`,
 * `redirect`: that request of the server (RFC 2326 10.7, 10.10). `silence`: no media for too long. `expired`:
 * the server no longer knows the session (454), or refused the credentials in it. `error`: the connection
 * failed, or the receiver of the units threw.
 */
export type EndReason = 'eof' | 'bye' | 'teardown' | 'redirect' | 'silence' | 'expired' | 'error';

export interface SessionEnd {
  reason: EndReason;
  /** The cause, as a sentence with a code. */
  error: NvrError;
  /** No RTP packet arrived during the session. */
  withoutMedia: boolean;
}

/** The headers of PLAY's reply (RFC 2326 10.5). */
export interface PlayReply {
  /** Where delivery begins: `npt` in seconds, or `clock` in epoch ms. */
  range?: { unit: string; start?: number; end?: number };
  /** The granted speed; undefined if the server does not name one. */
  scale?: number;
  /** ONVIF replay: `no` if the server sends as fast as it can. */
  rateControl?: string;
  /** The tracks' first packets (RFC 2326 12.33); empty if the server does not name them. */
  rtpInfo: readonly RtpInfoEntry[];
}

/** The credentials in a URI. */
export function credentialsOf(uri: RtspUri): { username: string; password: string } | undefined {
  return uri.username === undefined ? undefined : { username: uri.username, password: uri.password ?? '' };
}

/**
 * The RTP-Info entry of the track set up at `uri`, the `index`th of `count`. quirk: foreign-rtp-info; some
 * servers name another URL or leave out the query, so the order counts then.
 */
export function rtpInfoOf(
  entries: readonly RtpInfoEntry[],
  uri: string,
  index: number,
  count: number,
): RtpInfoEntry | undefined {
  return entries.find(({ url }) => url === uri) ?? (entries.length === count ? entries[index] : undefined);
}

/** Reads what can be read; headers that cannot are left out. */
export function readPlayReply(reply: RtspResponse): PlayReply {
  const scale = Number.parseFloat(reply.headers.get('Scale') ?? '');
  const range = parseRange(reply.headers.get('Range') ?? '');
  const rateControl = reply.headers.get('Rate-Control')?.trim().toLowerCase();
  return {
    rtpInfo: parseRtpInfo(reply.headers.get('RTP-Info') ?? ''),
    ...(range === undefined ? {} : { range }),
    ...(Number.isFinite(scale) ? { scale } : {}),
    ...(rateControl === undefined ? {} : { rateControl }),
  };
}
