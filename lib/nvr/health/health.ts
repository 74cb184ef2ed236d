// The health probe: how far a camera can be got at, stage by stage, how long it took, and what is wrong where
// it ends.

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

/** Of a check that went far enough: nothing of it is left open. */
type Reached = typeof REACHED;
const REACHED = { close: () => Promise.resolve() };

/** A server needs a moment to notice that a connection has ended; only then is its place free. */
const GOODBYE_MS = 25;

export class HealthProbes {
  /** 0..1: where in an interval this NVR's checks lie, so that NVRs take turns and the nodes of one meet. */
  readonly phase = Math.random();
  private readonly running = new Map<string, Promise<Health>>();
  private readonly recent = new Map<string, { at: number; health: Health }>();
  private readonly hubs: HubChecks;
  private readonly slots = new Set<SessionSlot<Reached>>();
  private readonly clock: ServerClock;
  /** The last failure that is the host's and no camera's. */
  private hostFailure: { at: number; failure: StageError } | undefined;
  private closed = false;

  /** @internal */
  constructor(private readonly context: HealthContext) {
    this.clock = new ServerClock(context.settings);
    this.hubs = new HubChecks(context.settings);
  }

  /**
   * Checks a camera down to `depth`; never rejects but with EINPUT for a channel or stream that cannot be.
   * Ends within the request time-out, and 1.5 times as much again where a keyframe is waited for; waiting for
   * one of the 4 places comes on top.
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
        if (this.recent.size > 1000) this.recent.clear();
        this.recent.set(key, { at: performance.now(), health });
        return health;
      })
      .finally(() => this.running.delete(key));
    this.running.set(key, probe);
    return probe;
  }

  /**
   * The channels that the NVR describes, from 1: eight at a time, until eight in a row do not exist; 128 at
   * most. Empty where it has none; rejects with the NvrError that keeps it from telling.
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
        throw new NvrError(trouble.code ?? 'EUNREACHABLE', trouble.reason ?? 'The NVR cannot be asked.');
      if (there.length === 0) break;
    }
    return found;
  }

  /** Ends what is under way. */
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
          void goodbye().then(release);
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
    await goodbye();
    const { state } = hub.statistics;
    // The camera answers again: its other users need not wait for their next try.
    if (state === 'waiting' || state === 'failed') hub.restart();
    try {
      await this.hubs.keyframe(hub, findings, onStage);
      this.hubs.describe(hub, findings);
      if (depth === 'session') {
        findings.rttMs = tenths(await hub.ping().catch((error: unknown) => fail('session', error)));
        onStage('session', findings);
      }
    } finally {
      if (state === 'idle' && !linger) await hub.endUnused();
    }
  }

  /** Reach, rtsp and auth, over a connection of their own. */
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

/** The timer may be late, and the end of the connection unread yet: one more round of the event loop. */
function goodbye(): Promise<void> {
  return new Promise((resolve) => setTimeout(() => setImmediate(resolve), GOODBYE_MS));
}
