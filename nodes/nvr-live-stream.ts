// Flow node `nvr-live-stream`: sends the live units of one or several cameras on output 1, events of their
// sessions on output 2, audio and metadata on output 3.

import type { NodeAPI } from 'node-red';
import { NvrError } from '../lib/errors.js';
import { camerasOf } from './shared/cameras-of.js';
import { flowNode, type FlowPart, type Input, type Send } from './shared/flow-node.js';
import { LiveCamera, type LiveContext } from './shared/live-camera.js';
import type { OwnCameras } from './shared/own-cameras.js';
import { liveStreamSettings } from './shared/settings/tables/nvr-live-stream.js';

export = (RED: NodeAPI): void => {
  flowNode(RED, 'nvr-live-stream', liveStreamSettings, (context) => new LiveStream(context));
};

class LiveStream implements FlowPart {
  private readonly own: OwnCameras;
  private readonly cameras: ReadonlyMap<number, LiveCamera>;

  constructor(private readonly context: LiveContext) {
    const { own, cameras } = camerasOf(context, 'playing', (parts) => new LiveCamera(context, parts));
    this.own = own;
    this.cameras = cameras;
  }

  start(): void {
    for (const camera of this.cameras.values()) camera.start();
  }

  /** Applies to the cameras in `msg.channel`, or to all. */
  input(message: Input, send: Send): void {
    const cameras = this.own.named(message.channel).map((channel) => this.cameras.get(channel)!);
    switch (message.action) {
      case 'start':
        for (const camera of cameras) camera.start();
        break;
      case 'stop':
        for (const camera of cameras) camera.stop();
        break;
      case 'restart':
        for (const camera of cameras) camera.restart();
        break;
      case 'status':
        for (const camera of cameras)
          send([null, camera.status(cameras.length === 1 ? message : this.copy(message))]);
        break;
      default:
        throw new NvrError('EINPUT', 'msg.action must be one of start, stop, restart, status.');
    }
  }

  close(): void {
    for (const camera of this.cameras.values()) camera.close();
  }

  private copy(message: Input): Input {
    return this.context.RED.util.cloneMessage(message);
  }
}
