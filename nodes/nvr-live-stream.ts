// Flow node `nvr-live-stream`: a camera's live units on output 1, the story of its session on output 2, audio
// and metadata on output 3.

import type { NodeAPI } from 'node-red';
import { isEntry } from '../lib/codec/entry.js';
import type { MediaUnit } from '../lib/codec/unit.js';
import { NvrError } from '../lib/errors.js';
import type { CameraHub, HubEvent, HubSubscription } from '../lib/nvr/types.js';
import { channelNumber } from './shared/channel.js';
import { flowNode, type FlowContext, type FlowPart, type Input, type Send } from './shared/flow-node.js';
import { eventInfo } from './shared/messages.js';
import { Outlet } from './shared/output/outlet.js';
import { Publisher } from './shared/publisher.js';
import { liveStreamSettings } from './shared/settings/tables/nvr-live-stream.js';
import { PLAYING, statusOfEvent, STOPPED } from './shared/status.js';

export = (RED: NodeAPI): void => {
  flowNode(RED, 'nvr-live-stream', liveStreamSettings, (context) => new LiveStream(context));
};

class LiveStream implements FlowPart {
  private readonly hub: CameraHub;
  private readonly publisher: Publisher;
  private subscription: HubSubscription | undefined;
  private outlet: Outlet | undefined;
  /** Units not sent for overload, up to the last `stop`. */
  private dropped = 0;
  private lacksKeyframe = false;

  constructor(private readonly context: FlowContext<typeof liveStreamSettings>) {
    const { nvr, server, settings } = context;
    const { stream, emit } = settings;
    const channel = channelNumber(server.settings, settings.channel);
    this.hub = nvr.camera(channel, stream);
    this.publisher = new Publisher(server.settings, { channel, stream }, emit);
  }

  start(): void {
    if (this.subscription !== undefined) return;
    this.outlet = new Outlet({
      send: (outputs) => {
        this.context.node.send(outputs);
      },
      onOverload: (what) => {
        this.onOverload(what);
      },
    });
    this.subscription = this.hub.subscribe({
      onLoss: this.context.settings.onLoss,
      onUnit: (unit) => {
        this.onUnit(unit);
      },
      onEvent: (event) => {
        this.onEvent(event);
      },
    });
  }

  input(message: Input, send: Send): void {
    switch (message.action) {
      case 'start':
        this.start();
        break;
      case 'stop':
        this.stop();
        break;
      case 'restart':
        if (this.subscription === undefined) this.start();
        else this.hub.restart();
        break;
      case 'status':
        this.answerStatus(message, send);
        break;
      default:
        throw new NvrError('EINPUT', 'msg.action must be one of start, stop, restart, status.');
    }
  }

  close(): void {
    if (this.subscription === undefined) return;
    this.subscription.unsubscribe();
    this.subscription = undefined;
    this.outlet?.close();
    this.dropped += this.outlet?.dropped ?? 0;
    this.outlet = undefined;
  }

  private stop(): void {
    if (this.subscription === undefined) return;
    this.close();
    const { node } = this.context;
    node.status(STOPPED);
    node.send(this.publisher.event('stopped', this.publisher.own));
  }

  private answerStatus(message: Input, send: Send): void {
    const dropped = this.dropped + (this.outlet?.dropped ?? 0);
    const event = { ...this.publisher.own, ...this.hub.statistics, dropped };
    const topic = message.topic ?? this.publisher.topic('event');
    send([null, Object.assign(message, { topic, payload: 'status', event })]);
  }

  private onEvent(event: HubEvent): void {
    const { node } = this.context;
    const status = statusOfEvent(event);
    if (status !== undefined) {
      node.status(status);
      this.lacksKeyframe = event.type === 'warning';
    }
    this.tell(event.type, eventInfo(event));
    if (event.firstOfOutage === true) node.error(event.error, {});
  }

  private onUnit(unit: MediaUnit): void {
    if (unit.kind !== 'video') {
      this.outlet?.sound(unit.data.length, () => this.publisher.side(unit));
      return;
    }
    const messages = this.publisher.count(unit);
    if (this.lacksKeyframe && messages > 0) {
      this.lacksKeyframe = false;
      this.context.node.status(PLAYING);
    }
    const offer = { keyframe: isEntry(unit), arrival: unit.arrival, messages, bytes: unit.data.length };
    this.outlet?.picture(offer, (index) => this.publisher.picture(unit, index));
  }

  private onOverload(what: 'pictures' | 'sound'): void {
    const reason =
      what === 'pictures'
        ? 'The flow cannot keep up; only keyframes are sent until it can.'
        : 'The flow cannot keep up; sound and metadata are left out until it can.';
    this.tell('gap', { ...this.publisher.own, code: 'EOVERLOAD', reason });
  }

  private tell(word: string, event: Record<string, unknown>): void {
    this.outlet?.event(word, event, (told) => this.publisher.event(word, told));
  }
}
