// One camera of a live-stream node: turns its units and events into messages.

import type { NodeMessage } from 'node-red';
import { isEntry } from '../../lib/codec/entry.js';
import type { MediaUnit } from '../../lib/codec/unit.js';
import type { CameraHub, HubEvent, HubSubscription } from '../../lib/nvr/types.js';
import type { CameraParts } from './cameras-of.js';
import type { FlowContext } from './flow-node.js';
import { eventInfo, topicOr } from './messages.js';
import { Outlet } from './output/outlet.js';
import { Publisher } from './publisher.js';
import type { liveStreamSettings } from './settings/tables/nvr-live-stream.js';
import { PLAYING, statusOfEvent, STOPPED } from './status.js';

export type LiveContext = FlowContext<typeof liveStreamSettings>;

export class LiveCamera {
  private readonly hub: CameraHub;
  private readonly publisher: Publisher;
  private subscription: HubSubscription | undefined;
  private outlet: Outlet | undefined;
  /** Units dropped because of overload, up to the last `stop`. */
  private dropped = 0;
  private lacksKeyframe = false;

  constructor(
    private readonly context: LiveContext,
    private readonly parts: CameraParts,
  ) {
    const { nvr, server, settings } = context;
    const { channel, mark } = parts;
    const { stream, emit } = settings;
    this.hub = nvr.camera(channel, stream);
    this.publisher = new Publisher(server.settings, { channel, stream, mark }, emit);
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

  restart(): void {
    if (this.subscription === undefined) this.start();
    else this.hub.restart();
  }

  stop(): void {
    if (this.subscription === undefined) return;
    this.close();
    this.parts.show(STOPPED);
    this.context.node.send(this.publisher.event('stopped', this.publisher.own));
  }

  /** Returns the same message with the answer in it. */
  status(message: NodeMessage): NodeMessage {
    const dropped = this.dropped + (this.outlet?.dropped ?? 0);
    const event = { ...this.publisher.own, ...this.hub.statistics, dropped };
    const topic = topicOr(message, this.publisher.topic('event'));
    return Object.assign(message, { topic, payload: 'status', event, ...this.parts.mark });
  }

  close(): void {
    if (this.subscription === undefined) return;
    this.subscription.unsubscribe();
    this.subscription = undefined;
    this.outlet?.close();
    this.dropped += this.outlet?.dropped ?? 0;
    this.outlet = undefined;
  }

  private onEvent(event: HubEvent): void {
    const status = statusOfEvent(event);
    if (status !== undefined) {
      this.parts.show(status);
      this.lacksKeyframe = event.type === 'warning';
    }
    this.sendEvent(event.type, eventInfo(event));
    if (event.firstOfOutage === true) this.context.node.error(event.error, { ...this.parts.mark });
  }

  private onUnit(unit: MediaUnit): void {
    if (unit.kind !== 'video') {
      this.outlet?.sound(unit.data.length, () => this.publisher.side(unit));
      return;
    }
    const messages = this.publisher.count(unit);
    if (this.lacksKeyframe && messages > 0) {
      this.lacksKeyframe = false;
      this.parts.show(PLAYING);
    }
    const offer = { keyframe: isEntry(unit), arrival: unit.arrival, messages, bytes: unit.data.length };
    this.outlet?.picture(offer, (index) => this.publisher.picture(unit, index));
  }

  private onOverload(what: 'pictures' | 'sound'): void {
    const reason =
      what === 'pictures'
        ? 'The flow cannot keep up; only keyframes are sent until it can.'
        : 'The flow cannot keep up; sound and metadata are left out until it can.';
    this.sendEvent('gap', { ...this.publisher.own, code: 'EOVERLOAD', reason });
  }

  private sendEvent(word: string, event: Record<string, unknown>): void {
    this.outlet?.event(word, event, (fields) => this.publisher.event(word, fields));
  }
}
