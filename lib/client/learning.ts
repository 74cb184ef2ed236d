// Learns from how a session ended: which policy made it fail, and which one the next session tries. Pure; the
// caller writes the result to the trace.

import { keepAliveOrder, type KeepAlivePolicy, type ServerMemory } from './quirks.js';
import type { EndReason } from './session-options.js';

export interface Ending {
  readonly reason: EndReason;
  readonly withoutMedia: boolean;
  /** Time from PLAY to the last packet, in ms. */
  readonly livedMs: number;
  /** The session's timeout on the server, in ms. */
  readonly timeoutMs: number;
  readonly keepAlive: {
    /** The last policy that was answered, or the current one if none was. */
    readonly policy: KeepAlivePolicy;
    readonly hasGetParameter: boolean;
    /** A keep-alive that has no reply yet, and for how many ms. */
    readonly asked?: { readonly policy: KeepAlivePolicy; readonly forMs: number } | undefined;
  };
  /** Tracks that the server describes and that were not set up. */
  readonly leftOut: number;
}

/**
 * Servers check their sessions only now and then, so a session that was not kept alive ends between these two
 * multiples of its timeout.
 */
const EARLIEST = 0.75;
const LATEST = 2;
const SLACK_MS = 2_000;
/** If the connection ends this soon (ms) after a keep-alive, the keep-alive is taken for the cause. */
const HANG_UP_MS = 2_000;

/** Returns, in words, what the next session does differently; undefined if nothing. */
export function learnFromEnd(memory: ServerMemory, ending: Ending): string | undefined {
  return learnTracks(memory, ending) ?? learnKeepAlive(memory, ending);
}

/** Media came, so this server does not need more tracks than were set up. */
export function learnFromMedia(memory: ServerMemory, leftOut: number): void {
  if (leftOut > 0) memory.learn('tracks', 'wanted');
}

function learnTracks(memory: ServerMemory, { reason, withoutMedia, leftOut }: Ending): string | undefined {
  if (reason !== 'silence' || !withoutMedia) return undefined;
  const policy = memory.recall('tracks');
  if (policy === 'all') {
    memory.forget('tracks');
    return 'no media came with all tracks set up either: sets up only the wanted tracks';
  }
  if (policy === 'wanted' || leftOut === 0) return undefined;
  memory.learn('tracks', 'all');
  return `no media came: sets up all tracks (${leftOut} more) and drops the packets of those that are not wanted`;
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
  const cause = hungUp ? 'the server hung up on' : 'the session timed out despite';
  return `${cause} the keep-alive "${policy}": sends "${next}"`;
}

function isTimedOut({ reason, withoutMedia, livedMs, timeoutMs }: Ending): boolean {
  if (reason === 'expired') return true;
  if (withoutMedia || reason === 'redirect') return false;
  return livedMs >= EARLIEST * timeoutMs && livedMs <= LATEST * timeoutMs + SLACK_MS;
}
