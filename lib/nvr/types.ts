// The public types of an NVR: its settings, and hubs that deliver units and events.

import type { NvrError, NvrErrorCode } from '../errors.js';
import type { MediaUnit, VideoFormat, VideoUnit } from '../codec/unit.js';
import type { UnitMemory } from '../media/unit-memory.js';
import type { SessionStatistics } from '../client/statistics.js';
import type { RedirectSetting } from '../client/redirect.js';
import type { TlsSettings } from '../client/transport/socket.js';

/**
 * `auto`: TCP, then UDP if the server refuses TCP (461). `udp-first`: UDP, then TCP after 461 or silence.
 * `http`: RTSP tunnelled in HTTP. The others: only that transport.
 */
export type TransportSetting = 'auto' | 'udp-first' | 'tcp' | 'udp' | 'multicast' | 'http';

/** The defaults are those of a MOVE NVR; only `host` has none. */
export interface NvrSettings {
  /** For topics, file names and messages; the host by default. */
  name: string;
  /** A host name or an IP address, without a port. */
  host: string;
  /** 554 by default. */
  rtspPort: number;
  /** The port of the key service; 80 by default. */
  httpPort: number;
  /** RTSP over TLS. */
  tls: boolean;
  /** The key service over HTTPS. */
  httpTls: boolean;
  /**
   * Certificates and keys for both; by default the server's certificate is verified against the system's CAs.
   */
  tlsSettings?: TlsSettings;
  /** `auto` by default. */
  transport: TransportSetting;
  /** `move` (the default) and `legacy` have templates of their own; `custom` uses the two below. */
  uriStyle: 'move' | 'legacy' | 'custom';
  /** Path and query of a live stream, with placeholders such as `{ch}` and `{stream}`; for style `custom`. */
  liveTemplate: string;
  /** Path and query of a recording; empty if there is none. For style `custom`. */
  playbackTemplate: string;
  /**
   * How a recording is requested: `uri`, by its path alone (the default), or `onvif`, by ONVIF replay
   * (Profile G).
   */
  replay?: 'uri' | 'onvif';
  /**
   * What stands for `{stream}` in a template, by the stream's name: `{ main: 'M', dual: 'D' }` by default.
   */
  streamCodes: Readonly<Record<string, string>>;
  /** The number of the first camera in URIs: 0 by default. Everywhere else channels count from 1. */
  firstChannel: 0 | 1;
  /** Names of channels, which count from 1. */
  channels: readonly { channel: number; name: string }[];
  /** IANA name of the time zone for times without a zone, URI templates and file names; empty means UTC. */
  timeZone: string;
  /**
   * The meaning of the key service's `start_time`: `utc` (the default) is Unix time; `local` is the local
   * time in `timeZone`, counted as if it were UTC.
   */
  keyTime?: 'utc' | 'local';
  /** Seconds to wait for a connection, and for each reply; 10 by default. */
  requestTimeout: number;
  /** Seconds without media after which a playing stream counts as dead; 5 by default. */
  silence: number;
  /** Seconds that a session stays open after its last user has left; 5 by default. */
  linger: number;
  /** Set up audio and metadata tracks too; false by default. */
  audio: boolean;
  /** The most cameras in use at which a message may still open another; 64 by default. */
  maxSessions?: number;
  /** Whether a redirect may lead to another host; `same` by default. */
  redirects?: RedirectSetting;
  /** Permit the password in clear text (Basic without TLS), even if the NVR has offered better before. */
  allowBasic?: boolean;
  /**
   * Where the key is in a reply of the key service whose form is unknown: the name of a member, or the text
   * around the key with `*` in its place.
   */
  keyPattern?: string;
  /** Empty user name: no credentials. */
  username: string;
  password: string;
}

/** The fields of an event that reports a problem with a stream. */
export interface Trouble {
  readonly code: NvrErrorCode;
  readonly reason: string;
  /** The error itself, which is not put into the message. */
  readonly error: NvrError;
  /** This cause occurs for the first time in the present outage: only then is it reported to Catch nodes. */
  readonly firstOfOutage?: boolean;
}

/** There is no session; the next attempt follows after `retryInMs`. */
export interface Failure extends Trouble {
  /** Number of failed attempts, from 1; it starts anew once the stream is healthy. */
  readonly attempt: number;
  readonly retryInMs: number;
}

