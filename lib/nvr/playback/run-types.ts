// The request, the handlers and the context of a playback run.

import type { openSession } from '../../client/open-session.js';
import type { ServerOptions } from '../../client/session-options.js';
import type { VideoUnit } from '../../codec/unit.js';
import type { NvrError } from '../../errors.js';
import type { Account } from '../account.js';
import type { MemoryBudget } from '../memory-budget.js';
import type { NvrSettings } from '../types.js';

export interface PlaybackRequest {
  /** Names the run: another one of this name replaces it. */
  readonly run: string;
  /** From 1. */
  readonly channel: number;
  /** A name in the settings' `streamCodes`, such as `main`. */
  readonly stream: string;
  /** The recording group; usually 0. */
  readonly group: number;
  /** Epoch ms. */
  readonly from: number;
  /** Epoch ms; undefined: until the recording ends. */
  readonly to?: number;
  /**
   * The speed as a multiple of real time, requested with `Scale`; 0: as fast as the server can send
   * (`Rate-Control: no`).
   */
  readonly speed: number;
}

/**
 * A unit of a run, whose `time` is the recorded time. `repeated`: it was delivered before, and comes again
 * after a resume because decoders need the keyframe.
 */
export interface RecordedUnit {
  readonly unit: VideoUnit;
  readonly repeated: boolean;
}

/**
 * `reached`: the media time has reached `to`. `stopped`: by the user. `stalled`: the media time did not
 * advance. The others are the session's.
 */
export type RunEnd =
  | 'reached'
  | 'stopped'
  | 'bye'
  | 'eof'
  | 'teardown'
  | 'redirect'
  | 'silence'
  | 'stalled'
  | 'expired'
  | 'replaced';

export interface PlaybackHandlers {
  /** Called for each picture, in the order of decoding. Must not write to `unit.data`. */
  onUnit(recorded: RecordedUnit): void;
  /** A session is being opened: at the start, and after each seek, resume and interruption. */
  onConnecting?(): void;
  /** `transport`: its name, such as `tcp`. */
  onPlaying?(transport: string): void;
  /** `at`: the recorded time reached, in epoch ms. */
  onPaused?(at: number): void;
  /** A problem that does not end the run, such as a speed that was not granted. */
  onWarning?(error: NvrError): void;
  /** The stream broke off before `to`; the run continues from the time reached, after `retryInMs`. */
  onInterrupted?(error: NvrError, attempt: number, retryInMs: number): void;
  /**
   * The run has ended; called once. `missingMs` is the part of the requested span that did not arrive; 0 if
   * all of it did, or if no end was requested. `error` says why the end is missing; without it, the recording
   * itself has a hole there.
   */
  onEnd(reason: RunEnd | 'error', error: NvrError | undefined, missingMs: number): void;
}

export interface RunContext {
  readonly settings: NvrSettings;
  readonly account: Account;
  readonly session: ServerOptions;
  /** Opens a session; by default one to the NVR. */
  readonly open?: typeof openSession;
  readonly memory: MemoryBudget;
  uriOf(path: string): string;
  /** Whether the channel has a live stream: tells "no such channel" from "no recording". */
  hasChannel(channel: number, stream: string, signal: AbortSignal): Promise<boolean>;
}
