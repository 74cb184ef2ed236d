// Flow node `nvr-snapshot`: answers each message with a picture of a camera, as a JPEG or the keyframe
// itself.

import type { NodeAPI, NodeMessage, NodeStatus } from 'node-red';
import { asNvrError, NvrError } from '../lib/errors.js';
import { takeSnapshot, type Snapshot, type SnapshotOptions } from '../lib/nvr/snapshot/snapshot.js';
import { channelNumber } from './shared/channel.js';
import { flowNode, type FlowContext, type FlowPart, type Input, type Send } from './shared/flow-node.js';
import { topicOf, topicOr, videoInfo } from './shared/messages.js';
import { namedServer } from './shared/named-server.js';
import { takePast } from './shared/past-picture.js';
import { pictureName, responseHeaders } from './shared/picture-message.js';
import { nvrOf, type NvrServerNode } from './shared/server-node.js';
import { isEmpty } from './shared/settings/check.js';
import { givenFor, isFromMessage } from './shared/settings/given.js';
import { overridden } from './shared/settings/read.js';
import { snapshotSettings } from './shared/settings/tables/nvr-snapshot.js';
import { failed, IDLE } from './shared/status.js';

const BUSY: NodeStatus = { fill: 'blue', shape: 'dot', text: 'busy' };

export = (RED: NodeAPI): void => {
  flowNode(RED, 'nvr-snapshot', snapshotSettings, (context) => new SnapshotNode(context));
};

class SnapshotNode implements FlowPart {
  /** Undefined: each message names the channel. */
  private readonly channel: number | undefined;
  private sequence = 0;
  private pending = 0;
  private warned: string | undefined;

  constructor(private readonly context: FlowContext<typeof snapshotSettings>) {
    this.channel = isFromMessage(context, 'channel')
      ? undefined
      : channelNumber(context.server.settings, context.settings.channel);
  }

  /** Rejects only with NvrError. Sends nothing once the node is closed. */
  async input(message: Input, send: Send): Promise<void> {
    const { node, signal } = this.context;
    this.pending++;
    node.status(BUSY);
    try {
      const answer = await this.answer(message);
      this.show(IDLE);
      if (!signal.aborted) send([answer]);
    } catch (error) {
      if (signal.aborted) return;
      const failure = asNvrError(error, 'EDECODE', 'The picture could not be made.');
      this.show(failed(failure.code));
      throw failure;
    }
  }

  private async answer(message: Input): Promise<NodeMessage> {
    const { RED, settings } = this.context;
    const server = namedServer(RED, this.context.server, message.nvr);
    const channel = channelNumber(server.settings, givenFor(this.context, 'channel', message));
    const stream = overridden(snapshotSettings, 'stream', message.stream, settings.stream);
    const format = overridden(snapshotSettings, 'format', message.format, settings.format);
    const at = givenFor(this.context, 'at', message);
    const options = this.options(format);
    const snapshot =
      at === ''
        ? await this.takeLive(server, channel, stream, options)
        : await takePast(this, nvrOf(server), { channel, stream, at }, options);
    this.warn(snapshot.warning);
    return this.filled(message, snapshot, server, channel, stream);
  }

  private options(format: SnapshotOptions['format']): SnapshotOptions {
    const { settings, signal } = this.context;
    const { width, ...others } = settings;
    return { ...others, format, ...(width !== undefined && { width }), signal };
  }

  private takeLive(
    server: NvrServerNode,
    channel: number,
    stream: string,
    options: SnapshotOptions,
  ): Promise<Snapshot> {
    const { server: own, settings } = this.context;
    const isOwn = server === own && channel === this.channel && stream === settings.stream;
    return takeSnapshot(nvrOf(server).camera(channel, stream, isOwn ? 'node' : 'message'), options);
  }

  private filled(
    message: Input,
    snapshot: Snapshot,
    { settings }: NvrServerNode,
    channel: number,
    stream: string,
  ): NodeMessage {
    const { unit, width, height, ageMs, data, contentType } = snapshot;
    const video = { ...videoInfo(unit, ++this.sequence, channel, stream), width, height, ageMs };
    return Object.assign(message, {
      topic: topicOr(message, topicOf(settings, channel, 'snapshot')),
      filename: isEmpty(message.filename)
        ? pictureName(settings, channel, stream, unit.time, contentType)
        : message.filename,
      ...responseHeaders(message, contentType),
      payload: data,
      contentType,
      video,
    });
  }

  /** The badge shows the request that ended last. */
  private show(status: NodeStatus): void {
    const { node, signal } = this.context;
    if (--this.pending === 0 && !signal.aborted) node.status(status);
  }

  /** Warns once per cause, because a flow may request a picture every second. */
  private warn(warning: NvrError | undefined): void {
    if (warning !== undefined && warning.message !== this.warned) this.context.node.warn(warning.message);
    this.warned = warning?.message;
  }
}
