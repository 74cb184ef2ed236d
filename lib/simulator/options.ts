// What a simulated NVR can be told to be like.

import type { AudioKind, VideoKind } from './clips.js';

export type AuthScheme = 'digest' | 'digest-qop' | 'digest-sha256' | 'basic' | 'none';

/** How the key service answers. */
export type KeyForm = 'plain' | 'lines' | 'json' | 'xml' | 'html' | 'empty' | 'error' | 'huge' | 'hang';

/** PEM certificate and key. */
export interface TlsFiles {
  cert: string;
  key: string;
}

export interface SimulatorOptions {
  /** 0 or absent: a free port. */
  rtspPort?: number;
  httpPort?: number;
  /** RTSP over TLS. */
  tls?: TlsFiles;
  /** The key service over TLS. */
  httpTls?: TlsFiles;
  /** Empty or absent user name: no log-in is asked for. */
  username?: string;
  password?: string;
  auth?: AuthScheme;
  realm?: string;
  /**
   * What a digest may be computed over: the request URI, the base URI without the track, or (the default)
   * either.
   */
  digestUri?: 'request' | 'base' | 'either';
  /** The account lacks the "remote" privilege: 403. */
  withoutPrivilege?: boolean;
  channels?: number;
  firstChannel?: 0 | 1;
  /** Of every channel, or of some by number (from 1), the others being H.264. Recordings are H.264. */
  codec?: VideoKind | Readonly<Record<number, VideoKind>>;
  /** A second track that beeps at the start of every second; true: AAC. */
  audio?: AudioKind | boolean;
  /** Small NAL units share a packet: STAP-A, AP. */
  aggregate?: boolean;
  /** How many times faster than the clock on the wall all media goes out; RTP time stays as it is. */
  pace?: number;
  /** Milliseconds before each RTSP reply. */
  replyDelayMs?: number;
  /** Sessions at once; 453 beyond. */
  maxSessions?: number;
  /** Seconds. */
  sessionTimeout?: number;
  /** Refuses these lower transports with 461. */
  refuse?: readonly ('tcp' | 'udp')[];
  /** Grants multicast, each session a group of its own on the loopback interface; 461 otherwise. */
  multicast?: boolean;
  /** Takes SETUP and PLAY over UDP and sends nothing, as behind a firewall. */
  silentUdp?: boolean;
  /** Advertises GET_PARAMETER; true by default. */
  getParameter?: boolean;
  /** How far back recordings go, hours; 6 by default. */
  recordingHours?: number;
  /**
   * Spans without a recording, epoch ms: a playback that begins in one gets 404, one that reaches one jumps
   * over it in RTP time without a pause.
   */
  gaps?: readonly { start: number; end: number }[];
  keyService?: {
    form?: KeyForm;
    /** Milliseconds a key may be used. */
    expireMs?: number;
    /** A key opens one session. */
    once?: boolean;
    /** The first n keys are already spent when they are handed out. */
    staleKeys?: number;
    /** Refuses with this HTTP status. */
    refuse?: number;
  };
  scale?: 'granted' | 'refused';
  /**
   * Sends recordings as fast as the socket takes them where the client asks with `Rate-Control: no` (ONVIF
   * replay).
   */
  onvifReplay?: boolean;
  /** Recordings carry their time in ONVIF's RTP header extension 0xABAC. */
  onvifTime?: boolean;
  /**
   * What a recording's sender reports tell: the present, as servers of the LIVE555 kind do (the default), or
   * the recorded time.
   */
  reportedTime?: 'now' | 'recorded';
  /** What the NVR's clock is ahead, ms: sender reports, HTTP's Date, and the times of recordings. */
  clockSkewMs?: number;
}

/** The options with their defaults. */
export interface Settings extends Required<
  Omit<SimulatorOptions, 'tls' | 'httpTls' | 'keyService' | 'codec' | 'audio'>
> {
  tls: TlsFiles | undefined;
  httpTls: TlsFiles | undefined;
  keyService: {
    form: KeyForm;
    expireMs: number;
    once: boolean;
    staleKeys: number;
    refuse: number | undefined;
  };
  codec: VideoKind | Readonly<Record<number, VideoKind>>;
  audio: AudioKind | undefined;
}

export function withDefaults(options: SimulatorOptions): Settings {
  return {
    rtspPort: options.rtspPort ?? 0,
    httpPort: options.httpPort ?? 0,
    tls: options.tls,
    httpTls: options.httpTls,
    username: options.username ?? '',
    password: options.password ?? '',
    auth: options.auth ?? 'digest',
    realm: options.realm ?? 'RTSP Server',
    digestUri: options.digestUri ?? 'either',
    withoutPrivilege: options.withoutPrivilege ?? false,
    channels: options.channels ?? 4,
    firstChannel: options.firstChannel ?? 0,
    codec: options.codec ?? 'h264',
    audio: options.audio === true ? 'aac' : options.audio === false ? undefined : options.audio,
    aggregate: options.aggregate ?? false,
    pace: options.pace ?? 1,
    replyDelayMs: options.replyDelayMs ?? 0,
    maxSessions: options.maxSessions ?? 64,
    sessionTimeout: options.sessionTimeout ?? 60,
    refuse: options.refuse ?? [],
    multicast: options.multicast ?? false,
    silentUdp: options.silentUdp ?? false,
    getParameter: options.getParameter ?? true,
    recordingHours: options.recordingHours ?? 6,
    gaps: options.gaps ?? [],
    keyService: {
      form: 'plain',
      expireMs: 60_000,
      once: false,
      staleKeys: 0,
      refuse: undefined,
      ...options.keyService,
    },
    scale: options.scale ?? 'refused',
    onvifReplay: options.onvifReplay ?? false,
    onvifTime: options.onvifTime ?? false,
    reportedTime: options.reportedTime ?? 'now',
    clockSkewMs: options.clockSkewMs ?? 0,
  };
}
