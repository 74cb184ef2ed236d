// The later stages of a check, which use the camera's own hub: a keyframe, a request in the running session,
// and the properties of the stream.

import { performance } from 'node:perf_hooks';
import type { Hub } from '../camera/hub.js';
import { nextKeyframe } from '../camera/next-keyframe.js';
import { lossPercent } from '../camera/no-keyframe.js';
import type { NvrSettings } from '../types.js';
import { readDescription } from './reach.js';
import {
  checkError,
  fail,
  reaches,
  StageError,
  tenths,
  type Depth,
  type Findings,
  type OnStage,
} from './types.js';

/** A keyframe may take this many times the request timeout, since cameras send one only every few seconds. */
const KEYFRAME_FACTOR = 1.5;

export class HubChecks {
  private readonly counted = new Map<string, { packets: number; lost: number }>();

  constructor(private readonly settings: NvrSettings) {}

  /**
   * Checks through a session that plays or is about to: that takes no new connection, and no log-in in the
   * NVR's log. Returns false if there is no such session.
   */
  async fromHub(hub: Hub, depth: Depth, findings: Findings, onStage: OnStage): Promise<boolean> {
    if (hub.statistics.state === 'connecting' && !(await this.untilPlaying(hub))) return false;
    if (hub.statistics.state !== 'playing') return false;
    try {
      findings.rttMs = tenths(await hub.ping());
    } catch (error) {
      const failure = checkError(error);
      // The session has ended meanwhile.
      if (failure.code === 'EUNREACHABLE') return false;
      throw new StageError('session', failure);
    }
    for (const stage of ['reach', 'rtsp', 'auth'] as const)
      if (reaches(depth, stage)) onStage(stage, findings);
    if (reaches(depth, 'media')) await this.keyframe(hub, findings, onStage);
    if (depth === 'session') onStage('session', findings);
    this.describe(hub, findings);
    return true;
  }

  async keyframe(hub: Hub, findings: Findings, onStage: OnStage): Promise<void> {
    const begun = performance.now();
    try {
      const last = hub.gop.at(-1);
      const isLive = last !== undefined && begun - last.arrival < this.settings.silence * 1000;
      const options = { timeout: this.keyframeSeconds, wants: 'entry', outlastsOutages: false } as const;
      if (!isLive) await nextKeyframe(hub, options);
    } catch (error) {
      fail('media', error);
    }
    findings.keyframeMs = tenths(performance.now() - begun);
    this.describe(hub, findings);
    onStage('media', findings);
  }

  /** Waits until the hub plays. Returns false if it does not get there. */
  private async untilPlaying(hub: Hub): Promise<boolean> {
    let leave = (): void => undefined;
    const plays = await new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => {
        resolve(false);
      }, this.keyframeSeconds * 1000);
      const subscription = hub.subscribe({
        onEvent: ({ type }) => {
          if (type === 'playing') resolve(true);
          else if (type === 'error' || type === 'reconnecting' || type === 'stopped') resolve(false);
        },
      });
      leave = () => {
        clearTimeout(timer);
        subscription.unsubscribe();
      };
    });
    leave();
    return plays;
  }

  private get keyframeSeconds(): number {
    return this.settings.requestTimeout * KEYFRAME_FACTOR;
  }

  /** Adds what the running session knows: picture, rates, losses since the last check, and the clock. */
  describe(hub: Hub, findings: Findings): void {
    const { format, statistics, gop, description } = hub;
    // No unit may have arrived yet if the session has only just begun to play.
    if (format === undefined && description !== undefined) readDescription(description, findings);
    if (format !== undefined) {
      findings.codec = format.codec;
      if (format.width > 0) Object.assign(findings, { width: format.width, height: format.height });
    }
    const fps = statistics.fps > 0 ? statistics.fps : (format?.frameRate ?? findings.fps);
    if (fps !== undefined) findings.fps = tenths(fps);
    if (statistics.bitrateKbps > 0) findings.bitrateKbps = Math.round(statistics.bitrateKbps);
    const claimed = [...gop]
      .reverse()
      .find(({ timeSource, captureTime }) => timeSource === 'sr' && captureTime !== undefined);
    if (claimed?.captureTime !== undefined) findings.clockOffsetMs = claimed.captureTime - claimed.time;
    const key = `${hub.channel}/${hub.stream}`;
    const before = this.counted.get(key) ?? { packets: 0, lost: 0 };
    // A check may call this twice; the loss then still counts from the previous check.
    if (findings.lossPercent !== undefined) return;
    if (statistics.packets + statistics.lost > before.packets + before.lost)
      findings.lossPercent = lossPercent(before, statistics);
    this.counted.set(key, { packets: statistics.packets, lost: statistics.lost });
  }
}
