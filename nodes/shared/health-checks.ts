// Checks one camera, several, or all cameras of an NVR, and finds out which of them changed state.

import { asNvrError } from '../../lib/errors.js';
import type { Nvr } from '../../lib/nvr/nvr.js';
import type { Depth, Health, HealthState } from '../../lib/nvr/health/health.js';
import { Hysteresis } from '../../lib/nvr/health/hysteresis.js';
import type { NvrSettings } from '../../lib/nvr/types.js';
import { channelName } from './channel.js';

/** One camera in the result of a check of several. */
export interface Row extends Health {
  channel: number;
  name: string;
  stream: string;
  since: number;
}

/** Result of a check. For several cameras it is the worst state, with one row per camera in `cameras`. */
export interface Checked {
  readonly health: Health & Record<string, unknown>;
  readonly changes: readonly Row[];
}

interface CheckRules {
  readonly depth: Depth;
  readonly failures: number;
  readonly successes: number;
}

const RANK: Readonly<Record<HealthState, number>> = { up: 0, degraded: 1, down: 2 };

export class HealthChecks {
  private readonly states = new Map<string, Hysteresis>();
  /** Channels found by probing, by stream, if the NVR's table has none. */
  private readonly found = new Map<string, readonly number[]>();

  constructor(
    private readonly nvr: Nvr,
    private readonly settings: NvrSettings,
    private readonly rules: CheckRules,
  ) {}

  async one(channel: number, stream: string, freshMs: number): Promise<Checked> {
    const { health, isChange } = await this.check(channel, stream, freshMs);
    return { health: { ...health }, changes: isChange ? [health] : [] };
  }

  /** `asked`: undefined for all cameras of the NVR. */
  async several(asked: readonly number[] | undefined, stream: string, freshMs: number): Promise<Checked> {
    let channels: readonly number[];
    try {
      channels = asked ?? (await this.channels(stream));
    } catch (error) {
      const { code, message: reason } = asNvrError(error, 'EINPUT', 'The check could not be made.');
      const health = { state: 'down', stage: stageOf(code), code, reason, checkedAt: Date.now() } as const;
      return { health: { ...health, cameras: [] }, changes: [] };
    }
    const checks = await Promise.all(channels.map((channel) => this.check(channel, stream, freshMs)));
    const changes = checks.filter(({ isChange }) => isChange).map(({ health }) => health);
    return { health: worstOf(checks.map(({ health }) => health)), changes };
  }

  private async check(
    channel: number,
    stream: string,
    freshMs: number,
  ): Promise<{ health: Row; isChange: boolean }> {
    const { depth, failures, successes } = this.rules;
    const health = await this.nvr.health.probe(channel, stream, depth, { freshMs });
    const key = `${channel}/${stream}`;
    const hysteresis = this.states.get(key) ?? new Hysteresis(failures, successes);
    this.states.set(key, hysteresis);
    const { changed, since } = hysteresis.judge(health.state, health.checkedAt);
    const row = { channel, name: channelName(this.settings, channel), stream, ...health, since };
    return { health: row, isChange: changed };
  }

  /** The channels in the NVR's table, else those found by probing. */
  private async channels(stream: string): Promise<number[]> {
    let channels: readonly number[] = this.settings.channels.map(({ channel }) => channel);
    if (channels.length === 0) {
      channels = this.found.get(stream) ?? (await this.nvr.health.channels(stream));
      if (channels.length > 0) this.found.set(stream, channels);
    }
    return [...new Set(channels)].sort((a, b) => a - b);
  }
}

function worstOf(cameras: readonly Row[]): Health & Record<string, unknown> {
  const [worst] = [...cameras].sort((a, b) => RANK[b.state] - RANK[a.state]);
  const checkedAt = Date.now();
  if (worst === undefined) {
    const reason = 'The NVR has no channels.';
    return { state: 'down', stage: 'auth', code: 'ECHANNEL', reason, checkedAt, cameras };
  }
  const { state, stage, code, reason } = worst;
  const rttMs = Math.max(...cameras.map((row) => row.rttMs ?? 0));
  const count = (of: HealthState): number => cameras.filter((row) => row.state === of).length;
  return {
    state,
    stage,
    ...(code === undefined ? {} : { code }),
    ...(reason === undefined ? {} : { reason }),
    ...(rttMs > 0 ? { rttMs } : {}),
    checkedAt,
    up: count('up'),
    degraded: count('degraded'),
    down: count('down'),
    cameras,
  };
}

/** Stage at which a check of the whole NVR failed. */
function stageOf(code: string): Depth {
  if (code === 'ENOTRTSP' || code === 'EPROTOCOL') return 'rtsp';
  return code === 'EAUTH' || code === 'EFORBIDDEN' || code === 'ECHANNEL' ? 'auth' : 'reach';
}
