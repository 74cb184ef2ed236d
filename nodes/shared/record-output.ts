// The messages of a record node: clips on output 1, events of the recorder and the stream on output 2.

import type { Node, NodeMessage } from 'node-red';
import type { NvrError } from '../../lib/errors.js';
import type { ClipInfo, RecorderEvent, RecorderStatus } from '../../lib/nvr/recorder/types.js';
import type { CameraHub, HubEvent, NvrSettings } from '../../lib/nvr/types.js';
import { clipFields, notAttached } from './clip-message.js';
import { eventInfo, flatClip, topicOf, topicOr } from './messages.js';
import { Outlet } from './output/outlet.js';
import type { CameraMark } from './own-cameras.js';

export class RecordOutput {
  private readonly outlet: Outlet;

  constructor(
    node: Node,
    private readonly settings: NvrSettings,
    private readonly hub: CameraHub,
    private readonly attach: boolean,
    readonly mark: CameraMark,
  ) {
    this.outlet = new Outlet({
      send: (outputs) => {
        node.send(outputs);
      },
    });
  }

  /** Returns the same message with a finished clip in it, for output 1. */
  clip(message: NodeMessage, info: ClipInfo): NodeMessage {
    const topic = topicOr(message, topicOf(this.settings, this.hub.channel, 'clip'));
    return Object.assign(message, {
      topic,
      ...clipFields(info, this.attach),
      clip: { ...info },
      ...this.mark,
    });
  }

  /**
   * Returns the same message with the answer in it, for output 2. `state` is the recorder's, `streamState`
   * the stream's.
   */
  status(message: NodeMessage, recorder: RecorderStatus, publicKey: string | undefined): NodeMessage {
    const { statistics } = this.hub;
    const key = publicKey !== undefined && { publicKey };
    return this.withEvent(message, 'status', {
      ...statistics,
      streamState: statistics.state,
      ...recorder,
      ...key,
    });
  }

  /** Returns the same message with an event in it, for output 2. */
  withEvent(message: NodeMessage, word: string, more: object): NodeMessage {
    const { channel, stream } = this.hub;
    const event = { channel, stream, time: Date.now(), ...more };
    return Object.assign(message, {
      topic: topicOr(message, this.eventTopic),
      payload: word,
      event,
      ...this.mark,
    });
  }

  /** Returns the same message with the requested data in it, for output 1. */
  answer(message: NodeMessage, what: string, more: object): NodeMessage {
    const topic = topicOr(message, topicOf(this.settings, this.hub.channel, what));
    return Object.assign(message, { topic, ...more, ...this.mark });
  }

  /** Sends an event at its permitted rate. */
  event(word: string, more: object = {}): void {
    const { channel, stream } = this.hub;
    this.outlet.event(word, { channel, stream, time: Date.now(), ...more }, (event) => [
      null,
      { topic: this.eventTopic, payload: word, event, ...this.mark },
    ]);
  }

  recorderEvent(event: RecorderEvent): void {
    this.event(event.type, recorderInfo(event));
    const tooLarge = event.type === 'finished' ? notAttached(event.info, this.attach) : undefined;
    if (tooLarge !== undefined) this.warning(tooLarge);
  }

  hubEvent(event: HubEvent): void {
    this.event(event.type, eventInfo(event));
  }

  warning(error: NvrError): void {
    this.event('warning', faultOf(error));
  }

  close(): void {
    this.outlet.close();
  }

  private get eventTopic(): string {
    return topicOf(this.settings, this.hub.channel, 'event');
  }
}

/** A recorder's event as `msg.event`: flat, without its word and fields for internal use. */
function recorderInfo(event: RecorderEvent): object {
  switch (event.type) {
    case 'armed':
      return {};
    case 'finished':
      return { clip: event.clip, ...flatClip(event.info) };
    case 'failed': {
      const { clip, file, error } = event;
      return { clip, ...(file !== undefined && { file }), ...faultOf(error) };
    }
    case 'warning':
      return faultOf(event.error);
    case 'recording':
    case 'extended':
    case 'thinned':
    case 'deleted': {
      const { type: _type, ...info } = event;
      return info;
    }
  }
}

function faultOf({ code, message }: NvrError): { code: string; reason: string } {
  return { code, reason: message };
}
