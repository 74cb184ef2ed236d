// What a session is told when it is made, what it tells when it ends, and how the replies in between are
// read.

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
  /** `rtsp://` or `rtsps://`; credentials in it are used and never sent as part of it. */
  uri: string;
  credentials?: { username: string; password: string } | undefined;
  /** How its bytes and media travel; fallback between transports is `openSession`'s. */
  transport: Transport;
  /**
   * Gives the session up: while it opens, everything is destroyed; once it plays, it is closed with TEARDOWN.
   */
  signal?: AbortSignal | undefined;
  tls?: TlsSettings | undefined;
  /** The password may go out in clear, whatever the server offered before. */
  allowBasic?: boolean;
  /**
   * Which redirects are followed; without it all are, and the account stays with the URI's own host and port.
   */
  redirects?: RedirectSetting;
  /** Set up audio and metadata tracks too. */
  extras?: boolean;
  /**
   * When VPS, SPS and PPS stand in front of a unit of H.264 or H.265: before each keyframe (`keyframe`, the
   * default), when they changed, or never.
   */
  parameterSets?: ParameterSetPolicy;
  /**
   * H.264 and H.265: hand up slices that a loss cut off too, apart from `data` (`VideoUnit.cut`), and units
   * that have no whole slice.
   */
  cutSlices?: boolean;
  /** PLAY's Range; `npt=0.000-` by default. */
  range?: string;
  /** More headers of SETUP: `Require`. */
  setupHeaders?: Readonly<Record<string, string>>;
  /** More headers of PLAY: `Scale`, `Rate-Control`. */
  playHeaders?: Readonly<Record<string, string>>;
  /** The stream ends by itself, as a recording does: how it ends teaches nothing of the server. */
  endsByItself?: boolean;
  /** Milliseconds for the connection, and for each reply. */
  requestTimeoutMs?: number;
  /** Milliseconds without media, while playing, after which the session ends with ETIMEDOUT. */
  silenceMs?: number;
  /**
   * Part of the event loop's time that reading may take; above it TCP is read more slowly, and datagrams are
   * lost. All of it unless said otherwise.
   */
  readShare?: number;
  /** What was learnt of the server; give the same one to every session with it. */
  memory?: ServerMemory;
  /** Asked before credentials are sent. */
  gate?: LoginGate | undefined;
  logger?: Logger | undefined;
  onUnit?(unit: MediaUnit): void;
  /** Packets of the video are missing: told before the unit that they were lost in, or that follows. */
  onLoss?(missing: number): void;
  /** Over UDP, more than 2 % of the packets have been lost for a minute. Again with each further minute. */
  onLossy?(percent: number): void;
  /** Trouble that does not end the session: a track that cannot be read, a refused Range. */
  onWarning?(error: NvrError): void;
  /** The session is over, and not by `close`. At most once, only after `open` resolved. */
  onEnd?(end: SessionEnd): void;
}

/** What all sessions to one server have in common. */
export type ServerOptions = Pick<
  SessionOptions,
  'credentials' | 'tls' | 'logger' | 'allowBasic' | 'redirects'
>;

export type EndReason = 'eof' | 'bye' | 'teardown' | 'redirect' | 'silence' | 'expired' | 'error';

export interface SessionEnd {
  reason: EndReason;
  error: NvrError;
  /** No RTP packet ever came. */
  withoutMedia: boolean;
}

/** What PLAY's reply said (RFC 2326 10.5). */
export interface PlayReply {
  /** Where delivery begins: npt in seconds, or clock in epoch ms. */
  range?: { unit: string; start?: number; end?: number };
  /** The granted speed; absent where the server says none. */
  scale?: number;
  /** ONVIF replay: `no` where the server sends as fast as it can. */
  rateControl?: string;
  rtpInfo: readonly RtpInfoEntry[];
}

/** The credentials a URI bears. */
export function credentialsOf(uri: RtspUri): { username: string; password: string } | undefined {
  return uri.username === undefined ? undefined : { username: uri.username, password: uri.password ?? '' };
}

/**
 * RTP-Info's entry for the track set up at `uri`, which is the `index`th of `count`. quirk: foreign-rtp-info:
 * the URL may be another, its query dropped.
 */
export function rtpInfoOf(
  entries: readonly RtpInfoEntry[],
  uri: string,
  index: number,
  count: number,
): RtpInfoEntry | undefined {
  return entries.find(({ url }) => url === uri) ?? (entries.length === count ? entries[index] : undefined);
}

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
