// What the NVR floor promises to its users: settings in, hubs with units and events out.

import type { NvrError, NvrErrorCode } from '../errors.js';
import type { MediaUnit, VideoFormat, VideoUnit } from '../codec/unit.js';
import type { UnitMemory } from '../media/unit-memory.js';
import type { SessionStatistics } from '../client/statistics.js';
import type { RedirectSetting } from '../client/redirect.js';
import type { TlsSettings } from '../client/transport/socket.js';

/**
 * `auto`: TCP, and UDP on 461. `udp-first`: UDP, and TCP on 461 or silence. `http`: RTSP tunnelled in HTTP.
 * The others: that one alone.
 */
export type TransportSetting = 'auto' | 'udp-first' | 'tcp' | 'udp' | 'multicast' | 'http';

export interface NvrSettings {
  name: string;
  host: string;
  rtspPort: number;
  httpPort: number;
  /** RTSP over TLS. */
  tls: boolean;
  /** The key service over HTTPS. */
  httpTls: boolean;
  tlsSettings?: TlsSettings;
  transport: TransportSetting;
  uriStyle: 'move' | 'legacy' | 'custom';
  liveTemplate: string;
  playbackTemplate: string;
  /**
   * How a recording is asked for: `uri`, by its path alone (the default), or `onvif`, by ONVIF's replay
   * (Profile G).
   */
  replay?: 'uri' | 'onvif';
  streamCodes: Readonly<Record<string, string>>;
  firstChannel: 0 | 1;
  channels: readonly { channel: number; name: string }[];
  /** IANA name, of times without a zone, URI templates and file names; empty means UTC. */
  timeZone: string;
  /**
   * What the key service's `start_time` means: Unix time (where absent), or the local clock's reading in
   * `timeZone`, counted as if it were UTC.
   */
  keyTime?: 'utc' | 'local';
  /** Seconds. */
  requestTimeout: number;
  /** Seconds without media, while playing, after which the stream is taken for dead. */
  silence: number;
  /** Seconds a session outlives its last user. */
  linger: number;
  /** Set up audio and metadata tracks too. */
  audio: boolean;
  /** Cameras that may be in use for messages to name one more; 64 where absent. */
  maxSessions?: number;
  /** Whether a redirect may lead to another host; `same` where absent. */
  redirects?: RedirectSetting;
  /** The password may be sent in clear (Basic without TLS), even where the NVR offered better before. */
  allowBasic?: boolean;
  /**
   * Where in the key service's reply the key is, for a form that is not known: a member's name, or the text
   * around it with `*` for the key.
   */
  keyPattern?: string;
  /** Empty user name: no credentials. */
  username: string;
  password: string;
}

/** What trouble with a stream is told with. */
export interface Trouble {
  readonly code: NvrErrorCode;
  readonly reason: string;
  /** The error behind it; not for the message. */
  readonly error: NvrError;
  /** First time this cause ends or troubles the present outage: tell Catch once. */
  readonly firstOfOutage?: boolean;
}

/** No session; another attempt follows in `retryInMs`. */
export interface Failure extends Trouble {
  readonly attempt: number;
  readonly retryInMs: number;
}

/**
 * What a hub tells of its stream, by the words of output 2, in the order: connecting -> playing -> (gap |
 * format | warning)* -> reconnecting -> connecting …; `error`: no retry soon.
 */
export type HubNews =
  | { readonly type: 'connecting'; readonly attempt: number }
  | { readonly type: 'playing'; readonly transport: string }
  | {
      readonly type: 'format';
      readonly codec: string;
      readonly width: number;
      readonly height: number;
      readonly frameRate?: number;
      readonly profile?: string;
    }
  | { readonly type: 'gap'; readonly lost: number; readonly reason: string }
  /** `breaks`: how often a stream that flaps broke within the last minutes. */
  | (Trouble & { readonly type: 'warning'; readonly breaks?: number })
  | (Failure & { readonly type: 'reconnecting' })
  | (Failure & { readonly type: 'error' })
  | { readonly type: 'stopped' };

export type HubEventWord = HubNews['type'];

export type FieldsOf<Member> = Member extends unknown ? keyof Member : never;

/** The fields that only other members of the union have may be asked for as well: they are undefined. */
export type WithAllFields<Member, All = Member> = Member extends unknown
  ? Member & Readonly<Partial<Record<Exclude<FieldsOf<All>, keyof Member>, undefined>>>
  : never;

/** Flat, so that it can travel as `msg.event`. `time`: epoch ms. */
export type HubEvent = WithAllFields<HubNews> & {
  readonly channel: number;
  readonly stream: string;
  readonly time: number;
};

/** What becomes of units that build on what was lost. */
export type OnLoss = 'keep' | 'skip';

export interface HubSubscriber {
  /**
   * After a loss: `keep` (the default) every whole unit, with what is wrong with it; `skip` nothing from the
   * torn unit to the next clean keyframe.
   */
  readonly onLoss?: OnLoss;
  /** Units with the slices that a loss cut off, as far as they came: for files, never for messages. */
  readonly cutSlices?: boolean;
  /**
   * Begin with the kept GOP, at once, and not at the next keyframe: where it is not whole, its keyframe comes
   * alone.
   */
  readonly fromKept?: boolean;
  /**
   * A video unit from the next one on that can be begun at (`isEntry`); audio and metadata as they come. Must
   * not throw and must not write to `unit.data`.
   */
  onUnit?(unit: MediaUnit): void;
  /**
   * What becomes of the stream. A newcomer to a stream that plays is told `connecting`, `playing` and
   * `format` at once.
   */
  onEvent?(event: HubEvent): void;
}

export interface HubSubscription {
  /** Idempotent. The last one to leave starts the hub's linger. */
  unsubscribe(): void;
}

/** Read at any time at no cost to the hot path. Counters are totals over all of the hub's sessions. */
export interface StreamStatistics extends SessionStatistics {
  state: 'idle' | 'connecting' | 'playing' | 'waiting' | 'failed';
  transport?: string;
  reconnects: number;
  subscribers: number;
  /** Epoch ms at which the present session began to play. */
  playingSince?: number;
}

/** One shared session per camera and stream. */
export interface CameraHub {
  readonly channel: number;
  readonly stream: string;
  readonly format: VideoFormat | undefined;
  readonly statistics: StreamStatistics;
  /**
   * The last unit that can be begun at (a keyframe, mostly) and what followed it, oldest first; empty before
   * the first keyframe and while no session plays. Where memory is short (8 MiB at most), the keyframe alone.
   */
  readonly gop: readonly VideoUnit[];
  /** Where those who keep units of this camera have them counted. */
  readonly memory: UnitMemory;
  subscribe(subscriber: HubSubscriber): HubSubscription;
  /** Ends the present session and starts another at once (action `restart`, changed credentials). */
  restart(): void;
}