/**
 * The events of a stream, named as on output 2. Their order: connecting -> playing -> (gap | format |
 * warning)* -> reconnecting -> connecting …; `error` means that no retry follows soon.
 */
export type HubNews =
  | { readonly type: 'connecting'; readonly attempt: number }
  /** `transport`: the name of a `Transport`, such as `tcp`. */
  | { readonly type: 'playing'; readonly transport: string }
  | {
      readonly type: 'format';
      readonly codec: string;
      readonly width: number;
      readonly height: number;
      readonly frameRate?: number;
      readonly profile?: string;
    }
  /** `lost`: packets since the last such event. */
  | { readonly type: 'gap'; readonly lost: number; readonly reason: string }
  /** `breaks`: how often a flapping stream broke within the last minutes. */
  | (Trouble & { readonly type: 'warning'; readonly breaks?: number })
  | (Failure & { readonly type: 'reconnecting' })
  | (Failure & { readonly type: 'error' })
  | { readonly type: 'stopped' };

export type HubEventWord = HubNews['type'];

export type FieldsOf<Member> = Member extends unknown ? keyof Member : never;

/** Lets fields of the other members of the union be read too: they are undefined. */
export type WithAllFields<Member, All = Member> = Member extends unknown
  ? Member & Readonly<Partial<Record<Exclude<FieldsOf<All>, keyof Member>, undefined>>>
  : never;

/** An event as it goes into `msg.event`. `time` is in epoch ms. */
export type HubEvent = WithAllFields<HubNews> & {
  readonly channel: number;
  readonly stream: string;
  readonly time: number;
};

/** Whether units that depend on lost packets are delivered. */
export type OnLoss = 'keep' | 'skip';

export interface HubSubscriber {
  /**
   * After a loss: `keep` (the default) delivers every complete unit and says what is wrong with it; `skip`
   * delivers nothing from the damaged unit to the next intact keyframe.
   */
  readonly onLoss?: OnLoss;
  /** Include the slices that a loss cut off, as far as they arrived: for files, never for messages. */
  readonly cutSlices?: boolean;
  /**
   * Begin at once with the kept GOP instead of with the next keyframe. If the GOP is incomplete, only its
   * keyframe is delivered.
   */
  readonly fromKept?: boolean;
  /**
   * Receives video from the next unit on that decoding can begin at (`isEntry`), and audio and metadata at
   * once. Must not throw and must not write to `unit.data`.
   */
  onUnit?(unit: MediaUnit): void;
  /**
   * Receives the events of the stream. A subscriber that joins a playing stream gets `connecting`, `playing`
   * and `format` at once.
   */
  onEvent?(event: HubEvent): void;
}

export interface HubSubscription {
  /** Idempotent. When the last subscriber leaves, the hub's linger time begins. */
  unsubscribe(): void;
}

/** Reading them costs the hot path nothing. Counters are totals over all sessions of the hub. */
export interface StreamStatistics extends SessionStatistics {
  /**
   * `waiting`: the next attempt comes soon; `failed`: it comes late, since an early one would fail as well.
   */
  state: 'idle' | 'connecting' | 'playing' | 'waiting' | 'failed';
  /** The name of the present session's transport, such as `tcp`. */
  transport?: string;
  /** Sessions and attempts that failed. */
  reconnects: number;
  /** Present users of the stream. */
  subscribers: number;
  /** Epoch ms at which the present session began to play. */
  playingSince?: number;
}

/** One shared session per camera and stream. */
export interface CameraHub {
  /** From 1. */
  readonly channel: number;
  /** A name in the settings' `streamCodes`, such as `main`. */
  readonly stream: string;
  /** The format of the last video unit; undefined before the first one. */
  readonly format: VideoFormat | undefined;
  readonly statistics: StreamStatistics;
  /**
   * The last unit that decoding can begin at (usually a keyframe) and the units after it, oldest first. Empty
   * before the first keyframe and while no session plays. If memory is short (8 MiB at most), only the
   * keyframe.
   */
  readonly gop: readonly VideoUnit[];
  /** The memory account for users that keep units of this camera. */
  readonly memory: UnitMemory;
  /** Adds a user. The first one opens the session. Never throws: failures are events. */
  subscribe(subscriber: HubSubscriber): HubSubscription;
  /** Ends the present session and starts another at once (action `restart`, changed credentials). */
  restart(): void;
}
