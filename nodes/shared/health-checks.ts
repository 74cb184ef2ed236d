// Checks of one camera, of several, or of every camera of an NVR, and which of them changed its state.

import type { Nvr } from '../../lib/nvr/nvr.js';
import type { Depth, Health, HealthState } from '../../lib/nvr/health/health.js';
import { Hysteresis } from '../../lib/nvr/health/hysteresis.js';
import type { NvrSettings } from '../../lib/nvr/types.js';
import { channelName } from './channel.js';
import { asNvrError } from './refuse.js';

/** A camera as the row of a check of all. */
export interface Row extends Health {
  channel: number;
  name: string;
  stream: string;
  since: number;
}

/** What one check found; several cameras: the worst of them, with a row for each in `cameras`. */
export interface Checked {
  readonly health: Health & Record<string, unknown>;
  readonly changes: readonly Row[];
}

export interface CheckRules {
  readonly depth: Depth;
  readonly failures: number;
  readonly successes: number;
}

const RANK: Readonly<Record<HealthState, number>> = { up: 0, degraded: 1, down: 2 };

export class HealthChecks {
  private readonly states = new Map<string, Hysteresis>();
  /** Channels found by probing, by stream, where the NVR's table names none. */
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

  /** `asked` is undefined: every camera that the NVR has. */
  async several(asked: readonly number[] | undefined, stream: string, freshMs: number): Promise<Checked> {
    let channels: readonly number[];
    try {
      channels = asked ?? (await this.channels(stream));
    } catch (error) {
      const { code, message: reason } = asNvrError(error);
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

  /** Of the NVR's table, else those that the NVR has. */
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

/** Where a check of the whole NVR ends. */
function stageOf(code: string): Depth {
  if (code === 'ENOTRTSP' || code === 'EPROTOCOL') return 'rtsp';
  return code === 'EAUTH' || code === 'EFORBIDDEN' || code === 'ECHANNEL' ? 'auth' : 'reach';
}
