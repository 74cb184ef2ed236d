// Flow node `nvr-health-ping`: asks whether a camera, or every camera of an NVR, can be seen; tells each check, and each change of state.

import type { Node, NodeAPI, NodeDef, NodeMessage, NodeMessageInFlow, NodeStatus } from 'node-red';
import { NvrError } from '../lib/errors.js';
import { DEPTHS, type Depth, type Health, type HealthState } from '../lib/nvr/health/health.js';
import { Hysteresis } from '../lib/nvr/health/hysteresis.js';
import { channelName, channelNumber } from './shared/channel.js';
import { topicOf } from './shared/messages.js';
import { asNvrError, refuseSettings } from './shared/refuse.js';
import { nvrOf, serverOf, whenFlowsRun, type NvrServerNode } from './shared/server-node.js';
import { SettingsReader } from './shared/settings-reader.js';
import { failed, IDLE } from './shared/status.js';

type Saved = NodeDef & Record<string, unknown>;

interface Message extends NodeMessageInFlow {
  channel?: unknown;
  stream?: unknown;
}

/** A camera as the row of a check of all. */
interface Row extends Health {
  channel: number;
  name: string;
  stream: string;
  since: number;
}

interface Check {
  /** Undefined: all channels. */
  channel: number | undefined;
  stream: string;
}

const ALL = '*';
const STREAMS = ['main', 'dual'] as const;
const CHECKING: NodeStatus = { fill: 'blue', shape: 'dot', text: 'checking' };
/** The first check after a deploy comes within this time. */
const FIRST_MS = 1_000;
/** Nodes whose interval brings them here together share what one has just found. */
const FRESH_MS = 500;
const RANK: Readonly<Record<HealthState, number>> = { up: 0, degraded: 1, down: 2 };

export = (RED: NodeAPI): void => {
  function HealthPingNode(this: Node, saved: Saved): void {
    RED.nodes.createNode(this, saved);
    this.status(IDLE);
    let ping: HealthPing | undefined;
    const open = (): HealthPing => (ping ??= new HealthPing(this, serverOf(RED, saved.nvr), saved));
    const cancel = whenFlowsRun(RED, () => {
      try {
        open().schedule(true);
      } catch (error) {
        refuseSettings(this, error);
      }
    });
    this.on('input', (message: Message, send, done) => {
      try {
        open()
          .answer(message, send)
          .then(() => {
            done();
          }, done);
      } catch (error) {
        done(asNvrError(error));
      }
    });
    this.on('close', (_removed: boolean, done: () => void) => {
      cancel();
      ping?.close();
      done();
    });
  }
  RED.nodes.registerType('nvr-health-ping', HealthPingNode as never);
};

class HealthPing {
  private readonly check: Check;
  private readonly depth: Depth;
  private readonly intervalMs: number;
  private readonly failures: number;
  private readonly successes: number;
  private readonly states = new Map<string, Hysteresis>();
  /** Channels found by probing, by stream, where the NVR's table names none. */
  private readonly found = new Map<string, readonly number[]>();
  private timer: NodeJS.Timeout | undefined;
  private pending = 0;
  private closed = false;

  constructor(
    private readonly node: Node,
    private readonly server: NvrServerNode,
    saved: Saved,
  ) {
    const reader = new SettingsReader(saved);
    const channel = reader.text('channel', '1');
    const stream = reader.choice('stream', STREAMS, 'main');
    this.depth = reader.choice('depth', DEPTHS, 'auth');
    this.intervalMs = reader.number('interval', 60, { min: 0, max: 86_400 }) * 1000;
    this.failures = reader.number('failures', 2, { min: 1, max: 1000, integer: true });
    this.successes = reader.number('successes', 1, { min: 1, max: 1000, integer: true });
    if (reader.error !== undefined) throw reader.error;
    nvrOf(server);
    this.check = { channel: this.channelOf(channel), stream };
    server.register(node);
  }

  /**
   * Nodes of one NVR meet at the same moments, so that they share a probe; NVRs lie apart by a random phase. No moment moves, so
   * that the time to a "down" is bounded by the interval.
   */
  schedule(isFirst = false): void {
    if (this.intervalMs <= 0 || this.closed) return;
    const { phase } = nvrOf(this.server).health;
    const past = (performance.now() + (1 - phase) * this.intervalMs) % this.intervalMs;
    // A timer may be a little early: its moment is not to come twice.
    const next =
      this.intervalMs - past + (this.intervalMs - past < this.intervalMs / 20 ? this.intervalMs : 0);
    const wait = isFirst ? phase * Math.min(FIRST_MS, this.intervalMs) : next;
    this.timer = setTimeout(
      () => {
        this.schedule();
        this.run(this.check, {}, FRESH_MS).then(
          (messages) => {
            for (const message of messages) this.node.send(message);
          },
          (error: unknown) => {
            if (!this.closed) this.node.error(asNvrError(error), {});
          },
        );
      },
      Math.max(1, Math.round(wait)),
    );
  }

  /** A message may pick the channel and the stream, never the host. */
  async answer(message: Message, send: (messages: (NodeMessage | null)[]) => void): Promise<void> {
    const channel = isEmpty(message.channel) ? this.check.channel : this.channelOf(message.channel);
    const stream = isEmpty(message.stream)
      ? this.check.stream
      : STREAMS.find((known) => known === message.stream);
    if (stream === undefined) throw new NvrError('EINPUT', `msg.stream must be ${STREAMS.join(' or ')}.`);
    for (const answer of await this.run({ channel, stream }, message, 0)) send(answer);
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.server.deregister(this.node);
  }

