// What a session's end teaches the next one: which policy it died of, and which is tried instead. Pure; the
// caller says it in the trace.

import { keepAliveOrder, type KeepAlivePolicy, type ServerMemory } from './quirks.js';
import type { EndReason } from './session-options.js';

export interface Ending {
  readonly reason: EndReason;
  readonly withoutMedia: boolean;
  /** From PLAY to the last sign of life, ms. */
  readonly livedMs: number;
  /** The session's time-out, ms. */
  readonly timeoutMs: number;
  readonly keepAlive: {
    /** The last one that was answered; where none was, the one in force. */
    readonly policy: KeepAlivePolicy;
    readonly hasGetParameter: boolean;
    /** One that waits for its answer, and for how long. */
    readonly asked?: { readonly policy: KeepAlivePolicy; readonly forMs: number } | undefined;
  };
  /** Tracks that the server describes and that were not set up. */
  readonly leftOut: number;
}

/** A server looks at its sessions now and then: one that was not kept alive ends about at its time-out. */
const EARLIEST = 0.75;
const LATEST = 2;
const SLACK_MS = 2_000;
/** A connection that ends so soon after a keep-alive was ended by it. */
const HANG_UP_MS = 2_000;

/** Answers what is done otherwise from now on, in words; undefined: nothing. */
export function learnFromEnd(memory: ServerMemory, ending: Ending): string | undefined {
  return learnTracks(memory, ending) ?? learnKeepAlive(memory, ending);
}

/** Media came: it did not take more tracks than were set up. */
export function learnFromMedia(memory: ServerMemory, leftOut: number): void {
  if (leftOut > 0) memory.learn('tracks', 'wanted');
}

function learnTracks(memory: ServerMemory, { reason, withoutMedia, leftOut }: Ending): string | undefined {
  if (reason !== 'silence' || !withoutMedia) return undefined;
  const policy = memory.recall('tracks');
  if (policy === 'all') {
    memory.forget('tracks');
    return 'no media came with all tracks set up either: those that are wanted alone';
  }
  if (policy === 'wanted' || leftOut === 0) return undefined;
  memory.learn('tracks', 'all');
  return `no media came: all tracks are set up, ${leftOut} more, and what is not wanted is dropped`;
}

function learnKeepAlive(memory: ServerMemory, ending: Ending): string | undefined {
  const { hasGetParameter, asked } = ending.keepAlive;
  const isCut = ending.reason === 'eof' || ending.reason === 'error';
  const hungUp = isCut && asked !== undefined && asked.forMs < HANG_UP_MS;
  if (!hungUp && !isTimedOut(ending)) return undefined;
  const policy = hungUp ? asked.policy : ending.keepAlive.policy;
  const order = keepAliveOrder(hasGetParameter);
  const next = order[(order.indexOf(policy) + 1) % order.length]!;
  memory.learn('keepAlive', next);
  const cause = hungUp ? 'the server hung up on' : 'the session ended at its time-out in spite of';
  return `${cause} the keep-alive "${policy}": "${next}"`;
}

function isTimedOut({ reason, withoutMedia, livedMs, timeoutMs }: Ending): boolean {
  if (reason === 'expired') return true;
  if (withoutMedia || reason === 'redirect') return false;
  return livedMs >= EARLIEST * timeoutMs && livedMs <= LATEST * timeoutMs + SLACK_MS;
}
