// Flow node `nvr-health-ping`: checks whether one camera, several, or all cameras of an NVR can be reached,
// and sends each check and each change of state.

import type { NodeAPI, NodeMessage, NodeStatus } from 'node-red';
import { asNvrError } from '../lib/errors.js';
import { channelList, isOneChannel } from './shared/channel-list.js';
import { channelName, channelNumber } from './shared/channel.js';
import { flowNode, type FlowContext, type FlowPart, type Input, type Send } from './shared/flow-node.js';
import { HealthChecks } from './shared/health-checks.js';
import { changeOf, statusOf, untilNext } from './shared/health-messages.js';
import { topicOf, topicOr } from './shared/messages.js';
import type { Outputs } from './shared/output/outlet.js';
import { givenFor, isFromMessage } from './shared/settings/given.js';
import { overridden } from './shared/settings/read.js';
import { healthPingSettings } from './shared/settings/tables/nvr-health-ping.js';
import { failed } from './shared/status.js';

const ALL = '*';
const CHECKING: NodeStatus = { fill: 'blue', shape: 'dot', text: 'checking' };
/** The first check after a deploy starts within this time. */
const FIRST_MS = 1_000;
/** Nodes with the same interval check at the same moment, and share a result that is at most this old. */
const FRESH_MS = 500;

/** The channels to check, and their name in topics. */
interface Target {
  /** Undefined: all cameras of the NVR. */
  readonly channels: readonly number[] | undefined;
  readonly name: string;
  /** A single camera, reported as such and not as a list of one. */
  readonly isOne: boolean;
}

const ALL_CAMERAS: Target = { channels: undefined, name: ALL, isOne: false };

export = (RED: NodeAPI): void => {
  flowNode(RED, 'nvr-health-ping', healthPingSettings, (context) => new HealthPing(context));
};

class HealthPing implements FlowPart {
  private readonly checks: HealthChecks;
  /** What is checked without a message. */
  private readonly target: Target;
  private timer: NodeJS.Timeout | undefined;
  private pending = 0;

  constructor(private readonly context: FlowContext<typeof healthPingSettings>) {
    const { nvr, server, settings } = context;
    // If the channel comes from messages, it is unknown without one, so there are no timed checks.
    this.target = isFromMessage(context, 'channel') ? ALL_CAMERAS : this.targetOf(settings.channel);
    this.checks = new HealthChecks(nvr, server.settings, settings);
  }

  start(): void {
    this.schedule(true);
  }

  /** A message may choose the channels and the stream, but not the host. */
  async input(message: Input, send: Send): Promise<void> {
    const { settings } = this.context;
    const target = this.targetOf(givenFor(this.context, 'channel', message));
    const stream = overridden(healthPingSettings, 'stream', message.stream, settings.stream);
    for (const outputs of await this.run(target, stream, message, 0)) send(outputs);
  }

  close(): void {
    clearTimeout(this.timer);
  }

  private schedule(isFirst = false): void {
    const { node, nvr, settings, signal } = this.context;
    const intervalMs = settings.interval * 1000;
    if (intervalMs <= 0 || signal.aborted || isFromMessage(this.context, 'channel')) return;
    const { phase } = nvr.health;
    const wait = isFirst
      ? phase * Math.min(FIRST_MS, intervalMs)
      : untilNext(intervalMs, phase, performance.now());
    this.timer = setTimeout(
      () => {
        this.schedule();
        this.run(this.target, settings.stream, {}, FRESH_MS).then(
          (messages) => {
            for (const outputs of messages) node.send(outputs);
          },
          (error: unknown) => {
            node.error(asNvrError(error, 'EINPUT', 'The check could not be made.'), {});
          },
        );
      },
      Math.max(1, Math.round(wait)),
    );
  }

  /**
   * Sends the check on output 1, then the changes on output 2. Once the node is closed, sends nothing and
   * reports no error.
   */
  private async run(
    { channels, name, isOne }: Target,
    stream: string,
    message: NodeMessage,
    freshMs: number,
  ): Promise<Outputs[]> {
    const { node, server, signal } = this.context;
    this.pending++;
    if (this.pending === 1) node.status(CHECKING);
    try {
      const { health, changes } = isOne
        ? await this.checks.one(channels![0]!, stream, freshMs)
        : await this.checks.several(channels, stream, freshMs);
      this.show(statusOf(health));
      if (signal.aborted) return [];
      const topic = topicOr(message, this.topic(name));
      const payload = health.state === 'down' ? false : (health.rttMs ?? false);
      return [
        [Object.assign(message, { topic, payload, health }), null],
        ...changes.map((row) => {
          const mark = isOne ? {} : { channel: row.channel, camera: row.name };
          return [null, { ...changeOf(row, topicOf(server.settings, row.channel, 'health')), ...mark }];
        }),
      ];
    } catch (error) {
      this.show(failed(asNvrError(error, 'EINPUT', 'The check could not be made.').code));
      if (signal.aborted) return [];
      throw error;
    }
  }

  private topic(name: string): string {
    const { settings } = this.context.server;
    return topicOf({ name: settings.name, channels: [{ channel: 0, name }] }, 0, 'health');
  }

  private targetOf(given: unknown): Target {
    const { settings } = this.context.server;
    if (given === ALL) return ALL_CAMERAS;
    if (!isOneChannel(settings, given) && typeof given === 'string')
      return { channels: channelList(settings, given), name: given.trim(), isOne: false };
    const channel = channelNumber(settings, given);
    return { channels: [channel], name: channelName(settings, channel), isOne: true };
  }

  /** The badge shows the check that ended last. */
  private show(status: NodeStatus): void {
    const { node, signal } = this.context;
    if (--this.pending === 0 && !signal.aborted) node.status(status);
  }
}