  /** What goes out: the check on output 1, then the changes on output 2. Nothing once the node is closed. */
  private async run(check: Check, message: object, freshMs: number): Promise<(NodeMessage | null)[][]> {
    this.pending++;
    if (this.pending === 1) this.node.status(CHECKING);
    const changes: Row[] = [];
    try {
      const health =
        check.channel === undefined
          ? await this.checkAll(check.stream, freshMs, changes)
          : await this.checkOne(check.channel, check.stream, freshMs, changes);
      this.settle(statusOf(health));
      if (this.closed) return [];
      const { settings } = this.server;
      const given = (message as NodeMessage).topic;
      const topic =
        given ??
        (check.channel === undefined ? allTopic(settings.name) : topicOf(settings, check.channel, 'health'));
      const payload = health.state === 'down' ? false : (health.rttMs ?? false);
      return [
        [Object.assign(message, { topic, payload, health }), null],
        ...changes.map((row) => [null, this.changeOf(row)]),
      ];
    } catch (error) {
      this.settle(failed(asNvrError(error).code));
      if (this.closed) return [];
      throw error;
    }
  }

  private async checkOne(channel: number, stream: string, freshMs: number, changes: Row[]): Promise<Row> {
    const health = await nvrOf(this.server).health.probe(channel, stream, this.depth, { freshMs });
    const key = `${channel}/${stream}`;
    const hysteresis = this.states.get(key) ?? new Hysteresis(this.failures, this.successes);
    this.states.set(key, hysteresis);
    const { changed, since } = hysteresis.judge(health.state, health.checkedAt);
    const row = { channel, name: channelName(this.server.settings, channel), stream, ...health, since };
    if (changed) changes.push(row);
    return row;
  }

  /** The worst of all, with a row per camera. */
  private async checkAll(
    stream: string,
    freshMs: number,
    changes: Row[],
  ): Promise<Health & Record<string, unknown>> {
    const { settings } = this.server;
    let channels = settings.channels.map(({ channel }) => channel);
    if (channels.length === 0) {
      try {
        const found = this.found.get(stream) ?? (await nvrOf(this.server).health.channels(stream));
        if (found.length > 0) this.found.set(stream, found);
        channels = [...found];
      } catch (error) {
        const { code, message } = asNvrError(error);
        return {
          state: 'down',
          stage: stageOf(code),
          code,
          reason: message,
          checkedAt: Date.now(),
          cameras: [],
        };
      }
    }
    const unique = [...new Set(channels)].sort((a, b) => a - b);
    const cameras = await Promise.all(
      unique.map((channel) => this.checkOne(channel, stream, freshMs, changes)),
    );
    const count = (state: HealthState): number => cameras.filter((row) => row.state === state).length;
    const [worst] = [...cameras].sort((a, b) => RANK[b.state] - RANK[a.state]);
    if (worst === undefined) {
      const reason = 'The NVR has no channels.';
      return { state: 'down', stage: 'auth', code: 'ECHANNEL', reason, checkedAt: Date.now(), cameras };
    }
    const { state, stage, code, reason } = worst;
    const rttMs = Math.max(...cameras.map((row) => row.rttMs ?? 0));
    return {
      state,
      stage,
      ...(code === undefined ? {} : { code }),
      ...(reason === undefined ? {} : { reason }),
      ...(rttMs > 0 ? { rttMs } : {}),
      checkedAt: Date.now(),
      up: count('up'),
      degraded: count('degraded'),
      down: count('down'),
      cameras,
    };
  }

  private changeOf(row: Row): NodeMessage {
    const { channel, stream, state, code, reason, checkedAt } = row;
    const event = {
      channel,
      stream,
      ...(code === undefined ? {} : { code }),
      ...(reason === undefined ? {} : { reason }),
      time: checkedAt,
    };
    const topic = topicOf(this.server.settings, channel, 'health');
    return { topic, payload: state, event, health: { ...row } };
  }

  private channelOf(given: unknown): number | undefined {
    return given === ALL ? undefined : channelNumber(this.server.settings, given);
  }

  /** The last check to end says how it went. */
  private settle(status: NodeStatus): void {
    if (--this.pending === 0 && !this.closed) this.node.status(status);
  }
}

function isEmpty(given: unknown): boolean {
  return given === undefined || given === null || given === '';
}

function allTopic(name: string): string {
  return topicOf({ name, channels: [] }, 0, 'health').replace(/\/0\/health$/, `/${ALL}/health`);
}

/** Where a check of the whole NVR ends. */
function stageOf(code: string): Depth {
  if (code === 'ENOTRTSP' || code === 'EPROTOCOL') return 'rtsp';
  return code === 'EAUTH' || code === 'EFORBIDDEN' || code === 'ECHANNEL' ? 'auth' : 'reach';
}

function statusOf(health: Health & { up?: unknown; cameras?: unknown }): NodeStatus {
  const { cameras } = health;
  const all = Array.isArray(cameras) && cameras.length > 0 ? cameras.length : undefined;
  const fine: NodeStatus = { fill: 'green', shape: 'dot', text: 'up' };
  if (all !== undefined) {
    const text = `${Number(health.up)}/${all}`;
    return health.state === 'up'
      ? { ...fine, text }
      : { fill: health.state === 'down' ? 'red' : 'yellow', shape: 'ring', text };
  }
  if (health.state === 'up') return fine;
  if (health.state === 'degraded') return { fill: 'yellow', shape: 'ring', text: health.code ?? 'degraded' };
  return health.code === undefined ? { fill: 'red', shape: 'ring', text: 'down' } : failed(health.code);
}
