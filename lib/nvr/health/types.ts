// What a health check is asked for and tells, and the stages it goes through.

import type { ServerOptions } from '../../client/session-options.js';
import { asNvrError, NvrError, type NvrErrorCode } from '../../errors.js';
import type { Account } from '../account.js';
import type { Hub } from '../camera/hub.js';
import type { NvrSettings } from '../types.js';

/**
 * What a probe goes through, in this order: TCP connect, OPTIONS, DESCRIBE, a keyframe, a request in the
 * running session.
 */
export const DEPTHS = ['reach', 'rtsp', 'auth', 'media', 'session'] as const;
export type Depth = (typeof DEPTHS)[number];

export type HealthState = 'up' | 'degraded' | 'down';

/**
 * Flat, as `msg.health`. Durations in ms with one decimal, times in epoch ms. What was not measured is
 * absent.
 */
export interface Health {
  state: HealthState;
  /** The stage that failed; the last one passed where none did. */
  stage: Depth;
  code?: NvrErrorCode;
  reason?: string;
  rttMs?: number;
  connectMs?: number;
  describeMs?: number;
  keyframeMs?: number;
  codec?: string;
  width?: number;
  height?: number;
  fps?: number;
  bitrateKbps?: number;
  lossPercent?: number;
  /** The NVR's clock against this machine's; positive: it is ahead. */
  clockOffsetMs?: number;
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
  /** A result of another's probe may be this old, ms; 0: only one still under way is shared. */
  freshMs?: number;
  /** Told of each stage as it passes, with what is known so far. Such a probe is shared with nobody. */
  onStage?: (stage: Depth, known: Partial<Health>) => void;
  /** The session that the probe has opened stays for the NVR's linger, for the next to use. */
  linger?: boolean;
}

/** What is known so far. */
export type Findings = Partial<Health>;
export type OnStage = (stage: Depth, findings: Findings) => void;

/** An error and the stage it ended. */
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
