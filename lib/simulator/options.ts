// Options of the simulated NVR.

import type { AudioKind, VideoKind } from './clips.js';

export type AuthScheme = 'digest' | 'digest-qop' | 'digest-sha256' | 'basic' | 'none';

/** Form of the key service's reply. */
export type KeyForm = 'plain' | 'lines' | 'json' | 'xml' | 'html' | 'empty' | 'error' | 'huge' | 'hang';

/** PEM certificate and key. */
interface TlsFiles {
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
  /** Without a user name there is no authentication. */
  username?: string;
  password?: string;
  auth?: AuthScheme;
  realm?: string;
  /** URI that a digest must cover: the request URI, the base URI without the track, or (default) either. */
  digestUri?: 'request' | 'base' | 'either';
  /** The account lacks the "remote" privilege, so requests are answered 403. */
  withoutPrivilege?: boolean;
  channels?: number;
  firstChannel?: 0 | 1;
  /**
   * Codec of all channels, or of some by number (from 1), others being H.264. Recordings are always H.264.
   */
  codec?: VideoKind | Readonly<Record<number, VideoKind>>;
  /** Adds a second track that beeps at the start of every second; true means AAC. */
  audio?: AudioKind | boolean;
  /** Put several small NAL units in a packet (STAP-A, AP). */
  aggregate?: boolean;
  /** Speed of all media relative to real time; RTP time is not changed. */
  pace?: number;
  /** Delay in ms before each RTSP reply. */
  replyDelayMs?: number;
  /** Most simultaneous sessions; beyond that 453. */
  maxSessions?: number;
  /** In seconds. */
  sessionTimeout?: number;
  /** Lower transports that are refused with 461. */
  refuse?: readonly ('tcp' | 'udp')[];
  /** Allow multicast, with one group per session on the loopback interface; otherwise 461. */
  multicast?: boolean;
  /** Accept SETUP and PLAY over UDP but send nothing, as behind a firewall. */
  silentUdp?: boolean;
  /** Announce GET_PARAMETER; default true. */
  getParameter?: boolean;
  /** How far back recordings go, in hours; default 6. */
  recordingHours?: number;
  /**
   * Spans without a recording, in epoch ms. A playback that begins in one is answered 404; one that reaches
   * one skips it in RTP time, without a pause.
   */
  gaps?: readonly { start: number; end: number }[];
  keyService?: {
    form?: KeyForm;
    /** ms for which a key is valid. */
    expireMs?: number;
    /** A key is valid for one session only. */
    once?: boolean;
    /** The first n keys are already used up when issued. */
    staleKeys?: number;
    /** HTTP status with which every request is refused. */
    refuse?: number;
  };
  scale?: 'granted' | 'refused';
  /**
   * Send recordings as fast as the socket accepts them if the client sends `Rate-Control: no` (ONVIF replay).
   */
  onvifReplay?: boolean;
  /** Recordings carry their time in ONVIF's RTP header extension 0xABAC. */
  onvifTime?: boolean;
  /**
   * Time in a recording's sender reports: the present, as in LIVE555-based servers (default), or the recorded
   * time.
   */
  reportedTime?: 'now' | 'recorded';
  /**
   * How far the NVR's clock is ahead in ms; affects sender reports, HTTP's Date and the times of recordings.
   */
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
