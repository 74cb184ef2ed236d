// What a simulated NVR can be told to be like.

export type AuthScheme = 'digest' | 'digest-qop' | 'digest-sha256' | 'basic' | 'none';

/** How the key service answers. */
export type KeyForm = 'plain' | 'lines' | 'json' | 'xml' | 'html' | 'empty' | 'error' | 'huge' | 'hang';

export interface SimulatorOptions {
  /** 0 or absent: a free port. */
  rtspPort?: number;
  httpPort?: number;
  /** PEM certificate and key: RTSP over TLS. */
  tls?: { cert: string; key: string };
  /** Empty or absent user name: no log-in is asked for. */
  username?: string;
  password?: string;
  auth?: AuthScheme;
  /** The account lacks the "remote" privilege: 403. */
  withoutPrivilege?: boolean;
  channels?: number;
  firstChannel?: 0 | 1;
  /** Sessions at once; 453 beyond. */
  maxSessions?: number;
  /** Seconds. */
  sessionTimeout?: number;
  /** Refuses these lower transports with 461. */
  refuse?: readonly ('tcp' | 'udp')[];
  /** Takes SETUP and PLAY over UDP and sends nothing, as behind a firewall. */
  silentUdp?: boolean;
  /** Advertises GET_PARAMETER; true by default. */
  getParameter?: boolean;
  /** How far back recordings go, hours; 6 by default. */
  recordingHours?: number;
  /** Spans without a recording, epoch ms. */
  gaps?: readonly { start: number; end: number }[];
  keyService?: {
    form?: KeyForm;
    /** Milliseconds a key may be used. */
    expireMs?: number;
    /** A key opens one session. */
    once?: boolean;
    /** The first n keys are already spent when they are handed out. */
    staleKeys?: number;
  };
  scale?: 'granted' | 'refused';
  /** Sends recordings as fast as the socket takes them where the client asks with `Rate-Control: no` (ONVIF replay). */
  onvifReplay?: boolean;
  /** What the NVR's clock is ahead, ms: sender reports and HTTP's Date. */
  clockSkewMs?: number;
}

/** The options with their defaults. */
export interface Settings extends Required<Omit<SimulatorOptions, 'tls' | 'keyService'>> {
  tls: { cert: string; key: string } | undefined;
  keyService: { form: KeyForm; expireMs: number; once: boolean; staleKeys: number };
}

export function withDefaults(options: SimulatorOptions): Settings {
  return {
    rtspPort: options.rtspPort ?? 0,
    httpPort: options.httpPort ?? 0,
    tls: options.tls,
    username: options.username ?? '',
    password: options.password ?? '',
    auth: options.auth ?? 'digest',
    withoutPrivilege: options.withoutPrivilege ?? false,
    channels: options.channels ?? 4,
    firstChannel: options.firstChannel ?? 0,
    maxSessions: options.maxSessions ?? 64,
    sessionTimeout: options.sessionTimeout ?? 60,
    refuse: options.refuse ?? [],
    silentUdp: options.silentUdp ?? false,
    getParameter: options.getParameter ?? true,
    recordingHours: options.recordingHours ?? 6,
    gaps: options.gaps ?? [],
    keyService: { form: 'plain', expireMs: 60_000, once: false, staleKeys: 0, ...options.keyService },
    scale: options.scale ?? 'refused',
    onvifReplay: options.onvifReplay ?? false,
    clockSkewMs: options.clockSkewMs ?? 0,
  };
}
