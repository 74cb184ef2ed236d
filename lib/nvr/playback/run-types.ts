// What a playback run is asked for, what it tells, and what it needs.

import type { ServerOptions } from '../../client/session-options.js';
import type { VideoUnit } from '../../codec/unit.js';
import type { NvrError } from '../../errors.js';
import type { Account } from '../account.js';
import type { MemoryBudget } from '../memory-budget.js';
import type { NvrSettings } from '../types.js';

export interface PlaybackRequest {
  readonly run: string;
  readonly channel: number;
  readonly stream: string;
  readonly group: number;
  /** Epoch ms. */
  readonly from: number;
  /** Epoch ms; absent: until the recording ends. */
  readonly to?: number;
  /** Times real speed by `Scale`; 0: as fast as the server sends (`Rate-Control: no`). */
  readonly speed: number;
}

/**
 * A unit of a run; `time` is the recorded time. `repeated`: sent before, and again after a resume because
 * decoders need the keyframe.
 */
export interface RecordedUnit {
  readonly unit: VideoUnit;
  readonly repeated: boolean;
}

/**
 * `reached`: `to` on the media clock. `stopped`: by the user. `stalled`: the media clock stood still. The
 * others as the session's.
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
  onUnit(recorded: RecordedUnit): void;
  onConnecting?(): void;
  onPlaying?(transport: string): void;
  onPaused?(at: number): void;
  onWarning?(error: NvrError): void;
  /** The stream broke off before `to`; the run goes on from where it got to, in `retryInMs`. */
  onInterrupted?(error: NvrError, attempt: number, retryInMs: number): void;
  /**
   * The run is over; once. `missingMs`: what of the span asked for has not come; 0 where all of it has, or no
   * end was asked for. An error tells why something is missing.
   */
  onEnd(reason: RunEnd | 'error', error: NvrError | undefined, missingMs: number): void;
}

export interface RunContext {
  readonly settings: NvrSettings;
  readonly account: Account;
  readonly session: ServerOptions;
  readonly memory: MemoryBudget;
  uriOf(path: string): string;
  /** Whether a channel streams at all: tells "no such channel" from "no recording". */
  hasChannel(channel: number, stream: string, signal: AbortSignal): Promise<boolean>;
}
