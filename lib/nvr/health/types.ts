// The options and the result of a health check, and its stages.

import type { ServerOptions } from '../../client/session-options.js';
import { asNvrError, NvrError, type NvrErrorCode } from '../../errors.js';
import type { Account } from '../account.js';
import type { Hub } from '../camera/hub.js';
import type { NvrSettings } from '../types.js';

/**
 * The stages of a check, in order: TCP connect, OPTIONS, DESCRIBE, a keyframe, a request in the running
 * session.
 */
export const DEPTHS = ['reach', 'rtsp', 'auth', 'media', 'session'] as const;
/** How deep a check goes: one of its stages. */
export type Depth = (typeof DEPTHS)[number];

/** `degraded`: it can be reached, but loses packets or has a wrong clock. */
export type HealthState = 'up' | 'degraded' | 'down';

/**
 * The contents of `msg.health`. Durations are in ms with one decimal, times in epoch ms. Values that were not
 * measured are absent.
 */
export interface Health {
  state: HealthState;
  /** The stage that failed, or the last one that passed. */
  stage: Depth;
  /** The cause of a state other than `up`. */
  code?: NvrErrorCode;
  reason?: string;
  /** Round trip of the last RTSP request; with depth `reach`, the same as `connectMs`. */
  rttMs?: number;
  /** From the look-up of the host's name to the open connection, TLS included. */
  connectMs?: number;
  /** From the reply to OPTIONS to that to DESCRIBE, log-in included. */
  describeMs?: number;
  /** The wait for a unit that decoding can begin at. */
  keyframeMs?: number;
  codec?: string;
  /** In pixels. */
  width?: number;
  height?: number;
  fps?: number;
  bitrateKbps?: number;
  /** Of the packets since the last check, with one decimal. */
  lossPercent?: number;
  /** How far the NVR's clock is ahead of this machine's, in ms; negative if it is behind. */
  clockOffsetMs?: number;
  /** When the check ended. */
  checkedAt: number;
}

export interface HealthContext {
  readonly settings: NvrSettings;
  readonly account: Account;
  readonly session: ServerOptions;
  /** The URI of the live stream. */
  uriOf(channel: number, stream: string): string;
  hub(channel: number, stream: string): Hub;
}

export interface ProbeOptions {
  /** A result up to this old (ms) may be reused; with 0 only a check that is still running is shared. */
  freshMs?: number;
  /** Called for each stage that passes, with the findings so far. Such a check is not shared. */
  onStage?: (stage: Depth, findings: Partial<Health>) => void;
  /** Keep the session that the check opened for the NVR's linger time, for the next user. */
  linger?: boolean;
}

/** The results so far. */
export type Findings = Partial<Health>;
export type OnStage = (stage: Depth, findings: Findings) => void;

/** An error, with the stage that it ended. */
export class StageError extends Error {
  constructor(
    readonly stage: Depth,
    readonly error: NvrError,
  ) {
    super(error.message);
  }
}

export function fail(stage: Depth, error: unknown): never {
  throw error instanceof StageError ? error : new StageError(stage, checkError(error));
}

export function checkError(error: unknown): NvrError {
  return asNvrError(error, 'EPROTOCOL', 'The check could not be made.');
}

export function reaches(depth: Depth, stage: Depth): boolean {
  return DEPTHS.indexOf(depth) >= DEPTHS.indexOf(stage);
}

/** Rounded to 0.1, never 0: flows test it for truthiness. */
export function tenths(value: number): number {
  return Math.max(0.1, Math.round(value * 10) / 10);
}
