// Flow node `nvr-record`: an alarm makes a clip that begins before it, or segments are recorded without end,
// of one camera or of several. Clips on output 1, their story and the streams' on output 2.

import type { NodeAPI } from 'node-red';
import { CameraBadges } from './shared/camera-badges.js';
import { flowNode, type FlowPart, type Input, type Send } from './shared/flow-node.js';
import { OwnCameras } from './shared/own-cameras.js';
import { RecordCamera } from './shared/record-camera.js';
import { keepGiB, type RecordContext } from './shared/record-options.js';
import { recordSettings } from './shared/settings/tables/nvr-record.js';
import { IDLE } from './shared/status.js';

/** What may be said to all of a node's cameras at once; all else is about one. */
const OF_ALL: ReadonlySet<unknown> = new Set(['stop', 'arm', 'disarm', 'status']);

export = (RED: NodeAPI): void => {
  flowNode(RED, 'nvr-record', recordSettings, (context) => new RecordNode(context));
};

class RecordNode implements FlowPart {
  private readonly own: OwnCameras;
  private readonly cameras: ReadonlyMap<number, RecordCamera>;

  constructor(private readonly context: RecordContext) {
    const { node, server, settings } = context;
    this.own = new OwnCameras(server.settings, settings.channel, settings.channelType);
    const { channels } = this.own;
    const badges = new CameraBadges(
      (badge) => {
        node.status(badge);
      },
      channels,
      IDLE,
      'armed',
    );
    const exporting = new Set<Promise<unknown>>();
    this.cameras = new Map(
      channels.map((channel) => {
        const mark = this.own.markOf(channel);
        const id = mark.channel === undefined ? node.id : `${node.id}-${channel}`;
        const show = (badge: Parameters<typeof badges.set>[1]): void => {
          badges.set(channel, badge);
        };
        return [channel, new RecordCamera(context, { channel, mark, id, exporting, show })];
      }),
    );
  }

  start(): void {
    const { settings, savedVersion } = this.context;
    const { keepDays, keepFolderGiB, keepFreeGiB } = settings;
    const isLimited = Math.max(keepDays, keepGiB(settings, savedVersion), keepFolderGiB, keepFreeGiB) > 0;
    const fillsDisk = settings.mode === 'continuous' && savedVersion === 0 && !isLimited;
    for (const camera of this.cameras.values()) {
      if (fillsDisk) camera.warnOfNoLimit();
      camera.arm();
    }
    // They share the folder.
    void [...this.cameras.values()][0]!.cleanUp();
  }

  /**
   * Answered at once, or with the clip that the message began. An alarm names its camera, if there are
   * several.
   */
  async input(message: Input, send: Send): Promise<void> {
    const { action, channel } = message;
    const isForAll = OF_ALL.has(action) || (action === 'start' && this.context.settings.mode !== 'alarm');
    const channels = isForAll ? this.own.named(channel) : [this.own.one(channel)];
    const cameras = channels.map((one) => this.cameras.get(one)!);
    if (cameras.length === 1) {
      await cameras[0]!.input(message, send);
      return;
    }
    const { RED } = this.context;
    await Promise.all(cameras.map((camera) => camera.input(RED.util.cloneMessage(message), send)));
  }

  /** Finishes what is recorded, within the time that Node-RED gives. */
  async close(isLast: boolean): Promise<void> {
    await Promise.all([...this.cameras.values()].map((camera) => camera.close(isLast)));
  }
}
