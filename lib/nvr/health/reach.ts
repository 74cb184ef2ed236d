// The first stages of a check, over a connection of their own: connect, OPTIONS and DESCRIBE, each measured.

import { performance } from 'node:perf_hooks';
import { describeInSteps } from '../../client/describe.js';
import { tcp } from '../../client/transport/transports.js';
import { NvrError } from '../../errors.js';
import type { SessionDescription } from '../../rtsp/sdp.js';
import { printable } from '../../text.js';
import { describeTransportOf } from '../transport.js';
import {
  fail,
  reaches,
  tenths,
  type Depth,
  type HealthContext,
  type Findings,
  type OnStage,
} from './types.js';

/**
 * Runs the stages down to `depth`, at most to DESCRIBE. The connection is closed afterwards, and when
 * `signal` aborts.
 */
export async function reach(
  context: HealthContext,
  uri: string,
  depth: Depth,
  findings: Findings,
  onStage: OnStage,
  signal: AbortSignal,
): Promise<void> {
  const { settings, account, session } = context;
  const ms = settings.requestTimeout * 1000;
  const begun = performance.now();
  let stage: Depth = 'reach';
  const walk = async (limit: AbortSignal): Promise<void> => {
    let asked = begun;
    const steps = describeInSteps({
      ...session,
      uri,
      // The stage `reach` only connects: an HTTP tunnel might ask for a log-in.
      transport: depth === 'reach' ? tcp() : describeTransportOf(settings),
      isAnonymous: !reaches(depth, 'auth'),
      memory: account.memory,
      gate: account.gate,
      requestTimeoutMs: ms,
      nextTimeoutMs: () => Math.max(1, begun + ms - performance.now()),
      signal: limit,
    });
    for await (const step of steps) {
      const now = performance.now();
      if (step.name === 'connected' && stage === 'reach') {
        findings.connectMs = findings.rttMs = tenths(now - begun);
        onStage(stage, findings);
        if (depth === 'reach') return;
        stage = 'rtsp';
      } else if (step.name === 'answered' && stage === 'rtsp') {
        findings.rttMs = tenths(step.connection.rttMs ?? 0);
        onStage(stage, findings);
        if (depth === 'rtsp') return;
        stage = 'auth';
        asked = now;
      } else if (step.name === 'described') {
        step.described.connection.destroy();
        findings.describeMs = tenths(now - asked);
        readDescription(step.described.description, findings);
        onStage('auth', findings);
      }
    }
  };
  try {
    await within(ms, `The NVR did not answer within ${settings.requestTimeout} s.`, signal, walk);
  } catch (error) {
    fail(stageOf(error, stage), error);
  }
}

export function readDescription(description: SessionDescription, findings: Findings): void {
  const video = description.media.find(({ type }) => type === 'video');
  const encoding = video?.payloads[0]?.encoding;
  if (encoding !== undefined)
    findings.codec = encoding === 'JPEG' ? 'mjpeg' : printable(encoding.toLowerCase(), 40);
  if (video?.frameRate !== undefined) findings.fps = tenths(video.frameRate);
}

function stageOf(error: unknown, stage: Depth): Depth {
  if (!(error instanceof NvrError)) return stage;
  const { code, status } = error;
  // The reply to OPTIONS may be 401 already.
  if (code === 'EAUTH' || code === 'EFORBIDDEN' || status === 401) return 'auth';
  // The server was reached, but refuses the HTTP tunnel.
  return code === 'EUNSUPPORTED' && stage === 'reach' ? 'rtsp' : stage;
}

/** Aborts the work after `ms`, and then rejects with ETIMEDOUT. */
async function within<T>(
  ms: number,
  message: string,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = new AbortController();
  // Somewhat later than the requests' own timeouts, whose errors say which request was not answered.
  const timer = setTimeout(() => {
    limit.abort();
  }, ms + 50);
  try {
    return await work(AbortSignal.any([signal, limit.signal]));
  } catch (error) {
    throw limit.signal.aborted ? new NvrError('ETIMEDOUT', message, { cause: error }) : error;
  } finally {
    clearTimeout(timer);
  }
}
