// Flow node `nvr-live-stream`: a camera's live units on output 1, the story of its session on output 2, audio and metadata on output 3.

import type { Node, NodeAPI, NodeDef, NodeMessage, NodeMessageInFlow } from 'node-red';
import { isEntry, isKeyframe } from '../lib/codec/entry.js';
import type { MediaUnit, NalRange, VideoUnit } from '../lib/codec/unit.js';
import { NvrError } from '../lib/errors.js';
import type { CameraHub, HubEvent, HubSubscription, OnLoss } from '../lib/nvr/types.js';
import { channelNumber } from './shared/channel.js';
import { contentTypeOf, eventInfo, sideInfo, topicOf, videoInfo } from './shared/messages.js';
import { Outlet, type Outputs } from './shared/output/outlet.js';
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
  private outlet: Outlet | undefined;
  /** Units not sent for overload, up to the last `stop`. */
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
    this.outlet = new Outlet({
      send: (outputs) => {
        this.node.send(outputs);
      },
      onOverload: (what) => {
        this.onOverload(what);
      },
    });
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
    this.outlet?.close();
    this.dropped += this.outlet?.dropped ?? 0;
    this.outlet = undefined;
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
          this.node.send(this.eventOutputs('stopped', this.own));
        }
        break;
      case 'restart':
        if (this.subscription === undefined) this.start();
        else this.hub.restart();
        break;
      case 'status': {
        const dropped = this.dropped + (this.outlet?.dropped ?? 0);
        const event = { ...this.own, ...this.hub.statistics, dropped };
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
    this.tell(event.type, eventInfo(event));
    if (event.firstOfOutage === true) this.node.error(event.error, {});
  }

  private onUnit(unit: MediaUnit): void {
    if (unit.kind !== 'video') {
      this.outlet?.sound(unit.data.length, () => this.sideOutputs(unit));
      return;
    }
    const isWanted = this.emit !== 'keyframes' || isKeyframe(unit);
    if (this.lacksKeyframe && isWanted) {
      this.lacksKeyframe = false;
      this.node.status(PLAYING);
    }
    const inNals = this.emit === 'nalUnits' && unit.nals.length > 0;
    const messages = isWanted ? (inNals ? unit.nals.length : 1) : 0;
    const offer = { keyframe: isEntry(unit), arrival: unit.arrival, messages, bytes: unit.data.length };
    this.outlet?.picture(offer, (index) => this.pictureOutputs(unit, inNals ? unit.nals[index] : undefined));
  }

  private onOverload(what: 'pictures' | 'sound'): void {
    const reason =
      what === 'pictures'
        ? 'The flow cannot keep up; only keyframes are sent until it can.'
        : 'The flow cannot keep up; sound and metadata are left out until it can.';
    this.tell('gap', { ...this.own, code: 'EOVERLOAD', reason });
  }

  private tell(word: string, event: Record<string, unknown>): void {
    this.outlet?.event(word, event, (told) => this.eventOutputs(word, told));
  }

  private pictureOutputs(unit: VideoUnit, nal: NalRange | undefined): Outputs {
    const what = nal !== undefined ? 'nal' : unit.keyframe ? 'keyframe' : 'frame';
    const payload = nal === undefined ? unit.data : unit.data.subarray(nal.start, nal.end);
    const video = videoInfo(unit, ++this.sequence, this.channel, this.stream, nal?.type);
    return [{ topic: this.topic(what), payload, contentType: contentTypeOf(unit), video }, null];
  }

  private sideOutputs(unit: Exclude<MediaUnit, VideoUnit>): Outputs {
    const message = {
      topic: this.topic(unit.kind),
      payload: unit.data,
      contentType: contentTypeOf(unit),
      ...sideInfo(unit, this.channel),
    };
    return [null, null, message];
  }

  private eventOutputs(word: string, event: object): Outputs {
    return [null, { topic: this.topic('event'), payload: word, event }];
  }

  /** What every event of this node says. */
  private get own(): { channel: number; stream: string; time: number } {
    return { channel: this.channel, stream: this.stream, time: Date.now() };
  }

  private topic(what: string): string {
    return topicOf(this.server.settings, this.channel, what);
  }
}
