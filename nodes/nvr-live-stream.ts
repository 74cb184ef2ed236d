// Flow node `nvr-live-stream`: a camera's live units on output 1, the story of its session on output 2, audio and metadata on output 3.

import type { Node, NodeAPI, NodeDef, NodeMessage, NodeMessageInFlow } from 'node-red';
import { isEntry, isKeyframe } from '../lib/codec/entry.js';
import type { MediaUnit, VideoUnit } from '../lib/codec/unit.js';
import { NvrError } from '../lib/errors.js';
import type { CameraHub, HubEvent, HubSubscription, OnLoss } from '../lib/nvr/types.js';
import { channelNumber } from './shared/channel.js';
import { contentTypeOf, eventInfo, sideInfo, topicOf, videoInfo } from './shared/messages.js';
import { loopDelay, OverloadGuard } from './shared/overload.js';
import { refuseSettings } from './shared/refuse.js';
import { nvrOf, serverOf, whenFlowsRun, type NvrServerNode } from './shared/server-node.js';
import { SettingsReader } from './shared/settings-reader.js';
import { IDLE, PLAYING, statusOfEvent, STOPPED } from './shared/status.js';

type Saved = NodeDef & Record<string, unknown>;
type Emit = 'keyframes' | 'accessUnits' | 'nalUnits';
type Send = (messages: (NodeMessage | null)[]) => void;
type Done = (error?: Error) => void;

interface Message extends NodeMessageInFlow {
  action?: unknown;
}

export = (RED: NodeAPI): void => {
  function LiveStreamNode(this: Node, saved: Saved): void {
    RED.nodes.createNode(this, saved);
    this.status(IDLE);
    let live: LiveStream | undefined;
    const cancel = whenFlowsRun(RED, () => {
      try {
        live = new LiveStream(this, serverOf(RED, saved.nvr), saved);
        live.start();
      } catch (error) {
        refuseSettings(this, error);
      }
    });
    this.on('input', (message: Message, send, done) => {
      if (live === undefined)
        done(new NvrError('EINPUT', 'The node’s settings cannot be used; see its status.'));
      else live.control(message, send, done);
    });
    this.on('close', (_removed: boolean, done: () => void) => {
      cancel();
      live?.close();
      done();
    });
  }
  RED.nodes.registerType('nvr-live-stream', LiveStreamNode as never);
};

class LiveStream {
  private readonly hub: CameraHub;
  private readonly channel: number;
  private readonly stream: string;
  private readonly emit: Emit;
  private readonly onLoss: OnLoss;
  private subscription: HubSubscription | undefined;
  private sequence = 0;
  private guard = new OverloadGuard();
  /** Units not sent for overload. */
  private dropped = 0;
  private lacksKeyframe = false;

  constructor(
    private readonly node: Node,
    private readonly server: NvrServerNode,
    saved: Saved,
  ) {
    const reader = new SettingsReader(saved);
    this.stream = reader.choice('stream', ['main', 'dual'], 'main');
    this.emit = reader.choice<Emit>('emit', ['keyframes', 'accessUnits', 'nalUnits'], 'keyframes');
    this.onLoss = reader.choice<OnLoss>('onLoss', ['keep', 'skip'], 'keep');
    const channel = reader.text('channel', '1');
    if (reader.error !== undefined) throw reader.error;
    const nvr = nvrOf(server);
    this.channel = channelNumber(server.settings, channel);
    this.hub = nvr.camera(this.channel, this.stream);
    server.register(node);
  }

  start(): void {
    if (this.subscription !== undefined) return;
    loopDelay.acquire();
    this.guard = new OverloadGuard();
    this.subscription = this.hub.subscribe({
      onLoss: this.onLoss,
      onUnit: (unit) => {
        this.onUnit(unit);
      },
      onEvent: (event) => {
        this.onEvent(event);
      },
    });
  }

  stop(): void {
    if (this.subscription === undefined) return;
    this.subscription.unsubscribe();
    this.subscription = undefined;
    loopDelay.release();
  }

  close(): void {
    this.stop();
    this.server.deregister(this.node);
  }

  control(message: Message, send: Send, done: Done): void {
    switch (message.action) {
      case 'start':
        this.start();
        break;
      case 'stop':
        if (this.subscription !== undefined) {
          this.stop();
          this.node.status(STOPPED);
          this.sendEvent('stopped', { channel: this.channel, stream: this.stream, time: Date.now() });
        }
        break;
      case 'restart':
        if (this.subscription === undefined) this.start();
        else this.hub.restart();
        break;
      case 'status': {
        const event = {
          channel: this.channel,
          stream: this.stream,
          time: Date.now(),
          ...this.hub.statistics,
          dropped: this.dropped,
        };
        send([
          null,
          Object.assign(message, { topic: message.topic ?? this.topic('event'), payload: 'status', event }),
        ]);
        break;
      }
      default:
        done(new NvrError('EINPUT', 'msg.action must be one of start, stop, restart, status.'));
        return;
    }
    done();
  }

  private onEvent(event: HubEvent): void {
    const status = statusOfEvent(event);
    if (status !== undefined) {
      this.node.status(status);
      this.lacksKeyframe = event.type === 'warning';
    }
    this.sendEvent(event.type, eventInfo(event));
    if (event.firstOfOutage === true && event.error !== undefined) this.node.error(event.error, {});
  }

  private onUnit(unit: MediaUnit): void {
    if (unit.kind !== 'video') {
      this.sendSideTrack(unit);
      return;
    }
    if (this.lacksKeyframe && this.isWanted(unit)) {
      this.lacksKeyframe = false;
      this.node.status(PLAYING);
    }
    const now = performance.now();
    switch (this.guard.judge(isEntry(unit), now - unit.arrival, loopDelay.delay(now), now)) {
      case 'begin':
        this.sendEvent('gap', {
          channel: this.channel,
          stream: this.stream,
          time: Date.now(),
          code: 'EOVERLOAD',
          reason: 'The flow cannot keep up; only keyframes are sent until it can.',
        });
        if (isEntry(unit)) this.sendVideo(unit);
        else this.dropped++;
        return;
      case 'drop':
        this.dropped++;
        return;
      case 'end':
      case 'send':
        this.sendVideo(unit);
    }
  }

  private sendVideo(unit: VideoUnit): void {
    if (!this.isWanted(unit)) return;
    if (this.emit === 'nalUnits' && unit.nals.length > 0) {
      for (const { type, start, end } of unit.nals)
        this.sendPicture(unit, 'nal', unit.data.subarray(start, end), type);
    } else {
      this.sendPicture(unit, unit.keyframe ? 'keyframe' : 'frame', unit.data, undefined);
    }
  }

  private isWanted(unit: VideoUnit): boolean {
    return this.emit !== 'keyframes' || isKeyframe(unit);
  }

  private sendPicture(unit: VideoUnit, what: string, payload: Buffer, nalType: number | undefined): void {
    const video = videoInfo(unit, ++this.sequence, this.channel, this.stream, nalType);
    this.node.send([{ topic: this.topic(what), payload, contentType: contentTypeOf(unit), video }, null]);
  }

  private sendSideTrack(unit: Exclude<MediaUnit, VideoUnit>): void {
    this.node.send([
      null,
      null,
      {
        topic: this.topic(unit.kind),
        payload: unit.data,
        contentType: contentTypeOf(unit),
        ...sideInfo(unit, this.channel),
      },
    ]);
  }

  private sendEvent(word: string, event: object): void {
    this.node.send([null, { topic: this.topic('event'), payload: word, event }]);
  }

  private topic(what: string): string {
    return topicOf(this.server.settings, this.channel, what);
  }
}
