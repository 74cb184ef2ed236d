// The health probe: checks a camera stage by stage, measures each stage, and names the problem at the stage
// that fails.

import { performance } from 'node:perf_hooks';
import { NvrError } from '../../errors.js';
import type { Hub } from '../camera/hub.js';
import { SessionSlot } from '../session-slot.js';
import { HubChecks } from './hub-checks.js';
import { reach } from './reach.js';
import { ServerClock } from './server-clock.js';
import {
  checkError,
  fail,
  reaches,
  StageError,
  tenths,
  type Depth,
  type Health,
  type HealthContext,
  type Findings,
  type OnStage,
  type ProbeOptions,
} from './types.js';
import { clean, judge } from './verdict.js';

export {
  DEPTHS,
  type Depth,
  type Health,
  type HealthContext,
  type HealthState,
  type ProbeOptions,
} from './types.js';

/** The session slot's stand-in for a check that has ended and left nothing open. */
type Reached = typeof REACHED;
const REACHED = { close: () => Promise.resolve() };

/** The most results that are kept for those who ask again at once. */
const MOST_RECENT = 1_000;
/** A server needs this long (ms) to notice that a connection has ended and to free its place. */
const FREE_PLACE_MS = 25;

export class HealthProbes {
  /**
   * 0 to 1: this NVR's offset within the check interval. NVRs then take turns, while the checks of one NVR's
   * nodes fall together and share their results.
   */
  readonly phase = Math.random();
  private readonly running = new Map<string, Promise<Health>>();
  private readonly recent = new Map<string, { at: number; health: Health }>();
  private readonly hubs: HubChecks;
  private readonly slots = new Set<SessionSlot<Reached>>();
  private readonly clock: ServerClock;
  /** The last failure to reach the host at all, which is not a single camera's. */
  private hostFailure: { at: number; failure: StageError } | undefined;
  private closed = false;

  /** @internal */
  constructor(
    private readonly context: HealthContext,
    private readonly mostRecent = MOST_RECENT,
  ) {
    this.clock = new ServerClock(context.settings);
    this.hubs = new HubChecks(context.settings);
  }

  /**
   * Checks a camera down to `depth`. Rejects only with EINPUT, for an invalid channel or stream. Ends within
   * the request timeout, plus 1.5 times that if it waits for a keyframe, plus the wait for one of the 4
   * places.
   */
  probe(channel: number, stream: string, depth: Depth, options: ProbeOptions = {}): Promise<Health> {
    if (options.onStage !== undefined) return this.run(channel, stream, depth, options);
    const key = `${channel}/${stream}/${depth}`;
    const recent = this.recent.get(key);
    if (recent !== undefined && performance.now() - recent.at < (options.freshMs ?? 0))
      return Promise.resolve(recent.health);
    const running = this.running.get(key);
    if (running !== undefined) return running;
    const probe = this.run(channel, stream, depth, options)
      .then((health) => {
        if (this.recent.size > this.mostRecent) this.recent.clear();
        this.recent.set(key, { at: performance.now(), health });
        return health;
      })
      .finally(() => this.running.delete(key));
    this.running.set(key, probe);
    return probe;
  }

  /**
   * The channels that the NVR describes, from 1, at most 128. Eight are asked at a time, until eight in a row
   * do not exist. Empty if there are none; rejects with the NvrError that prevents an answer.
   */
  async channels(stream: string): Promise<number[]> {
    const found: number[] = [];
    for (let first = 1; first <= 128; first += 8) {
      const eight = Array.from({ length: 8 }, (_, index) => first + index);
      const answers = await Promise.all(eight.map((channel) => this.probe(channel, stream, 'auth')));
      const there = eight.filter((_, index) => answers[index]!.state !== 'down');
      found.push(...there);
      const trouble = answers.find(({ state, code }) => state === 'down' && code !== 'ECHANNEL');
      if (there.length === 0 && trouble !== undefined)
        throw new NvrError(
          trouble.code ?? 'EUNREACHABLE',
          trouble.reason ?? 'The NVR did not say which channels it has.',
        );
      if (there.length === 0) break;
    }
    return found;
  }

  /** Aborts the checks that are running. */
  close(): void {
    this.closed = true;
    for (const slot of this.slots) slot.leave();
  }

  private async run(channel: number, stream: string, depth: Depth, options: ProbeOptions): Promise<Health> {
    const findings: Findings = {};
    const hub = this.context.hub(channel, stream);
    const asked = performance.now();
    const onStage: OnStage = (stage) => options.onStage?.(stage, { ...findings });
    try {
      if (!(await this.hubs.fromHub(hub, depth, findings, onStage))) {
        const release = await this.context.account.probes.acquire();
        try {
          if (this.hostFailure !== undefined && this.hostFailure.at >= asked) throw this.hostFailure.failure;
          await this.stages(hub, channel, stream, depth, findings, onStage, options.linger ?? false);
        } finally {
          void serverFreesPlace().then(release);
        }
      }
      if (findings.clockOffsetMs === undefined && reaches(depth, 'auth')) {
        const offset = await this.clock.offset();
        if (offset !== undefined) findings.clockOffsetMs = offset;
      }
      return judge(findings, depth);
    } catch (error) {
      const failure = error instanceof StageError ? error : new StageError('reach', checkError(error));
      if (failure.stage === 'reach' || failure.stage === 'rtsp')
        this.hostFailure = { at: performance.now(), failure };
      const { code, message } = failure.error;
      return clean({
        ...findings,
        state: 'down',
        stage: failure.stage,
        code,
        reason: message,
        checkedAt: Date.now(),
      });
    }
  }

  private async stages(
    hub: Hub,
    channel: number,
    stream: string,
    depth: Depth,
    findings: Findings,
    onStage: OnStage,
    linger: boolean,
  ): Promise<void> {
    await this.reach(this.context.uriOf(channel, stream), depth, findings, onStage);
    if (!reaches(depth, 'media')) return;
    await serverFreesPlace();
    const { state } = hub.statistics;
    // The camera answers again, so its other users reconnect now instead of waiting for their next retry.
    if (state === 'waiting' || state === 'failed') hub.restart();
    try {
      await this.hubs.keyframe(hub, findings, onStage);
      if (depth === 'session') {
        findings.rttMs = tenths(await hub.ping().catch((error: unknown) => fail('session', error)));
        onStage('session', findings);
      }
    } finally {
      if (state === 'idle' && !linger) await hub.endUnused();
    }
  }

  /** The stages reach, rtsp and auth, over a connection of their own. */
  private async reach(uri: string, depth: Depth, findings: Findings, onStage: OnStage): Promise<void> {
    const slot = new SessionSlot<Reached>(this.context.account.slots);
    this.slots.add(slot);
    try {
      const reached = this.closed
        ? undefined
        : await slot.open((signal) =>
            reach(this.context, uri, depth, findings, onStage, signal).then(() => REACHED),
          );
      if (reached === undefined) fail('reach', new NvrError('EUNREACHABLE', 'The NVR has been closed.'));
    } finally {
      this.slots.delete(slot);
    }
  }
}

/**
 * Waits for `FREE_PLACE_MS`. In the extra turn of the event loop the connection's end is read, even if the
 * timer is late.
 */
function serverFreesPlace(): Promise<void> {
  return new Promise((resolve) => setTimeout(() => setImmediate(resolve), FREE_PLACE_MS));
}
