// Flow node `nvr-snapshot`: each message is answered with a picture of a camera, a JPEG or the keyframe itself.

import type { Node, NodeAPI, NodeDef, NodeMessageInFlow, NodeStatus } from 'node-red';
import { NvrError } from '../lib/errors.js';
import { parseTime } from '../lib/nvr/playback/nvr-time.js';
import { takePastSnapshot } from '../lib/nvr/past-snapshot.js';
import { takeSnapshot } from '../lib/nvr/snapshot/snapshot.js';
import type { Snapshot, SnapshotOptions } from '../lib/nvr/snapshot/snapshot.js';
import { channelNumber } from './shared/channel.js';
import { topicOf, videoInfo } from './shared/messages.js';
import { asNvrError, refuseSettings } from './shared/refuse.js';
import { nvrOf, serverOf, whenFlowsRun, type NvrServerNode } from './shared/server-node.js';
import { SettingsReader } from './shared/settings-reader.js';
import { failed, IDLE } from './shared/status.js';

type Saved = NodeDef & Record<string, unknown>;

interface Message extends NodeMessageInFlow {
  channel?: unknown;
  stream?: unknown;
  format?: unknown;
  at?: unknown;
}

const STREAMS = ['main', 'dual'] as const;
const FORMATS = ['jpeg', 'keyframe'] as const;
const BUSY: NodeStatus = { fill: 'blue', shape: 'dot', text: 'busy' };

export = (RED: NodeAPI): void => {
  function SnapshotNode(this: Node, saved: Saved): void {
    RED.nodes.createNode(this, saved);
    this.status(IDLE);
    let camera: SnapshotCamera | undefined;
    const setUp = (): SnapshotCamera =>
      (camera ??= new SnapshotCamera(this, serverOf(RED, saved.nvr), saved));
    const cancel = whenFlowsRun(RED, () => {
      try {
        setUp();
      } catch (error) {
        refuseSettings(this, error);
      }
    });
    this.on('input', (message: Message, send, done) => {
      try {
        setUp()
          .answer(message)
          .then((answered) => {
            if (answered !== undefined) send(answered);
            done();
          })
          .catch(done);
      } catch (error) {
        done(asNvrError(error));
      }
    });
    this.on('close', (_removed: boolean, done: () => void) => {
      cancel();
      camera?.close();
      done();
    });
  }
  RED.nodes.registerType('nvr-snapshot', SnapshotNode as never);
};

class SnapshotCamera {
  private readonly options: SnapshotOptions;
  private readonly channel: string;
  /** A past moment, as people write it; empty: now. */
  private readonly at: string;
  private readonly stream: (typeof STREAMS)[number];
  private readonly ending = new AbortController();
  private sequence = 0;
  private pending = 0;
  private warned: string | undefined;

  constructor(
    private readonly node: Node,
    private readonly server: NvrServerNode,
    saved: Saved,
  ) {
    const reader = new SettingsReader(saved);
    const width = reader.number('width', 0, { min: 16, max: 8192, integer: true });
    this.channel = reader.text('channel', '1');
    this.at = reader.text('at', '');
    this.stream = reader.choice('stream', STREAMS, 'main');
    this.options = {
      format: reader.choice('format', FORMATS, 'jpeg'),
      quality: reader.number('quality', 80, { min: 1, max: 100, integer: true }),
      ...(width > 0 && { width }),
      squarePixels: reader.boolean('squarePixels', false),
      maxAge: reader.number('maxAge', 2, { min: 0, max: 3600 }),
      timeout: reader.number('timeout', 10, { min: 0.1, max: 600 }),
      decoder: reader.choice('decoder', ['auto', 'builtin', 'ffmpeg'], 'auto'),
      ffmpegPath: reader.text('ffmpegPath', ''),
      signal: this.ending.signal,
    };
    if (reader.error !== undefined) throw reader.error;
    nvrOf(server);
    channelNumber(server.settings, this.channel);
    server.register(node);
  }

  /** The message with the picture on it; undefined when the node was closed meanwhile. Rejects with NvrError alone. */
  async answer(message: Message): Promise<Message | undefined> {
    this.pending++;
    this.node.status(BUSY);
    try {
      const own = channelNumber(this.server.settings, this.channel);
      const channel = channelNumber(this.server.settings, orElse(message.channel, this.channel));
      const stream = chosen('stream', STREAMS, message.stream, this.stream);
      const format = chosen('format', FORMATS, message.format, this.options.format);
      const by = channel === own && stream === this.stream ? 'node' : 'message';
      const at = orElse(message.at, this.at);
      const options = { ...this.options, format };
      const snapshot =
        at === ''
          ? await takeSnapshot(nvrOf(this.server).camera(channel, stream, by), options)
          : await this.takePast(this.moment(at), channel, stream, options);
      this.settle(IDLE);
      this.warn(snapshot.warning);
      return this.fill(message, snapshot, channel, stream);
    } catch (error) {
      if (this.ending.signal.aborted) return undefined;
      const told = asNvrError(error, 'EDECODE', 'The picture could not be made.');
      this.settle(failed(told.code));
      throw told;
    }
  }

  private takePast(at: number, channel: number, stream: string, options: SnapshotOptions): Promise<Snapshot> {
    const nvr = nvrOf(this.server);
    if (!nvr.canPlayBack)
      throw new NvrError(
        'EUNSUPPORTED',
        'A past moment needs recordings, and the NVR’s URI style knows none.',
      );
    return takePastSnapshot(
      this,
      (from, to, signal) => nvr.fetchSpan({ channel, stream, from, to }, signal),
      at,
      options,
    );
  }

  private moment(given: unknown): number {
    const now = Date.now();
    const at = parseTime(given, 'at', now, this.server.settings.timeZone);
    if (at >= now) throw new NvrError('EINPUT', '"at" lies in the future: nothing is recorded there yet.');
    return at;
  }

  close(): void {
    this.ending.abort();
    this.server.deregister(this.node);
  }

  private fill(message: Message, snapshot: Snapshot, channel: number, stream: string): Message {
    const { unit, width, height, ageMs, data, contentType } = snapshot;
    const video = { ...videoInfo(unit, ++this.sequence, channel, stream), width, height, ageMs };
    const topic = message.topic ?? topicOf(this.server.settings, channel, 'snapshot');
    return Object.assign(message, { topic, payload: data, contentType, video });
  }

  /** The last one to end says how it went. */
  private settle(status: NodeStatus): void {
    if (--this.pending === 0 && !this.ending.signal.aborted) this.node.status(status);
  }

  /** Once per cause: a flow may ask every second. */
  private warn(warning: NvrError | undefined): void {
    if (warning !== undefined && warning.message !== this.warned) this.node.warn(warning.message);
    this.warned = warning?.message;
  }
}

/** What the message says, where it says something. */
function orElse(given: unknown, own: string): unknown {
  return given === undefined || given === null || given === '' ? own : given;
}

function chosen<T extends string>(property: string, values: readonly T[], given: unknown, own: T): T {
  const wanted = orElse(given, own);
  const found = values.find((value) => value === wanted);
  if (found === undefined) throw new NvrError('EINPUT', `msg.${property} must be ${values.join(' or ')}.`);
  return found;
}
